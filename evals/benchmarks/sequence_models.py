"""How well does each sequence model find the next item, beside RecBole's SASRec?

    python -m evals.benchmarks.sequence_models --data ml-100k --methods sasrec bsarec
    python -m evals.benchmarks.sequence_models --recbole-python /elsewhere/bin/python

Each user's last interaction is held out for testing; all models train on the rest, on one thread,
and validate on the interaction before. The test item is ranked among all items outside its user's
history. Reported: NDCG@10, NDCG@20 and Recall@20, epochs, seconds; and with `--recbole-python` (an
environment of its own: RecBole and this project need different versions of their libraries) the
same figures of RecBole's SASRec on the same split, and each model's paired difference to it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from recommender.sequence import (
    BSARec,
    EncoderSettings,
    FrequencyMixing,
    ICLRec,
    ICSRec,
    MStein,
    Objective,
    SASRec,
    SequenceEpoch,
    fit_sequence_model,
    hit_ratio,
    ndcg,
    next_item_ranks,
)
from simulator.data import load_dataset
from simulator.domain import FloatArray, IntArray, Interactions


@dataclass(frozen=True)
class _Method:
    objective: Callable[[], Objective]
    encoder: EncoderSettings = field(default_factory=EncoderSettings)


METHODS = {
    "sasrec": _Method(SASRec),
    "sasrec-binary": _Method(lambda: SASRec("binary")),
    "iclrec": _Method(ICLRec),
    "mstein": _Method(MStein, EncoderSettings(gaussian=True)),
    "icsrec": _Method(ICSRec),
    "bsarec": _Method(BSARec, EncoderSettings(frequency=FrequencyMixing())),
}
_RECBOLE = Path(__file__).with_name("recbole_sasrec.py")


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recbole-python", type=Path, help="a Python that has RecBole")
    parser.add_argument("--recbole-epochs", type=int, default=20)
    parser.add_argument("--recbole-batch", type=int, default=256)
    parser.add_argument("--recbole-ranks", type=Path, help="what it printed in an earlier run")
    asked = parser.parse_args()
    log = load_dataset(asked.data).interactions
    print(f"{'model':14} {'NDCG@10':>8} {'NDCG@20':>8} {'Recall@20':>9} {'epochs':>6} {'s':>6}")
    theirs = None
    if asked.recbole_ranks:
        theirs = _ranks(asked.recbole_ranks.read_text(), log.n_users)
    elif asked.recbole_python:
        theirs = _recbole(log, asked)
    if theirs is not None:
        print(_line("recbole", theirs))
    for name in asked.methods:
        began, epochs = time.perf_counter(), list[SequenceEpoch]()
        ranks = _ours(log, METHODS[name], asked.seed, epochs)
        line = _line(name, ranks) + f" {len(epochs):6} {time.perf_counter() - began:6.0f}"
        if theirs is not None:
            gain = _discounted(ranks, 20) - _discounted(theirs, 20)
            error = gain.std(ddof=1) / np.sqrt(len(gain))
            line += f"   NDCG@20 {gain.mean():+.4f} (se {error:.4f}) to RecBole's"
        print(line, flush=True)


def _split(log: Interactions) -> tuple[Interactions, Interactions]:
    """All but each user's last interaction, and the last."""
    last = np.arange(len(log)) == log.offsets[log.user + 1] - 1
    return log.take(~last), log.take(last)


def _ours(log: Interactions, method: _Method, seed: int, epochs: list[SequenceEpoch]) -> IntArray:
    train, test = _split(log)
    model = fit_sequence_model(
        train, method.objective(), method.encoder, seed=seed, progress=epochs.append
    )
    return next_item_ranks(model, train.histories.take(test.user), test.item)


def _recbole(log: Interactions, asked: argparse.Namespace) -> IntArray:
    """RecBole's ranks, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "log").mkdir()
        pd.DataFrame(
            {
                "user_id:token": log.user,
                "item_id:token": log.item,
                # Places instead of times, so that ties are broken alike.
                "timestamp:float": np.arange(len(log)) - log.offsets[log.user],
            }
        ).to_csv(Path(folder) / "log" / "log.inter", sep="\t", index=False)
        done = subprocess.run(
            [
                *(str(asked.recbole_python.absolute()), str(_RECBOLE), folder, "log"),
                *("--epochs", str(asked.recbole_epochs), "--batch", str(asked.recbole_batch)),
                *("--seed", str(asked.seed)),
            ],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return _ranks(done.stdout, log.n_users)


def _ranks(printed: str, n_users: int) -> IntArray:
    """Of users 0, 1, ... in order, out of the last line."""
    ranks = json.loads(printed.strip().splitlines()[-1])["ranks"]
    return np.array([ranks[str(user)] for user in range(n_users)], dtype=np.int32)


def _line(name: str, ranks: IntArray) -> str:
    return f"{name:14} {ndcg(ranks, 10):8.4f} {ndcg(ranks, 20):8.4f} {hit_ratio(ranks, 20):9.4f}"


def _discounted(ranks: IntArray, top: int) -> FloatArray:
    gain: FloatArray = np.where(ranks < top, 1 / np.log2(ranks + 2.0), 0)
    return gain


if __name__ == "__main__":
    main()
