"""The position-based click model: an item's attraction times its place's examination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.clicks.examination import PositionExamination, in_words
from simulator.clicks.examination_fit import fit_examination
from simulator.clicks.popularity import ItemPopularity
from simulator.clicks.shrinkage import sums
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray, IntArray

_STEPS = 500
_STILL = 1e-6


@dataclass(frozen=True, eq=False)
class PositionBasedClicks:
    """P(click) = P(examined at its position) * P(attracted), the same for all users.

    Craswell, Zoeter, Taylor and Ramsey, "An experimental comparison of click position-bias models",
    WSDM 2008. It answers what `PositionExamination` answers. A place below the longest slate of
    the log is examined as often as that slate's last.

    Attributes:
        attraction: P(attracted) by item.
        examined: P(examined) by position, in [0, 1], shape (k,), the largest 1.
    """

    attraction: ItemPopularity
    examined: FloatArray

    @classmethod
    def fit(cls, shown: Exposures, clicked: BoolArray) -> Self:
        """Estimate both by expectation-maximisation on a log of slates with positions.

        The places are `fit_examination`'s. Given these, an item's trials are the times that it was
        examined, as far as the clicks tell; its attraction is its clicks a trial, shrunk to that of
        all items. One never shown is dealt with as `ItemPopularity` does.

        Args:
            shown: n logged exposures with their positions.
            clicked: What the users did, shape (n,).

        Raises:
            DataError: If the log cannot tell examination from attraction.
            ConfigError: If lengths differ.
        """
        examined = fit_examination(shown, clicked)
        trial = _trials(shown.item, examined[shown.position], clicked)
        return cls(
            ItemPopularity.from_counts(shown, trial, clicked, source="position-based"), examined
        )

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row; never fails."""
        return PositionExamination(self.attraction, reaching(self.examined, shown)).decide(shown)

    def describe(self) -> str:
        """The table, and how strongly items are drawn to each other."""
        return f"position-based(examined {in_words(self.examined)}; {self.attraction.describe()})"


def reaching(table: FloatArray, shown: Exposures) -> FloatArray:
    """A table by position, its last value repeated down to the lowest place shown."""
    beyond = int(shown.position.max()) + 1 - len(table) if len(shown) else 0
    return np.pad(table, (0, max(beyond, 0)), mode="edge")


def _trials(item: IntArray, examined: FloatArray, clicked: BoolArray) -> FloatArray:
    """P(examined) of each row in the light of its answer, shape (n,): 1 where it was clicked.

    The expectation step, with the items' attraction from the maximisation step, until these stand
    still.
    """
    items = int(item.max()) + 1
    clicks = sums(item, clicked, items)
    attraction = np.full(len(clicks), clicked.mean())
    trial = np.ones(len(item))
    for _ in range(_STEPS):
        alpha = attraction[item]
        missed = examined * (1 - alpha) / np.maximum(1 - examined * alpha, 1e-12)
        trial = np.where(clicked, 1.0, missed)
        trials = sums(item, trial, items)
        before, attraction = attraction, clicks / np.maximum(trials, 1e-12)
        if np.abs(attraction - before).max() < _STILL:
            break
    return trial
