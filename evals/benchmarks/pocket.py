"""The pocket agent on the demo world's held-out users, beside the fitted distribution model.

Run it:  python -m evals.benchmarks.pocket [--model FOLDER] [--exposures N]

Two tables. The first: every logged exposure of the held-out users, without and with the shipped
few-shot examples, in English and Chinese. The second: the newer half of the log only, where the
distribution model can be asked too: its vectors come from the interactions before that, of all
users, and its w and b from the training users' exposures in that half.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np

from evals.judgement import Judgement
from evals.judging import judge
from prompts import load_template, shipped_examples
from simulator.clicks import AgentClicks
from simulator.config import RunConfig
from simulator.data.demo import demo_split, load_demo
from simulator.domain import Dataset, IntArray
from simulator.engines.transformers_local import TransformersEngine
from simulator.experiment.judging import TrueClicks, judge_click_models
from simulator.experiment.labelled import labelled_exposures
from simulator.interfaces import ClickModel
from simulator.seeding import sample_rows

_MEASURES = ("auc", "auc_reached", "user_auc", "log_loss", "calibration_error", "click_rate_ratio")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--exposures", type=int, default=9_600, help="at most; all by default")
    options = parser.parse_args()
    data = load_demo()
    assert data.log is not None
    engine = TransformersEngine(options.model)
    everything = np.flatnonzero(np.isin(data.log.user, demo_split().held_out))
    everything = everything[sample_rows(0, "pocket benchmark", len(everything), options.exposures)]
    print(f"\nHeld-out users, {len(everything)} exposures, any moment")
    models: dict[str, ClickModel] = {"truth": TrueClicks()}
    for name in ("movies/click-en", "movies/click-zh"):
        template = load_template(name)
        for label, examples in (("", ()), (", examples", shipped_examples(template))):
            models[f"pocket, {name[-2:]}{label}"] = AgentClicks(engine, template, examples=examples)
    _show(_judge(data, everything, models))

    agent = AgentClicks(engine, load_template("movies/click-en"))
    judged = judge_click_models(RunConfig(), data, agent, print, exposures=options.exposures)
    print(f"\nHeld-out users, {len(judged.log)} exposures, the newer half of the log")
    _show(judged)
    print("\nagent - distribution, 95% interval over users")
    gaps = judged.differences.set_index(["model", "measure"]).loc["agent"]
    print(gaps.loc[["auc", "log_loss"], ["difference", "low", "high"]].round(4).to_string())


_HEADER = f"{'':34s}" + "".join(f"{name:>18s}" for name in _MEASURES)


def _judge(data: Dataset, rows: IntArray, models: Mapping[str, ClickModel]) -> Judgement:
    return judge(models, labelled_exposures(data, rows, data.interactions))


def _show(judged: Judgement) -> None:
    print(_HEADER)
    failed = judged.failures.groupby("model")["count"].sum()
    for name in judged.models:
        figures = "".join(f"{judged.value(name, measure):18.4f}" for measure in _MEASURES)
        failures = f"  failures: {failed[name]}" if name in failed else ""
        print(f"{name:34s}{figures}{failures}")


if __name__ == "__main__":
    main()
