"""Item popularity: everybody clicks an item as often as it was clicked in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.clicks.click_rate import check_log
from simulator.clicks.shrinkage import item_rates, overall_rate, prior_strength, sums
from simulator.domain import BoolArray, Catalogue, Clicks, Exposures, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class ItemPopularity:
    """P(click) is the item's own click rate, shrunk to the overall rate by empirical Bayes.

    Attributes:
        rate: Of each item, in [0, 1], float64, shape (n_items,).
        overall: Of items beyond the table.
        strength: How many exposures the overall rate is worth against an item's own.
        source: What its decisions are signed with.
    """

    rate: FloatArray
    overall: float
    strength: float
    source: str = "popularity"

    @classmethod
    def fit(cls, shown: Exposures, clicked: BoolArray) -> Self:
        """Count a log's clicks by item.

        An item that the log never shows gets the mean rate of its categories where the exposures
        have a catalogue that knows them, else the overall rate.

        Args:
            shown: n logged exposures.
            clicked: What the users did, shape (n,).

        Raises:
            DataError: If there are none.
            ConfigError: If lengths differ.
        """
        check_log(shown, clicked)
        return cls.from_counts(shown, np.ones(len(shown)), clicked)

    @classmethod
    def from_counts(
        cls,
        shown: Exposures,
        trial: FloatArray,
        clicked: BoolArray,
        *,
        source: str = "popularity",
    ) -> Self:
        """The same from rows that count as less than a whole trial (perhaps not examined).

        Args:
            shown: n logged exposures.
            trial: In [0, 1], 1 where clicked, shape (n,).
            clicked: What the users did, shape (n,).
            source: What its decisions are signed with.
        """
        n_items = catalogue_size(shown.item, shown.catalogue)
        trials = sums(shown.item, trial, n_items)
        clicks = sums(shown.item, clicked, n_items)
        tried = trials > 0
        strength = prior_strength(trials[tried], clicks[tried])
        rate = item_rates(trials, clicks, shown.catalogue, strength)
        return cls(rate, overall_rate(trials, clicks), strength, source)

    def probability(self, shown: Exposures) -> FloatArray:
        """P(click) of each row, float64, shape (n,)."""
        table = np.append(self.rate, self.overall)
        return np.asarray(table[np.minimum(shown.item, len(self.rate))])

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row; never fails."""
        return Clicks.from_probability(self.probability(shown), shown.draw, source=self.source)

    def describe(self) -> str:
        """The overall rate, and how strongly items are drawn to it."""
        return (
            f"{self.source}({len(self.rate):,} items, drawn to {self.overall:.4g} as by "
            f"{self.strength:.3g} exposures)"
        )


def catalogue_size(item: IntArray, catalogue: Catalogue | None) -> int:
    """Items that a table needs a row for."""
    if catalogue is not None:
        return len(catalogue)
    return int(item.max()) + 1 if len(item) else 0
