"""Pairs of headlines that were tested against each other, and how a score orders them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from simulator.data.upworthy import HeadlineTests
from simulator.domain import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class HeadlinePairs:
    """Two headlines of one group each; the first was clicked more often, or as often.

    Attributes:
        first: Rows of headlines, shape (n_pairs,).
        second: Rows of headlines, shape (n_pairs,).
        z: Of the two-proportion test with a pooled rate, at least 0, shape (n_pairs,).
        p: Its two-sided p-value, shape (n_pairs,).
    """

    first: IntArray
    second: IntArray
    z: FloatArray
    p: FloatArray

    @classmethod
    def of(cls, tests: HeadlineTests) -> HeadlinePairs:
        """All pairs within groups."""
        longest = int(np.bincount(tests.group).max(initial=1))
        starts = [np.flatnonzero(tests.group[:-k] == tests.group[k:]) for k in range(1, longest)]
        a = np.concatenate([*starts, np.empty(0, dtype=np.int64)])
        b = a + np.repeat(np.arange(1, longest), [len(rows) for rows in starts])
        clicks, seen = tests.clicks, tests.impressions
        rate, pooled = clicks / seen, (clicks[a] + clicks[b]) / (seen[a] + seen[b])
        error = np.sqrt(pooled * (1 - pooled) * (1 / seen[a] + 1 / seen[b]))
        difference = rate[a] - rate[b]
        # Two headlines that nobody clicked, or everybody, have no error and do not differ.
        z = np.divide(difference, error, out=np.zeros(len(a)), where=error > 0)
        first, second = np.where(z >= 0, a, b), np.where(z >= 0, b, a)
        return cls(first, second, np.abs(z), 2 * norm.sf(np.abs(z)))

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: BoolArray) -> HeadlinePairs:
        """The pairs of a mask."""
        return HeadlinePairs(self.first[rows], self.second[rows], self.z[rows], self.p[rows])

    def agreement(self, score: FloatArray) -> FloatArray:
        """1 where a score of each headline orders the pair as people did, 0.5 where it ties."""
        return np.asarray(0.5 + 0.5 * np.sign(score[self.first] - score[self.second]))

    def expected_agreement(self) -> FloatArray:
        """How often the true click rates would order a pair as people did, shape (n_pairs,).

        The probability that the more clicked headline is the better one, with a flat prior; so
        somewhat too high where true differences are small.
        """
        return np.asarray(norm.cdf(self.z))


def rank_correlations(
    score: FloatArray, tests: HeadlineTests, known: BoolArray
) -> tuple[FloatArray, IntArray]:
    """Spearman's rank correlation of score and click rate in each group, and the group's test.

    Groups of fewer than three known headlines, or of one click rate, are left out. A score that is
    the same for a whole group has no order: 0.

    Args:
        score: Of each headline, shape (n,).
        tests: The headlines.
        known: Which of them to use, shape (n,).
    """
    table = pd.DataFrame({"score": score, "rate": tests.clicks / tests.impressions})[known]
    group = tests.group[known]
    ranks = table.groupby(group).rank()
    centred = ranks - ranks.groupby(group).transform("mean")
    both, mine, theirs = (
        np.bincount(group, weights=centred[x] * centred[y])
        for x, y in (("score", "rate"), ("score", "score"), ("rate", "rate"))
    )
    kept = np.flatnonzero((np.bincount(group) >= 3) & (theirs > 0))
    length = np.sqrt(mine * theirs)[kept]
    test = tests.test[np.searchsorted(tests.group, kept)]
    return np.divide(both[kept], length, out=np.zeros(len(kept)), where=length > 0), test
