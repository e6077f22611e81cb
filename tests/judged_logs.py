"""Made-up logs whose truth is known, to judge click models on."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from evals import LabelledExposures
from simulator.domain import Clicks, Exposures, FloatArray, IntArray, Ragged, TextArray


class Says:
    """A click model that says what it is told to; NaN is a failure."""

    def __init__(self, probability: FloatArray) -> None:
        self.probability = probability

    def decide(self, shown: Exposures) -> Clicks:
        return says(self.probability)


def says(probability: FloatArray) -> Clicks:
    """Answers of these probabilities; NaN is a failure."""
    failed = np.isnan(probability)
    return Clicks.of(
        np.zeros(len(probability), dtype=bool),
        probability=probability,
        source=np.where(failed, "", "says").astype(object),
        failure=np.where(failed, "timed out", "").astype(object),
    )


def exposures(user: IntArray) -> Exposures:
    """A row a user's number, each an item of its own."""
    n = len(user)
    zeros = np.zeros(n, dtype=np.int32)
    item = np.arange(n, dtype=np.int32)
    user = user.astype(np.int32)
    return Exposures(user, item, zeros - 1, zeros, zeros, Ragged.empty(n), np.full(n, 0.5))


def log_of(
    n: int = 4000, users: int = 50, *, seed: int = 7
) -> tuple[LabelledExposures, FloatArray]:
    """A log and its true probabilities, with categories a (half of the rows), b, c and none."""
    draws = np.random.default_rng(seed)
    user = draws.integers(0, users, n)
    truth = expit(draws.normal(-0.5, 1.2, n) + draws.normal(0, 0.7, users)[user])
    names = np.array(["a", "a", "a", "b", "c", ""], dtype=object)
    segments = {"category": names[draws.integers(0, 6, n)]}
    return labelled(user, draws.random(n) < truth, truth, segments), truth


def labelled(
    user: IntArray,
    clicked: IntArray,
    truth: FloatArray | None = None,
    segments: dict[str, TextArray] | None = None,
) -> LabelledExposures:
    """A log of these users and answers."""
    return LabelledExposures(
        exposures(np.asarray(user)),
        np.asarray(clicked, dtype=bool),
        np.arange(len(user)),
        observed=True,
        rule="made up",
        truth=truth,
        segments=segments or {},
    )
