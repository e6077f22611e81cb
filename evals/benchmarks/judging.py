"""How long does it take to judge click models whose answers are at hand? And how much memory?

    python -m evals.benchmarks.judging --exposures 100000 --draws 2000

Made-up users, some ten times as active as others, and five models that know the truth more or less
well. Beside it a plain bootstrap: scikit-learn's measures with the users' weights, a replicate at a
time, for the overall measures alone (no segments, no alignment), and the same with the segments,
each from a few replicates.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from itertools import product

import numpy as np
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from evals.bootstrap import Bootstrap
from evals.judging import judge_answers
from evals.labelled import LabelledExposures
from simulator.domain import Clicks, Exposures, Ragged

_KINDS = {"popularity": 10, "category": 12, "position": 10, "activity": 5, "year": 8}
"""Segments of each kind."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--exposures", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--plain", type=int, default=3, help="replicates of the plain bootstrap")
    asked = parser.parse_args()

    log = _log(asked.exposures, asked.users)
    answers = _answers(log, asked.models)
    few = {name: _cut(given, 2000) for name, given in answers.items()}
    judge_answers(few, log.take(np.arange(2000)), bootstrap=Bootstrap(10))  # compiles the loops
    before = _peak()
    seconds = _seconds(lambda: judge_answers(answers, log, bootstrap=Bootstrap(asked.draws)))
    print(
        f"{asked.models} models, {asked.exposures:,} exposures of {log.n_users:,} users, "
        f"{sum(_KINDS.values())} segments of {len(_KINDS)} kinds, {asked.draws:,} draws"
    )
    print(f"judge                      {seconds:9.1f} s")
    print(f"peak memory                {_peak():9.2f} GiB, {before:.2f} before")
    for title, with_segments in (("plain, overall", False), ("plain, with segments", True)):
        each = _plain(log, answers, asked.plain, with_segments)
        whole = each * asked.draws
        print(f"{title:26s} {whole:9.1f} s (from {asked.plain} draws), {whole / seconds:.0f}x")


def _log(n: int, users: int) -> LabelledExposures:
    draws = np.random.default_rng(0)
    activity = draws.lognormal(0.0, 1.0, users)
    user = draws.choice(users, n, p=activity / activity.sum()).astype(np.int32)
    item = draws.integers(0, 5_000, n).astype(np.int32)
    zeros = np.zeros(n, dtype=np.int32)
    truth = expit(draws.normal(-0.8, 1.2, n) + draws.normal(0, 0.7, users)[user])
    segments = {}
    for kind, count in _KINDS.items():
        names = np.array([str(k) for k in range(count)], dtype=object)
        segments[kind] = names[(user if kind == "activity" else item) % count]
    shown = Exposures(user, item, zeros - 1, zeros, zeros, Ragged.empty(n), np.full(n, 0.5))
    clicked = draws.random(n) < truth
    return LabelledExposures(shown, clicked, np.arange(n), True, "made up", truth, segments)


def _answers(log: LabelledExposures, models: int) -> dict[str, Clicks]:
    draws = np.random.default_rng(1)
    assert log.truth is not None
    return {
        f"model {k}": Clicks.from_probability(
            expit(logit(log.truth) + draws.normal(0, 0.5 * k, len(log))),
            log.shown.draw,
            source="made up",
        )
        for k in range(models)
    }


def _cut(given: Clicks, n: int) -> Clicks:
    return Clicks.of(given.clicked[:n], source="made up", probability=given.probability[:n])


def _plain(
    log: LabelledExposures, answers: dict[str, Clicks], draws: int, with_segments: bool
) -> float:
    """Seconds a replicate."""
    _, user = np.unique(log.shown.user, return_inverse=True)
    rows = [np.ones(len(log), dtype=bool)]
    if with_segments:
        rows += [labels == name for labels in log.segments.values() for name in np.unique(labels)]
    weights = next(iter(Bootstrap(max(draws, 1)).weights(log.n_users)))

    def replicates() -> None:
        for weight, given, inside in product(weights[:draws], answers.values(), rows):
            logged = log.clicked[inside], given.probability[inside].astype(np.float64)
            for measure in (roc_auc_score, average_precision_score, log_loss, brier_score_loss):
                measure(*logged, sample_weight=weight[user[inside]])

    return _seconds(replicates) / draws


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
