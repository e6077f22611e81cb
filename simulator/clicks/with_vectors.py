"""A click model that needs vectors, asked about exposures that have none."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.describe import describe
from simulator.domain import Clicks, Exposures, Vectors
from simulator.interfaces import ClickModel, usage_of


class WithVectors:
    """Attaches users' and items' vectors before it asks the model.

    A log's exposures carry no vectors: a comparison asks every model about the same ones, and each
    brings what it needs.

    Args:
        clicks: The model, such as `DistributionClicks`.
        vectors: Of all users and items.
    """

    def __init__(self, clicks: ClickModel, vectors: Vectors) -> None:
        self.clicks = clicks
        self.vectors = vectors

    def decide(self, shown: Exposures) -> Clicks:
        """Whatever the model decides; vectors that the exposures have already are not looked at."""
        return self.clicks.decide(shown.with_vectors(self.vectors))

    def usage(self) -> Mapping[str, float]:
        """The model's counters."""
        return usage_of(self.clicks)

    def describe(self) -> str:
        """The model's own description."""
        return describe(self.clicks)
