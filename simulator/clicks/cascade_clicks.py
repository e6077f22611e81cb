"""The cascade click model of a log: read from the top, go on or leave by what was clicked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.clicks.cascade_fit import fit_cascade
from simulator.clicks.click_rate import check_log
from simulator.clicks.examination import PositionExamination, in_words
from simulator.clicks.examination_cascade import CascadeExamination
from simulator.clicks.popularity import ItemPopularity
from simulator.clicks.position_based import reaching
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray


@dataclass(frozen=True, eq=False)
class CascadeClicks:
    """Users read a slate from the top, and go on by what they did, the same for all users.

    The cascade model of Craswell et al. (WSDM 2008), in which reading ends at the first click, with
    chances to go on after a click (the dependent click model: Guo, Liu and Wang, WSDM 2009) and
    after none (the dynamic Bayesian network: Chapelle and Zhang, WWW 2009), each by position.

    It answers what `CascadeExamination` answers. A row whose slate is not whole above it (a sample
    of rows, say) is taken to be examined as often as its position was in the log. A place below the
    longest slate of the log is as that slate's last.

    Attributes:
        attraction: P(attracted) by item.
        after_click: P(going on to the next place) by position, shape (k,).
        after_no_click: Likewise.
        examined: P(examined) by position, the mean over the log's slates, shape (k,).
    """

    attraction: ItemPopularity
    after_click: FloatArray
    after_no_click: FloatArray
    examined: FloatArray

    @classmethod
    def fit(cls, shown: Exposures, clicked: BoolArray) -> Self:
        """Estimate all of it by expectation-maximisation on a log of whole slates.

        An item's trials are the times that it was examined, as far as the clicks tell; its
        attraction is its clicks a trial, shrunk to that of all items. One never shown is dealt with
        as `ItemPopularity` does.

        Args:
            shown: n logged exposures; the rows of a slate together, from position 0 on.
            clicked: What the users did, shape (n,).

        Raises:
            DataError: If there is nothing to fit to, or all slates are of one item.
            ConfigError: If lengths differ, or a slate is in pieces.
        """
        check_log(shown, clicked)
        fitted = fit_cascade(shown, clicked)
        attraction = ItemPopularity.from_counts(shown, fitted.trial, clicked, source="cascade")
        return cls(attraction, fitted.after_click, fitted.after_no_click, fitted.examined)

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row; never fails."""
        by_place = PositionExamination(self.attraction, reaching(self.examined, shown))
        clicks = by_place.decide(shown)
        whole = np.flatnonzero(whole_above(shown))
        from_top = CascadeExamination(
            self.attraction,
            # Nobody could go on from the last place of the log, which tells nothing of it.
            after_click=reaching(self.after_click[:-1], shown),
            after_no_click=reaching(self.after_no_click[:-1], shown),
        )
        return clicks.replace(whole, from_top.decide(shown.take(whole)))

    def describe(self) -> str:
        """How users go on, and how strongly items are drawn to each other."""
        return (
            f"cascade(going on after a click {in_words(self.after_click[:-1])}, after none "
            f"{in_words(self.after_no_click[:-1])}; {self.attraction.describe()})"
        )


def whole_above(shown: Exposures) -> BoolArray:
    """Rows right above which all the places of their slate stand, from position 0 on."""
    if not len(shown):
        return np.zeros(0, dtype=bool)
    follows = np.zeros(len(shown), dtype=bool)
    follows[1:] = shown.position[1:] == shown.position[:-1] + 1
    for column in (shown.user, shown.target, shown.round):
        follows[1:] &= column[1:] == column[:-1]
    first = np.maximum.accumulate(np.where(follows, 0, np.arange(len(shown))))
    return np.asarray(shown.position[first] == 0)
