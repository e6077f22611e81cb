"""Mean shifts over users and titles, with intervals that resample both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evals.bootstrap import Bootstrap
from simulator.domain import BoolArray, FloatArray, IntArray


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

    def mean(self, values: FloatArray, columns: BoolArray) -> tuple[float, float, float]:
        """The mean over the chosen columns, and its interval.

        Args:
            values: shape (n_places, n_users, n_titles), NaN for what is unknown.
            columns: Which titles, shape (n_titles,).

        Returns:
            Mean, low, high; NaN where nothing is known.
        """
        sums, counts = self._sums(values, columns), self._sums(np.isfinite(values) * 1.0, columns)
        return self._judged(sums, counts)

    def ratio(
        self, values: FloatArray, base: FloatArray, columns: BoolArray
    ) -> tuple[float, float, float]:
        """The mean of `values` over that of `base` where both are known, and its interval."""
        both = np.isfinite(values) & np.isfinite(base)
        top, bottom = (np.where(both, table, np.nan) for table in (values, base))
        return self._judged(self._sums(top, columns), self._sums(bottom, columns))

    def _sums(self, values: FloatArray, columns: BoolArray) -> FloatArray:
        """The sum as it is, then in every replicate; shape (1 + replicates,)."""
        table = np.nan_to_num(values, nan=0.0).sum(axis=0) * columns
        drawn = ((self._users @ table) * self._titles).sum(axis=1)
        return np.concatenate([[table.sum()], drawn])

    def _judged(self, top: FloatArray, bottom: FloatArray) -> tuple[float, float, float]:
        with np.errstate(invalid="ignore", divide="ignore"):
            levels = np.where(bottom > 0, top / bottom, np.nan)
        low, high = self._bootstrap.bounds(levels[1:, None])
        return float(levels[0]), float(low[0]), float(high[0])
