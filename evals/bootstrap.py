"""Intervals by resampling users: a user's episodes are drawn together, since they hang together.

A cluster bootstrap with users as clusters (Davison and Hinkley, Bootstrap Methods and their
Application, 1997, Section 3.8). A replicate is a row of weights, how often each user was drawn, so
that all replicates of all metrics are one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from simulator.domain import FloatArray, IntArray
from simulator.errors import ConfigError
from simulator.seeding import generator

_CELLS = 8_000_000
"""Weights held in memory at once."""


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made.

    Attributes:
        replicates: Resamples.
        level: Coverage of the percentile intervals, in (0, 1).
        seed: The same seed draws the same users, whatever is measured on them.
    """

    replicates: int = 1000
    level: float = 0.95
    seed: int = 0

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums over resampled users.

        Args:
            values: shape (n_users, m), finite.

        Returns:
            float64, shape (replicates, m).
        """
        table = np.ascontiguousarray(values, dtype=np.float64)
        return np.concatenate([weights @ table for weights in self.weights(len(table))])

    def means(self, values: FloatArray) -> FloatArray:
        """Means over resampled users, NaN left out; shape (replicates, m) from (n_users, m)."""
        known = ~np.isnan(values)
        sums = self.sums(np.hstack([np.where(known, values, 0.0), known]))
        total, count = np.hsplit(sums, 2)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / count)

    def bounds(self, replicates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Percentile interval of each column of (replicates, m): two arrays of shape (m,).

        A replicate without a value (NaN) is left out of that column alone, so that a metric which
        few users have does not change the intervals of the others.
        """
        tail = (1 - self.level) / 2
        bounds = np.full((2, replicates.shape[1]), np.nan)
        missing = np.isnan(replicates).any(axis=0)
        bounds[:, ~missing] = np.quantile(replicates[:, ~missing], [tail, 1 - tail], axis=0)
        for k in np.flatnonzero(missing):
            known = replicates[~np.isnan(replicates[:, k]), k]
            if len(known):
                bounds[:, k] = np.quantile(known, [tail, 1 - tail])
        return bounds[0], bounds[1]

    def intervals(self, values: pd.DataFrame) -> pd.DataFrame:
        """Mean over users and its interval.

        Args:
            values: One row a user, one column a metric; NaN where a user has no value.

        Returns:
            Columns mean, low, high; one row a metric. One user alone has no interval (NaN).
        """
        table = values.to_numpy(dtype=np.float64)
        if len(table) > 1:
            low, high = self.bounds(self.means(table))
        else:
            low = high = np.full(table.shape[1], np.nan)
        return pd.DataFrame(
            {"mean": values.mean().to_numpy(), "low": low, "high": high}, index=values.columns
        )

    def differences(self, values: pd.DataFrame, base: pd.DataFrame) -> pd.DataFrame:
        """Mean of `values - base` over the same users, with interval and p-value.

        The p-value is that of the paired t-test over users, two-sided; it has no floor of
        1 / replicates as a bootstrap's own would.

        Args:
            values: One row a user, one column a metric.
            base: The same users; only metrics in both are compared.

        Returns:
            Columns difference, low, high, p; one row a metric.

        Raises:
            ConfigError: If the users differ.
        """
        if not values.index.equals(base.index):
            raise ConfigError("Differences are paired by user; these two runs have other users.")
        shared = [name for name in base.columns if name in values.columns]
        paired = values[shared] - base[shared]
        out = self.intervals(paired).rename(columns={"mean": "difference"})
        out["p"] = [_paired_test(paired[name].dropna().to_numpy()) for name in shared]
        return out

    def weights(self, n_users: int) -> Iterator[FloatArray]:
        """How often each replicate drew each user, in blocks of shape (some, n_users)."""
        if self.replicates * n_users <= _CELLS:
            yield _all_weights(self.seed, self.replicates, n_users)
            return
        draws = generator(self.seed, "bootstrap")
        block = max(1, _CELLS // n_users)
        for start in range(0, self.replicates, block):
            yield _draw(draws, min(block, self.replicates - start), n_users)


@lru_cache(maxsize=2)
def _all_weights(seed: int, replicates: int, n_users: int) -> FloatArray:
    """The weights of a resampling that fits into memory; asked for once a table, drawn once."""
    return _draw(generator(seed, "bootstrap"), replicates, n_users)


def _draw(draws: np.random.Generator, size: int, n_users: int) -> FloatArray:
    """How often each of `n_users` is among `n_users` draws with replacement; a row a replicate."""
    chosen = draws.integers(0, n_users, size=(size, n_users))
    chosen += np.arange(size)[:, None] * n_users
    weights = np.bincount(chosen.ravel(), minlength=size * n_users).astype(np.float64)
    return weights.reshape(size, n_users)


def holm(p: FloatArray) -> FloatArray:
    """Holm's step-down correction of p-values tested together, shape (m,); NaN stays NaN.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * steps), 1.0)
    return corrected


def t_test(difference: FloatArray, error: FloatArray, n: int | IntArray) -> FloatArray:
    """Two-sided p-values of differences being zero, by Student's t with n - 1 degrees of freedom.

    Args:
        difference: shape (m,).
        error: Their standard errors, shape (m,).
        n: Users behind them, one number for all or shape (m,); NaN comes out of fewer than two.
    """
    from scipy.stats import t

    size = np.abs(difference)
    exact = error <= 1e-12 * np.maximum(1.0, size)  # rounding error, or the same for all users
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * t.sf(size / error, df=np.maximum(n, 2) - 1)
    return np.where(np.less(n, 2), np.nan, np.where(exact, np.where(size <= 1e-12, 1.0, 0.0), p))


def _paired_test(differences: FloatArray) -> float:
    """Two-sided p-value of a mean difference of zero."""
    n = len(differences)
    if n < 2:
        return float("nan")
    error = differences.std(ddof=1) / np.sqrt(n)
    return float(t_test(np.array([differences.mean()]), np.array([error]), n)[0])
