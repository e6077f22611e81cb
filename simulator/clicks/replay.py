"""Replay of the log: a user does again what the same user did with the same item before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.clicks.click_rate import check_log
from simulator.clicks.shrinkage import shrunk
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray, IntArray

PRIOR = 10.0
"""Exposures that the overall click rate is worth against the repeats in the log."""


@dataclass(frozen=True, eq=False)
class Replay:
    """P(click) by what the user did the last time this item was shown to that very user.

    A pair that the log has not shown gets the overall click rate. So on a log that never shows
    anybody an item twice, replay *is* the click rate; `describe` says so, and `known` tells which
    rows rest on more.

    Attributes:
        pair: User and item in one number, ascending, int64, shape (n_pairs,).
        clicked_last: What each pair came to the last time, bool, shape (n_pairs,).
        after_click: P(click) where it was clicked the last time, in [0, 1].
        after_no_click: P(click) where it was not.
        overall: P(click) of all other pairs.
        repeats: Exposures of the log whose pair it had shown before; the rates rest on them.
    """

    pair: IntArray
    clicked_last: BoolArray
    after_click: float
    after_no_click: float
    overall: float
    repeats: int

    @classmethod
    def fit(cls, shown: Exposures, clicked: BoolArray, *, overall: float | None = None) -> Self:
        """Remember a log, and count how often a user repeats what the user did.

        Both rates are drawn to the log's click rate, as by `PRIOR` exposures.

        Args:
            shown: n logged exposures *in order of time*, oldest first, all before the moments that
                will be asked about.
            clicked: What the users did, shape (n,).
            overall: P(click) of pairs that the log has not shown; its click rate by default.

        Raises:
            DataError: If there are none.
            ConfigError: If lengths differ.
        """
        check_log(shown, clicked)
        pair = _pairs(shown)
        order = np.argsort(pair, kind="stable")
        pair, now = pair[order], clicked[order]
        again = pair[1:] == pair[:-1]
        before, after = now[:-1][again], now[1:][again]
        rate = float(clicked.mean())
        told = [
            shrunk(np.array([len(answers)]), np.array([answers.sum()]), rate, PRIOR)[0]
            for answers in (after[before], after[~before])
        ]
        last = np.append(~again, True)
        return cls(
            pair[last],
            now[last],
            after_click=float(told[0]),
            after_no_click=float(told[1]),
            overall=rate if overall is None else overall,
            repeats=int(again.sum()),
        )

    def known(self, shown: Exposures) -> BoolArray:
        """Rows whose user was shown that item before, shape (n,); their mean is the coverage."""
        return self._find(shown)[1]

    def probability(self, shown: Exposures) -> FloatArray:
        """P(click) of each row, float64, shape (n,)."""
        place, known = self._find(shown)
        repeated = np.where(self.clicked_last[place], self.after_click, self.after_no_click)
        return np.where(known, repeated, self.overall)

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row; never fails."""
        return Clicks.from_probability(self.probability(shown), shown.draw, source="replay")

    def describe(self) -> str:
        """The rates, or that there is nothing to replay."""
        if not self.repeats:
            return (
                f"replay(nobody is shown an item twice in the log, so it is the click rate, "
                f"{self.overall:.4g})"
            )
        return (
            f"replay(click rate {self.after_click:.4g} after a click, {self.after_no_click:.4g} "
            f"after none, by {self.repeats:,} repeats; {self.overall:.4g} else)"
        )

    def _find(self, shown: Exposures) -> tuple[IntArray, BoolArray]:
        """Each row's place among the pairs, and whether it is there."""
        pair = _pairs(shown)
        place = np.minimum(np.searchsorted(self.pair, pair), len(self.pair) - 1)
        return place, self.pair[place] == pair


def _pairs(shown: Exposures) -> IntArray:
    return (shown.user.astype(np.int64) << 32) | shown.item.astype(np.int64)
