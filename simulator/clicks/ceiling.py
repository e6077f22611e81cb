"""A ceiling on the share of failed decisions, past which a run stops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from simulator.errors import ConfigError, FailureCeilingError


class FailureCeiling:
    """Counts decisions and failures, and raises when too many have failed.

    Args:
        share: Largest tolerated share of failures in [0, 1], over all decisions so far.
        grace: Decisions before it counts, so that one early failure stops nothing.

    Attributes:
        decisions: Counted so far.
        failures: Counted so far, by reason.
    """

    def __init__(self, share: float, *, grace: int = 20) -> None:
        if not 0 <= share <= 1:
            raise ConfigError(f"ceiling = {share} must lie in [0, 1].")
        self.share = share
        self.grace = grace
        self.decisions = 0
        self.failures: Counter[str] = Counter()

    def count(self, decisions: int, failures: Iterable[str]) -> None:
        """Take decisions to the books, with the reasons of those that failed.

        Raises:
            FailureCeilingError: If too many have failed.
        """
        self.decisions += decisions
        self.failures.update(failures)
        failed = self.failures.total()
        if self.decisions >= self.grace and failed > self.share * self.decisions:
            reason, times = self.failures.most_common(1)[0]
            raise FailureCeilingError(
                f"{failed} of {self.decisions} decisions failed, more than the ceiling of "
                f"{self.share:.1%}; most often: {reason} ({times} times). Mend the cause or raise "
                "the ceiling, then repeat the command: the run goes on where it stopped."
            )
