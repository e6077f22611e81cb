"""Examination from the top: the user reads a slate place by place, and leaves somewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulator.clicks.examination import (
    attraction,
    by_position,
    eye_luck,
    in_words,
    probabilities,
    seen_through,
)
from simulator.describe import describe
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray
from simulator.errors import ConfigError
from simulator.interfaces import ClickModel, usage_of


class CascadeExamination:
    """The user reads a slate from the top and goes on from place to place, or leaves.

    The first place is examined. From an examined place the user goes on to the next with
    probability `after_click` or `after_no_click`. With (0, 1) the user reads to the first click:
    the cascade model of Craswell et al. (WSDM 2008). With `after_click` above 0 it is the dependent
    click model (Guo, Liu and Wang, "Efficient multiple-click models in web search", WSDM 2009);
    with (g (1 - s), g) the simplified dynamic Bayesian network (Chapelle and Zhang, WWW 2009). All
    of them are in Chuklin, Markov and de Rijke, *Click Models for Web Search*, 2015.

    A row says what it says under `PositionExamination`. A failure at an examined place leaves its
    row undecided, and with it the rows below that are reached or not depending on it. So a fallback
    belongs inside, `CascadeExamination(Fallback(agent, distribution))`: outside, it would decide
    single rows and know nothing of what was examined.

    Args:
        clicks: Decides what attracts; asked once a batch.
        after_click: P(going on) after a click, in [0, 1]: one number, or one for each position.
        after_no_click: P(going on) after no click, likewise.

    Raises:
        ConfigError: If a number is not a probability.
    """

    def __init__(
        self,
        clicks: ClickModel,
        *,
        after_click: float | Sequence[float] | FloatArray = 0.0,
        after_no_click: float | Sequence[float] | FloatArray = 1.0,
    ) -> None:
        self.clicks = clicks
        self.after_click = probabilities("after_click", after_click)
        self.after_no_click = probabilities("after_no_click", after_no_click)

    def decide(self, shown: Exposures) -> Clicks:
        """Decide whole slates; the rows of one stand together, from position 0 on.

        Raises:
            ConfigError: If a slate is in pieces, or a position is beyond a table.
        """
        check_slates(shown)
        on_click = by_position(self.after_click, shown.position, "after_click")
        on_none = by_position(self.after_no_click, shown.position, "after_no_click")
        attracted = self.clicks.decide(shown)
        may, must = _goes_on(eye_luck(shown, "continuation"), attracted, on_click, on_none)
        step = _chance_to_go_on(attraction(attracted), on_click, on_none)

        examined, unknown = np.zeros((2, len(shown)), dtype=bool)
        chance = np.zeros(len(shown))
        rows = np.flatnonzero(shown.position == 0)
        examined[rows], chance[rows] = True, 1.0
        continues = np.append(shown.position[1:] > 0, False)
        while len(rows := rows[continues[rows]]):
            below = rows + 1
            examined[below] = examined[rows] & must[rows]
            unknown[below] = (examined[rows] | unknown[rows]) & may[rows] & ~examined[below]
            chance[below] = np.where(chance[rows] == 0, 0.0, chance[rows] * step[rows])
            rows = below
        return seen_through(attracted, examined, unknown, chance)

    def usage(self) -> Mapping[str, float]:
        """The wrapped model's counters."""
        return usage_of(self.clicks)

    def describe(self) -> str:
        """The wrapped model and how its user goes on."""
        return (
            f"read from the top({describe(self.clicks)}, going on after a click "
            f"{in_words(self.after_click)}, after none {in_words(self.after_no_click)})"
        )


def check_slates(shown: Exposures) -> None:
    """Refuse exposures in which a slate's rows do not stand together from position 0 on.

    Raises:
        ConfigError: Names the first row that is out of place.
    """
    if not len(shown):
        return
    same = np.zeros(len(shown), dtype=bool)
    same[1:] = shown.position[1:] == shown.position[:-1] + 1
    for column in (shown.user, shown.target, shown.round):
        same[1:] &= column[1:] == column[:-1]
    misplaced = np.flatnonzero((shown.position != 0) & ~same)
    if len(misplaced):
        row = int(misplaced[0])
        raise ConfigError(
            f"Row {row} (user {shown.user[row]}, round {shown.round[row]}) stands in position "
            f"{shown.position[row]} without position {shown.position[row] - 1} of its slate right "
            "above it. A slate is read from the top, so give whole slates, each one's rows "
            "together and in order; a fallback or another model that is asked about single rows "
            "belongs inside: CascadeExamination(Fallback(first, second))."
        )


def _goes_on(
    luck: FloatArray, attracted: Clicks, on_click: FloatArray, on_none: FloatArray
) -> tuple[BoolArray, BoolArray]:
    """Whether a user at each row may, and whether the user must, go on to the next place.

    They differ where the decision failed and the luck falls between the two probabilities.
    """
    known = np.where(attracted.clicked, on_click, on_none)
    open_ = attracted.undecided
    may = luck < np.where(open_, np.maximum(on_click, on_none), known)
    must = luck < np.where(open_, np.minimum(on_click, on_none), known)
    return may, must


def _chance_to_go_on(alpha: FloatArray, on_click: FloatArray, on_none: FloatArray) -> FloatArray:
    """P(going on) from a row that is examined; NaN where it depends on an unknown attraction."""
    with np.errstate(invalid="ignore"):
        mixed = alpha * on_click + (1.0 - alpha) * on_none
    return np.where(on_click == on_none, on_click, mixed)
