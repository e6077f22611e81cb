"""A second click model decides what the first could not, in the open."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulator.clicks.ceiling import FailureCeiling
from simulator.describe import describe
from simulator.domain import Clicks, Exposures
from simulator.interfaces import ClickModel, usage_of


class Fallback:
    """Asks `first`; rows it leaves undecided go to `second`, labelled and counted.

    Args:
        first: The model whose decisions are wanted.
        second: The model that decides the rest.
        ceiling: Largest tolerated share of failures in [0, 1], over all rows so far.
        grace: Rows before the ceiling counts, so that one early failure stops nothing.
    """

    def __init__(
        self, first: ClickModel, second: ClickModel, *, ceiling: float = 1.0, grace: int = 20
    ) -> None:
        self.first = first
        self.second = second
        self.ceiling = FailureCeiling(ceiling, grace=grace)

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row that either model can decide.

        Raises:
            FailureCeilingError: If the first model has failed more often than the ceiling allows.
        """
        clicks = self.first.decide(shown)
        rows = np.flatnonzero(clicks.undecided)
        self.ceiling.count(len(shown), clicks.failure[rows].tolist())
        if not len(rows):
            return clicks
        return clicks.replace(rows, self.second.decide(shown.take(rows)))

    def usage(self) -> Mapping[str, float]:
        """The first model's counters."""
        return usage_of(self.first)

    def describe(self) -> str:
        """The first model's description; the second is a safety net."""
        return describe(self.first)
