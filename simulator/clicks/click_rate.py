"""The global click rate: what a click model has to beat before anything is claimed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.domain import BoolArray, Clicks, Exposures
from simulator.errors import ConfigError, DataError


@dataclass(frozen=True)
class ClickRate:
    """P(click) is the same for everybody and everything.

    Attributes:
        rate: In [0, 1].

    Raises:
        ConfigError: If it is no probability.
    """

    rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ConfigError(f"rate = {self.rate} must lie in [0, 1].")

    @classmethod
    def fit(cls, shown: Exposures, clicked: BoolArray) -> Self:
        """The share of the logged exposures that were clicked.

        Args:
            shown: n logged exposures.
            clicked: What the users did, shape (n,).

        Raises:
            DataError: If there are none.
            ConfigError: If lengths differ.
        """
        check_log(shown, clicked)
        return cls(float(clicked.mean()))

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row; never fails."""
        return Clicks.from_probability(
            np.full(len(shown), self.rate), shown.draw, source="click rate"
        )

    def describe(self) -> str:
        """The rate."""
        return f"click rate({self.rate:.4g})"


def check_log(shown: Exposures, clicked: BoolArray) -> None:
    """Refuse a log that nothing can be fitted to.

    Raises:
        DataError: If it is empty.
        ConfigError: If lengths differ.
    """
    if len(clicked) != len(shown):
        raise ConfigError(f"{len(shown)} exposures, but {len(clicked)} answers; give one each.")
    if not len(shown):
        raise DataError("A click model is fitted to logged exposures, and here are none.")


def check_answers(clicked: BoolArray) -> None:
    """Refuse answers that no slope can be fitted to.

    Raises:
        DataError: If they are all clicks, all no-clicks, or none at all.
    """
    if clicked.all() or not clicked.any():
        raise DataError(
            f"Fitting needs both clicks and no-clicks; these {len(clicked)} exposures hold only "
            "one of them, or none."
        )
