"""What measures of probabilities are made of: sums over rows sorted by falling probability.

One pass over the sorted rows gives, for many weightings of the users at once (the replicates of a
bootstrap), everything that ranking and calibration are measured by; by segment too. A block of m
weightings takes 4 m bytes a user and 64 m bytes a segment, whatever the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.domain import BoolArray, FloatArray, IntArray

BINS = 10
"""Bins of equal mass for the calibration error; fewer where a bin had under `PER_BIN` rows."""

PER_BIN = 10
"""Rows that a calibration bin has at least."""

_SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1 in the log-loss, about float32's resolution."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Weighted sums over the rows of each group, each float64, shape (n_groups, m weightings).

    Attributes:
        rows: Rows.
        clicks: Logged clicks.
        expected: Probabilities.
        loss: Negative log-likelihoods, natural logarithm.
        missed: |expected clicks - logged clicks| of each calibration bin.
        ordered: Pairs of a click and a no-click with the click's probability higher; ties half.
        precision: At each click, the share of clicks among the rows with at least its probability.
        caught: Clicks among the `clicks` rows of highest probability; of equal rows at the
            threshold, the share of them that fits in.
    """

    rows: FloatArray
    clicks: FloatArray
    expected: FloatArray
    loss: FloatArray
    missed: FloatArray
    ordered: FloatArray
    precision: FloatArray
    caught: FloatArray


@dataclass(frozen=True, eq=False)
class SortedRows:
    """Rows in groups, each group by falling probability.

    Attributes:
        row: Which row of the input, shape (n,).
        user: 0 .. n_users - 1, shape (n,).
        clicked: shape (n,).
        probability: float64, shape (n,).
        loss: Negative log-likelihood, shape (n,).
        bin: Calibration bin within the group, from 0, the lowest, shape (n,).
        ends_tie: Last of equal probabilities, shape (n,).
        ends_bin: Last of its bin, shape (n,).
        starts: Group g is rows `starts[g]:starts[g + 1]`.
    """

    row: IntArray
    user: IntArray
    clicked: BoolArray
    probability: FloatArray
    loss: FloatArray
    bin: IntArray
    ends_tie: BoolArray
    ends_bin: BoolArray
    starts: IntArray

    @classmethod
    def of(
        cls,
        probability: FloatArray,
        clicked: BoolArray,
        user: IntArray,
        group: IntArray,
        n_groups: int,
    ) -> SortedRows:
        """Sort the rows.

        Args:
            probability: Finite, in [0, 1], shape (n,).
            clicked: shape (n,).
            user: 0 .. n_users - 1, shape (n,).
            group: 0 .. n_groups - 1, or -1 for a row that is left out, shape (n,).
            n_groups: How many groups.
        """
        kept = np.flatnonzero(group >= 0)
        row = kept[np.lexsort((-probability[kept], group[kept]))]
        p, y, group = probability[row].astype(np.float64), clicked[row], group[row]
        starts = np.searchsorted(group, np.arange(n_groups + 1))
        ends_tie = _ends(p) | _ends(group)
        # The rows of smaller probability settle the bin, so equal probabilities share one.
        last = np.flatnonzero(ends_tie)[np.cumsum(ends_tie) - ends_tie]
        smaller, size = starts[group + 1] - 1 - last, np.diff(starts)[group]
        number = smaller * np.clip(size // PER_BIN, 1, BINS) // np.maximum(size, 1)
        safe = np.clip(p, _SMALLEST, 1 - _SMALLEST)
        loss = -np.where(y, np.log(safe), np.log1p(-safe))
        ends_bin = _ends(number) | _ends(group)
        return cls(row, user[row], y, p, loss, number, ends_tie, ends_bin, starts)

    def sums(self, weights: FloatArray) -> Sums:
        """The sums under m weightings: how often each user counts, shape (n_users, m)."""
        from evals import ranking_kernels as kernels

        table = np.ascontiguousarray(weights, dtype=np.float32)
        out = np.zeros((len(self.starts) - 1, len(Sums.__dataclass_fields__), table.shape[1]))
        kernels.sum_rows(
            self.user,
            self.clicked,
            self.probability,
            self.loss,
            self.ends_tie,
            self.ends_bin,
            self.starts,
            table,
            out,
        )
        return Sums(*np.moveaxis(out, 1, 0))


def _ends(values: FloatArray | IntArray) -> BoolArray:
    """Whether the next value is another one, or there is none."""
    return np.append(values[1:] != values[:-1], True)[: len(values)]


def user_auc(score: FloatArray, clicked: BoolArray, user: IntArray, n_users: int) -> FloatArray:
    """Each user's own AUC, shape (n_users,); NaN for users with only one kind of answer.

    The Mann-Whitney statistic from average ranks within the user.
    """
    rank = pd.Series(score).groupby(user).rank(method="average").to_numpy()
    rows = np.bincount(user, minlength=n_users)
    clicks = np.bincount(user, weights=clicked, minlength=n_users)
    ranks = np.bincount(user, weights=rank * clicked, minlength=n_users)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (ranks - clicks * (clicks + 1) / 2) / (clicks * (rows - clicks))
    return np.where((clicks > 0) & (clicks < rows), area, np.nan)
