"""Fitting a recommender anew on what users click in the simulation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from recommender.checks import check_at_least
from simulator.describe import describe
from simulator.domain import BoolArray, IntArray, Interactions
from simulator.interfaces import Metered, Recommender, RoundView

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
        self._rounds_known = 0
        self._spent: Counter[str] = Counter()
        self.recommender = fit(interactions)
        """The present one."""

    def recommend(self, view: RoundView) -> IntArray:
        """What the present recommender shows."""
        return self.recommender.recommend(view)

    def learn(self, user: IntArray, shown: IntArray, clicked: BoolArray) -> None:
        """Fit anew where a k-th round has passed since the last fit.

        Args:
            user: shape (n_episodes,).
            shown: Catalogue rows, shape (n_episodes, rounds so far, k).
            clicked: bool, of the same shape.
        """
        due = shown.shape[1] // self.every * self.every
        if due == self._rounds_known:
            return
        if isinstance(self.recommender, Metered):
            self._spent.update(self.recommender.usage())
        self.recommender = self._fit(with_clicks(self._log, user, shown[:, :due], clicked[:, :due]))
        self._rounds_known = due
        self._spent["refits"] += 1

    def usage(self) -> Mapping[str, float]:
        """`refits`, and the counters of all recommenders so far."""
        own = self.recommender.usage() if isinstance(self.recommender, Metered) else {}
        return {"refits": 0.0, **(self._spent + Counter(own))}

    def describe(self) -> str:
        """The recommender and how often it is fitted."""
        return f"Retrained({describe(self.recommender)}, every={self.every})"


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
