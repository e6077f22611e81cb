"""A cheap click model decides where it is sure, and the agent where it is not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulator.describe import describe
from simulator.domain import Clicks, Exposures
from simulator.errors import ConfigError
from simulator.interfaces import ClickModel, usage_of
from simulator.seeding import uniforms


class Cascade:
    """Asks `agent` about the rows in which `cheap` is in doubt.

    The agent also decides a drawn share of the rows in which the cheap model is sure. Without it
    nobody would know whether the two agree there. Which rows these are depends on the seed, the
    user, the target, the round and the position alone.

    Args:
        cheap: Gives every row a probability, at next to no cost.
        agent: Decides the rows with `band[0] <= P(click) <= band[1]`.
        band: 0 <= low <= high <= 1.
        audit: Share of the other rows that the agent decides all the same, in [0, 1].
        seed: Of the audit's draw.

    Raises:
        ConfigError: If a number is out of range.
    """

    def __init__(
        self,
        cheap: ClickModel,
        agent: ClickModel,
        *,
        band: tuple[float, float],
        audit: float = 0.02,
        seed: int = 0,
    ) -> None:
        if not 0 <= band[0] <= band[1] <= 1:
            raise ConfigError(f"band = {band}: give two rising numbers in [0, 1], such as 0.2:0.8.")
        if not 0 <= audit <= 1:
            raise ConfigError(f"audit = {audit} must lie in [0, 1].")
        self.cheap = cheap
        self.agent = agent
        self.band = band
        self.audit = audit
        self.seed = seed

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row that either model can decide; failures are the agent's.

        Raises:
            ConfigError: If the cheap model has rows without a probability.
        """
        clicks = self.cheap.decide(shown)
        unknown = int(np.isnan(clicks.probability).sum())
        if unknown:
            raise ConfigError(
                f"{describe(self.cheap)} gave no probability in {unknown} of {len(shown)} rows, so "
                "it cannot tell where it is sure; put a model with probabilities first."
            )
        low, high = self.band
        doubtful = (clicks.probability >= low) & (clicks.probability <= high)
        luck = uniforms(
            self.seed, "cascade-audit", shown.user, shown.target, shown.round, shown.position
        )
        rows = np.flatnonzero(doubtful | (luck < self.audit))
        if not len(rows):
            return clicks
        return clicks.replace(rows, self.agent.decide(shown.take(rows)))

    def usage(self) -> Mapping[str, float]:
        """The agent's counters."""
        return usage_of(self.agent)

    def describe(self) -> str:
        """Both models and the band."""
        low, high = self.band
        return (
            f"cascade({describe(self.cheap)}, {describe(self.agent)}, band {low:g} to {high:g}, "
            f"audit {self.audit:g})"
        )
