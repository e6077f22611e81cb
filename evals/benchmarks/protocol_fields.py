"""What does each field of a protocol do to the figures? One field changed at a time.

    python -m evals.benchmarks.protocol_fields --data ml-100k --category Sci-Fi

Plays ITMPRec and IPG under `released-code` as it is, then with each field set to what `fair` has;
and under `fair`, with each field set to what `paper` has. The targets are the same random ones
throughout, but for the fields that choose targets. Every run is a run directory under --out, so a
repeated command plays only what is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from evals.metrics import curves
from simulator.config import RunConfig
from simulator.experiment import build_world, run_experiment
from simulator.protocol import PRESETS, Measurement, NudgingProtocol
from simulator.runlog import Run

_METHODS = ("itmprec", "ipg")
_OF_TARGETS = ("targets", "prematch_vectors", "prematch_candidates")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--category", default="Sci-Fi")
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("runs/protocol-fields"))
    asked = parser.parse_args()
    print("| start | field changed | HR | IoI | IoR | HR, IPG | IoI, IPG | IoR, IPG |")
    print("|---|---|---|---|---|---|---|---|")
    for base, other in (("released-code", "fair"), ("fair", "paper")):
        for name, protocol in variants(base, other):
            choosing = name.startswith(_OF_TARGETS)
            cells = [_figures(_run(asked, method, protocol, choosing)) for method in _METHODS]
            print(" | ".join(["", base, name, *cells]) + " |", flush=True)


def variants(base: str, other: str) -> Iterator[tuple[str, NudgingProtocol]]:
    """The protocol `base`, then with one field at a time as in `other`."""
    start, end = NudgingProtocol.preset(base), NudgingProtocol.preset(other)
    yield "as it is", start
    for field in sorted({*PRESETS[base], *PRESETS[other]}):
        value = getattr(end, field)
        if value != getattr(start, field):
            yield f"{field} = {value}", start.model_copy(update={field: value})


def _run(asked: argparse.Namespace, method: str, protocol: NudgingProtocol, choosing: bool) -> Run:
    """A finished run; one that differs in its measurement only is not played again."""
    without = [] if choosing else ["prematch"]
    playing = protocol.model_dump(exclude=set(Measurement.model_fields))
    config = RunConfig.model_validate(
        {
            "data": asked.data,
            "category": asked.category,
            "targets": asked.targets,
            "rounds": asked.rounds,
            "recommender": method,
            "clicks": "distribution",
            "distribution": {"preset": "released-code"},
            "without": without,
            "protocol": {**playing, **Measurement().model_dump()},
        }
    )
    digest = hashlib.sha256(json.dumps(playing, sort_keys=True).encode()).hexdigest()[:12]
    out = asked.out / f"{method}-{'prematch' if choosing else 'random'}-{digest}"
    if not (out / "summary.json").exists():
        run_experiment(config, out, world=build_world(config, lambda _: None))
    run = Run.load(out)
    manifest = {**run.manifest, "config": {**run.manifest["config"]}}
    manifest["config"]["protocol"] = protocol.model_dump()
    return Run(manifest, run.episodes, run.exposures, run.cost)


def _figures(run: Run) -> str:
    """HR, IoI and IoR after the last round, as table cells."""
    figures = {name: frame[run.rounds].mean() for name, frame in curves(run).items()}
    return f"{figures['HR']:.3f} | {figures['IoI']:.3f} | {figures['IoR']:.1f}"


if __name__ == "__main__":
    main()
