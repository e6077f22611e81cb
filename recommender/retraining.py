"""Fitting a recommender anew on what users click in the simulation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np

from recommender.checks import check_at_least
from simulator.describe import describe
from simulator.domain import BoolArray, IntArray, Interactions
from simulator.interfaces import Recommender, RoundView, usage_of

Fit = Callable[[Interactions], Recommender]
"""Interactions to a recommender; the same ones must give the same recommender."""


class Retrained:
    """A recommender that is fitted anew after every k-th round, on the log and the clicks so far.

    It starts from the log alone. What it shows depends on the log and the rounds played and on
    nothing else, so an interrupted run goes on as if nothing had been. All episodes' clicks teach
    one model: simulate as many users as the platform would have.

    Args:
        fit: Makes the recommender, from scratch each time; `functools.partial(fit_implicit,
            model=...)` is one.
        interactions: The log to start from, that of the run's data set or its training part.
        every: Rounds between two fits, 1 or more.

    Raises:
        ConfigError: If `every` is out of range.
    """

    def __init__(self, fit: Fit, interactions: Interactions, *, every: int = 1) -> None:
        check_at_least(1, every=every)
        self.every = every
        self._fit = fit
        self._log = interactions
        self._learnt = b""
        self._refits = 0
        self._earlier: Mapping[str, float] = {}
        self._at_start = fit(interactions)
        self.recommender = self._at_start
        """The present one."""

    def recommend(self, view: RoundView) -> IntArray:
        """What the present recommender shows; that of the start in round 1, in each run anew."""
        if view.round == 1 and self._learnt:
            self._take(self._at_start, b"")
        return self.recommender.recommend(view)

    def learn(self, user: IntArray, shown: IntArray, clicked: BoolArray) -> None:
        """Fit anew where a k-th round has passed since the last fit.

        Args:
            user: shape (n_episodes,).
            shown: Catalogue rows, shape (n_episodes, rounds so far, k).
            clicked: bool, of the same shape.
        """
        due = shown.shape[1] // self.every * self.every
        lesson = (user, shown[:, :due], clicked[:, :due])
        # A digest, and not the number of rounds, since one object may serve several runs.
        digest = _digest(*lesson) if due else b""
        if digest != self._learnt:
            known = self._fit(with_clicks(self._log, *lesson)) if due else self._at_start
            self._take(known, digest)

    def _take(self, recommender: Recommender, learnt: bytes) -> None:
        if self.recommender is not self._at_start:
            self._earlier = _sums(self._earlier, usage_of(self.recommender))
        self.recommender, self._learnt = recommender, learnt
        self._refits += bool(learnt)

    def usage(self) -> Mapping[str, float]:
        """`refits`, and the counters of all recommenders so far."""
        present = {} if self.recommender is self._at_start else usage_of(self.recommender)
        counted = _sums(usage_of(self._at_start), _sums(self._earlier, present))
        return {"refits": float(self._refits), **counted}

    def describe(self) -> str:
        """The recommender and how often it is fitted."""
        return f"Retrained({describe(self._at_start)}, every={self.every})"


def _digest(*arrays: IntArray | BoolArray) -> bytes:
    digest = hashlib.blake2b()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _sums(one: Mapping[str, float], other: Mapping[str, float]) -> Mapping[str, float]:
    return {key: one.get(key, 0.0) + other.get(key, 0.0) for key in {**one, **other}}


def with_clicks(
    log: Interactions, user: IntArray, shown: IntArray, clicked: BoolArray
) -> Interactions:
    """A log, and after it what was clicked in a simulation, a unit of time for each position.

    Where the log has ratings, a click counts as its highest one.

    Args:
        log: The interactions before the simulation.
        user: shape (n_episodes,).
        shown: Catalogue rows, shape (n_episodes, rounds, k).
        clicked: bool, of the same shape.
    """
    episode, number, position = np.nonzero(clicked)
    now = int(log.time.max(initial=0))
    rating = log.rating
    if rating is not None:
        best = rating.max(initial=0)
        rating = np.concatenate([rating, np.full(len(episode), best, dtype=np.float32)])
    return Interactions.from_columns(
        np.concatenate([log.user, user[episode]]),
        np.concatenate([log.item, shown[clicked]]),
        np.concatenate([log.time, now + 1 + number * shown.shape[2] + position]),
        rating,
        n_users=log.n_users,
        n_items=log.n_items,
    )
