"""What does a larger network buy, and what do more users? AUC and log-loss of trained agents.

    python -m evals.benchmarks.training_scaling --data ml-100k --out scaling --threads 2
    python -m evals.benchmarks.training_scaling --data ml-100k --out scaling --only 64x2 --shares 1

One agent from scratch for each shape and each share of the training users, all with the same
settings, judged on the later half of the held-out users' logs (the exposures that
`nudgesim compare` judges by), raw and calibrated. Cells that are finished in `--out` are not
trained again, and one that was interrupted goes on from its checkpoint, so that the table may be
made in many sittings. A base model is a row like any other: `--base FOLDER --lora`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from evals.judging import judge
from prompts import Personas, load_template
from simulator.clicks import AgentClicks
from simulator.clicks.calibration import load_calibration
from simulator.data import load_dataset
from simulator.domain import Dataset, IntArray
from simulator.engines.trained_files import CALIBRATION, REPORT, TEMPLATE
from simulator.engines.transformers_local import TransformersEngine
from simulator.experiment.labelled import labelled_exposures
from simulator.experiment.split import known_before, split_log, users_split
from simulator.interfaces import ClickModel
from simulator.seeding import sample_rows
from simulator.training import LoraSettings, TrainingSettings, recipe, train_agent

_SHAPES = {"32x1": (32, 1), "64x2": (64, 2), "128x3": (128, 3), "256x4": (256, 4)}
"""Width and layers."""
_MEASURES = ("auc", "log_loss", "calibration_error")


@dataclass(frozen=True)
class _Cell:
    """A row of the table."""

    name: str
    share: float
    settings: TrainingSettings

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.share:g}"


def main() -> None:
    """Train what is missing, judge everything, print the table."""
    asked = _arguments()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    data = load_dataset(asked.data)
    training, held_out = users_split(data)
    rows = []
    for cell in _cells(asked):
        folder = asked.out / cell.folder
        if not (folder / REPORT).exists():
            size = round(len(training) * cell.share)
            users = training[sample_rows(0, "scaling", len(training), size)]
            print(f"training {cell.folder} on {len(users)} users", flush=True)
            train_agent(cell.settings, data, folder, split=(users, held_out), say=print)
        rows.append({**_facts(cell, folder), **_judged(data, folder, asked.exposures)})
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(asked.out / "scaling.csv", index=False)
    print(table.to_string(index=False))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=_SHAPES, action="append", help="may be repeated")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5, 1.0])
    parser.add_argument("--base", action="append", default=[], help="a model; may be repeated")
    parser.add_argument("--lora", action="store_true", help="adapt bases instead of all weights")
    parser.add_argument("--epochs", type=float, default=6)
    parser.add_argument("--exposures", type=int, default=20_000, help="judged, at most")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


def _cells(asked: argparse.Namespace) -> Iterator[_Cell]:
    scratch = replace(recipe(), epochs=asked.epochs)
    shapes = {} if asked.base and not asked.only else _SHAPES
    for share in asked.shares:
        for name in asked.only or shapes:
            hidden, layers = _SHAPES[name]
            network = replace(
                scratch.network, hidden=hidden, layers=layers, feed_forward=2 * hidden
            )
            yield _Cell(name, share, replace(scratch, network=network))
        for base in asked.base:
            lora = LoraSettings() if asked.lora else None
            yield _Cell(Path(base).name, share, replace(recipe(base), lora=lora))


def _facts(cell: _Cell, folder: Path) -> dict[str, object]:
    report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    return {
        "agent": cell.name,
        "parameters": report["parameters"],
        "users": report["users"],
        "decisions": report["decisions"],
        "minutes": round(report["seconds"] / 60, 1),
        "decisions/s": round(report["decisions_per_second"]),
    }


def _judged(data: Dataset, folder: Path, most: int) -> dict[str, float]:
    """Measures of the agent on held-out users, calibrated and as it answers."""
    split = split_log(data)
    rows: IntArray = np.sort(
        split.judging[sample_rows(0, "scaling rows", len(split.judging), most)]
    )
    assert data.log is not None
    engine = TransformersEngine(folder)
    template = load_template(folder / TEMPLATE)
    fitted = load_calibration(folder / CALIBRATION)
    personas = Personas(data, known_before(data, split.judging))
    models: dict[str, ClickModel] = {
        "calibrated": AgentClicks(
            engine, template, personas=personas, calibration=fitted.calibration
        ),
        "raw": AgentClicks(engine, template, personas=personas),
    }
    judged = judge(models, labelled_exposures(data, rows, split.early))
    engine.close()
    found = {m: round(judged.value("calibrated", m), 4) for m in _MEASURES}
    return {**found, "raw log_loss": round(judged.value("raw", "log_loss"), 4)}


if __name__ == "__main__":
    main()
