"""Mean shifts over users and titles, with intervals that resample both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evals.bootstrap import Bootstrap
from simulator.domain import BoolArray, FloatArray, IntArray

Judged = tuple[float, float, float]
"""A figure and the ends of its interval; NaN where there is none."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model made of n titles in one place of one template, shape (n_users, n) each.

    Attributes:
        probability: P(click), renormalised over the labels whatever their mass, float64; NaN where
            there was no answer, such as for a prompt over the model's window.
        failed: Whether the decision would have failed: no answer, or too little mass on the labels.
    """

    probability: FloatArray
    failed: BoolArray

    def titles(self, columns: IntArray) -> Answers:
        """The answers about some of the titles."""
        return Answers(self.probability[:, columns], self.failed[:, columns])


class Resampling:
    """Means over a table of users and titles, under resampling of both.

    Titles are a sample as users are; each is drawn with replacement, and a cell counts the product
    of both (the pigeonhole bootstrap; Owen, "The pigeonhole bootstrap", 2007), whose intervals are,
    if anything, too wide.

    Args:
        bootstrap: How many replicates, and their level.
        n_users: Rows of the tables.
        n_titles: Columns of the tables.
    """

    def __init__(self, bootstrap: Bootstrap, n_users: int, n_titles: int) -> None:
        self._bootstrap = bootstrap
        titles = replace(bootstrap, seed=bootstrap.seed + 1)
        self._users = np.concatenate(list(bootstrap.weights(n_users)))
        self._titles = np.concatenate(list(titles.weights(n_titles)))

    def mean(self, values: FloatArray, columns: BoolArray) -> FloatArray:
        """The mean over the chosen columns as it is, then in every replicate.

        Args:
            values: shape (n_places, n_users, n_titles), NaN for what is unknown.
            columns: Which titles, shape (n_titles,).

        Returns:
            shape (1 + replicates,); NaN where nothing is known.
        """
        known = np.isfinite(values)
        return _divided(self._sums(values, columns), self._sums(known * 1.0, columns))

    def mean_over_users(self, values: FloatArray) -> FloatArray:
        """The same over all columns, with users alone resampled.

        Args:
            values: shape (n_places, n_users, any), NaN for what is unknown.
        """
        known = np.isfinite(values)
        sums, counts = (
            np.concatenate([[by_user.sum()], self._users @ by_user])
            for by_user in (np.where(known, values, 0.0).sum(axis=(0, 2)), known.sum(axis=(0, 2)))
        )
        return _divided(sums, counts)

    def judged(self, levels: FloatArray) -> Judged:
        """A figure as it is and its interval, from what `mean` gives or ratios of that.

        One user alone has no interval (NaN), as everywhere: see `Bootstrap.intervals`.
        """
        if self._users.shape[1] == 1:
            return float(levels[0]), float("nan"), float("nan")
        low, high = self._bootstrap.bounds(levels[1:, None])
        return float(levels[0]), float(low[0]), float(high[0])

    def _sums(self, values: FloatArray, columns: BoolArray) -> FloatArray:
        table = np.nan_to_num(values, nan=0.0).sum(axis=0) * columns
        drawn = ((self._users @ table) * self._titles).sum(axis=1)
        return np.concatenate([[table.sum()], drawn])


def _divided(top: FloatArray, bottom: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(bottom > 0, top / bottom, np.nan)


def where_both(values: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both with NaN wherever either has it."""
    both = np.isfinite(values) & np.isfinite(others)
    return np.where(both, values, np.nan), np.where(both, others, np.nan)
