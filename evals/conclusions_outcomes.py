"""What each user got from each method before each click model, and the methods' differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Self

import numpy as np

from evals.bootstrap import Bootstrap, t_test
from evals.metrics import cutoffs, per_user
from simulator.domain import FloatArray, IntArray
from simulator.errors import ConfigError
from simulator.runlog import Run


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Metrics of paired runs, M click models by K methods by Q metrics.

    Attributes:
        metrics: Their names.
        values: Each user's, shape (n_users, M, K, Q); NaN where a user has none.
        level: Means over users, shape (M, K, Q).
        replicates: The same in each resample of the users, shape (replicates, M, K, Q).
        bootstrap: How they were resampled.
    """

    metrics: tuple[str, ...]
    values: FloatArray
    level: FloatArray
    replicates: FloatArray
    bootstrap: Bootstrap

    @classmethod
    def of(cls, runs: Sequence[Sequence[Run]], bootstrap: Bootstrap) -> Self:
        """Measure the runs, a list a click model, after their last cutoff.

        Raises:
            ConfigError: If a user's value is missing in some run and not in another.
        """
        tables = [per_user(run) for before_model in runs for run in before_model]
        last = max(cutoffs(runs[0][0]))
        metrics = tuple(
            name
            for name in (f"{kind}@{last}" for kind in ("HR", "IoI", "IoR"))
            if all(name in table for table in tables)
        )
        flat = np.hstack([table[list(metrics)].to_numpy(dtype=np.float64) for table in tables])
        shape = len(runs), len(runs[0]), len(metrics)
        values = flat.reshape(-1, *shape)
        missing = np.isnan(values)
        if (missing.any(axis=(1, 2)) != missing.all(axis=(1, 2))).any():
            raise ConfigError(
                "Some users have a metric in one run and not in another, so the runs cannot be "
                "paired; play them all with the same vectors and targets."
            )
        replicates = bootstrap.means(flat).reshape(-1, *shape)
        return cls(metrics, values, np.nanmean(values, axis=0), replicates, bootstrap)

    def bounds(self, replicates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The percentile intervals of anything resampled, shape (replicates, ...)."""
        if len(self.values) < 2:
            nothing = np.full(replicates.shape[1:], np.nan)
            return nothing, nothing
        low, high = self.bootstrap.bounds(replicates.reshape(len(replicates), -1))
        return low.reshape(replicates.shape[1:]), high.reshape(replicates.shape[1:])

    @cached_property
    def pairs(self) -> tuple[IntArray, IntArray]:
        """Two arrays of methods, the P pairs with the first before the second."""
        both = np.array([*combinations(range(self.values.shape[2]), 2)])
        return both[:, 0], both[:, 1]

    def pair(self, one: int, other: int) -> tuple[int, int]:
        """Which pair two methods are, and 1 where `one` is its first, else -1."""
        first, second = self.pairs
        found = np.flatnonzero((first == min(one, other)) & (second == max(one, other)))
        return int(found[0]), 1 if one < other else -1

    @cached_property
    def differences(self) -> FloatArray:
        """The first method of each pair less the second, over users, shape (M, P, Q)."""
        return self._between(self.level)

    @cached_property
    def difference_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Their intervals."""
        return self.bounds(self._between(self.replicates))

    @cached_property
    def p_values(self) -> FloatArray:
        """Of the differences, paired by user (t-test), not corrected; shape (M, P, Q)."""
        paired = self._between(self.values)
        out = np.empty(self.differences.shape)
        for q in range(len(self.metrics)):
            known = paired[~np.isnan(paired[:, 0, 0, q]), :, :, q].reshape(-1, out[..., q].size)
            n = len(known)
            error = known.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(known.shape[1])
            out[..., q] = t_test(self.differences[..., q].ravel(), error, n).reshape(out.shape[:2])
        return out

    def _between(self, values: FloatArray) -> FloatArray:
        """From shape (..., M, K, Q) to (..., M, P, Q)."""
        first, second = self.pairs
        return np.asarray(values[..., first, :] - values[..., second, :])
