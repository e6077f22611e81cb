"""How long the prompt lab takes to judge a changed template: python -m evals.benchmarks.lab_speed.

A lab is opened once. Then a template that it has never seen is evaluated on 2,000 exposures of the
demo world's development users with the pocket agent, beside the incumbent: the first time with
nothing in the decision cache, then after an edit, then again unchanged.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from simulator.engines.presets import PRESETS
from simulator.lab import Book, Lab, Variant

_EDITS = (
    ("first evaluation, with the incumbent", {"be choosy": "be choosy, please"}),
    ("edited in the static part", {"be choosy": "be hard to please"}),
    ("edited in the user part", {"Watched so far, oldest": "Films watched, oldest"}),
    ("edited in the candidate part", {"Recommended:": "Shown now:"}),
)


def main() -> None:
    """Print seconds by step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exposures", type=int, default=2000)
    parser.add_argument("--model", default=PRESETS["pocket"].name)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        lab = Lab.open(
            "demo",
            model=arguments.model,
            engine="transformers",
            cache=str(Path(folder) / "decisions.sqlite"),
            book=Book(Path(folder) / "book.sqlite"),
        )
        print(f"{'opening the lab':40} {time.perf_counter() - start:6.1f} s")
        with lab:
            incumbent = lab.variant()
            for what, phrases in _EDITS:
                edited = lab.variant(incumbent.template.with_phrases(what, phrases))
                _time(lab, what, [incumbent, edited], arguments.exposures)
            _time(lab, "unchanged", [incumbent, edited], arguments.exposures)


def _time(lab: Lab, what: str, variants: Sequence[Variant], exposures: int) -> None:
    start = time.perf_counter()
    found = lab.evaluate(variants, exposures=exposures)
    seconds = time.perf_counter() - start
    costs = found.costs
    engine = (costs["seconds"].astype(float) * costs["asked"].astype(float)).sum()
    print(
        f"{what:40} {seconds:6.1f} s, {engine:5.1f} s in the engine, {costs['asked'].sum()} asked"
    )


if __name__ == "__main__":
    main()
