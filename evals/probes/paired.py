"""A variant's answers beside those it is held against, on the same exposures and draws."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evals import measures
from evals.bootstrap import Bootstrap, t_test
from evals.ranking import SortedRows
from simulator.domain import BoolArray, FloatArray, IntArray


class Scale:
    """Weighs answers under every resampling of the users.

    Args:
        user: Each exposure's user, shape (n,).
        clicked: What the users did, shape (n,).
        draw: The luck that all variants share, in [0, 1), shape (n,).
        bootstrap: How users are resampled.
    """

    def __init__(
        self, user: IntArray, clicked: BoolArray, draw: FloatArray, bootstrap: Bootstrap
    ) -> None:
        users, self.code = np.unique(user, return_inverse=True)
        self.n_users = len(users)
        self.clicked = clicked
        self.draw = draw
        self.bootstrap = bootstrap
        self._auc: dict[bytes, tuple[float, FloatArray]] = {}

    def by_user(self, rows: BoolArray, *columns: FloatArray) -> FloatArray:
        """Sums over each user's exposures in `rows`, shape (n_users, columns)."""
        code = self.code[rows]
        sums = [np.bincount(code, weights=c[rows], minlength=self.n_users) for c in columns]
        return np.stack(sums, axis=1).astype(np.float64)

    def users(self, rows: BoolArray) -> int:
        """Users behind the exposures in `rows`."""
        return len(np.unique(self.code[rows]))

    def mean(self, values: FloatArray, rows: BoolArray) -> dict[str, float]:
        """The mean over the exposures in `rows`, as `shift`, with interval and p-value."""
        sums = self.by_user(rows, values, np.ones(len(values)))
        top, bottom = sums.sum(axis=0)
        level = top / bottom if bottom else np.nan
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.judged(level, np.divide(*self.bootstrap.sums(sums).T), rows)

    def judged(self, level: float, replicates: FloatArray, rows: BoolArray) -> dict[str, float]:
        """A figure over the exposures in `rows` with its replicates, judged against zero.

        Returns:
            shift, shift_low, shift_high, and p: two-sided, by Student's t with the replicates'
            spread for its standard error. NaN but for the shift with one user in `rows`.
        """
        n_users = self.users(rows)
        out = {"shift": float(level), "shift_low": np.nan, "shift_high": np.nan, "p": np.nan}
        known = replicates[np.isfinite(replicates)]
        if n_users > 1 and len(known) > 1 and np.isfinite(level):
            low, high = self.bootstrap.bounds(known[:, None])
            error = known.std(ddof=1, keepdims=True)
            p = t_test(np.array([level]), error, n_users)[0]
            out |= {"shift_low": float(low[0]), "shift_high": float(high[0]), "p": float(p)}
        return out

    def auc(self, answers: FloatArray, rows: BoolArray) -> tuple[float, FloatArray]:
        """The AUC of the answers in `rows`, and in each replicate; NaN without both kinds."""
        key = answers[rows].tobytes() + rows.tobytes()
        if key not in self._auc:
            group = np.where(rows, 0, -1)
            kept = SortedRows.of(answers, self.clicked, self.code, group, 1)
            once = np.ones((self.n_users, 1))
            blocks = [block.T for block in self.bootstrap.weights(self.n_users)]
            level, *parts = (measures.auc(kept.sums(block))[0] for block in (once, *blocks))
            self._auc[key] = float(level[0]), np.concatenate(parts)
        return self._auc[key]

    def auc_difference(
        self, one: tuple[float, FloatArray], other: tuple[float, FloatArray], rows: BoolArray
    ) -> dict[str, float]:
        """The first AUC, and what it is above the second, with the interval of that.

        The interval is NaN where all exposures behind the two, `rows`, are one user's.
        """
        low, high = self.bootstrap.bounds((one[1] - other[1])[:, None])
        alone = self.users(rows) < 2
        return {
            "auc": one[0],
            "auc_difference": one[0] - other[0],
            "auc_low": np.nan if alone else float(low[0]),
            "auc_high": np.nan if alone else float(high[0]),
        }

    def pair(self, variant: FloatArray, base: FloatArray, *, argmax: bool) -> dict[str, float]:
        """Everything about a variant's answers and the base's, where both answered.

        Args:
            variant: P(click), shape (n,), NaN where it failed.
            base: The same of what it is held against.
            argmax: Whether the agent decides by P >= 0.5 rather than by the draw.
        """
        both = np.isfinite(variant) & np.isfinite(base)
        gap = np.where(both, variant - base, 0.0)
        decisions = [p >= 0.5 if argmax else self.draw < p for p in (variant, base)]
        flips = decisions[0] != decisions[1]
        n = int(both.sum())
        return {
            "exposures": n,
            "users": self.users(both),
            **self.mean(gap, both),
            "moved": float(np.abs(gap).sum() / n) if n else np.nan,
            "flipped": float(flips[both].mean()) if n else np.nan,
            **self.auc_difference(self.auc(variant, both), self.auc(base, both), both),
        }


def most_moved(variant: FloatArray, base: FloatArray, rows: IntArray, n: int) -> pd.DataFrame:
    """The `n` decisions that moved most: columns row, probability, probability_variant."""
    gap = np.abs(variant - base)
    gap[~np.isfinite(gap)] = -1.0
    first = np.argsort(-gap, kind="stable")[:n]
    first = first[gap[first] > 0]
    return pd.DataFrame(
        {"row": rows[first], "probability": base[first], "probability_variant": variant[first]}
    )
