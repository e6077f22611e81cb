"""Examination: a user clicks what attracts, but only where the eye has come to.

A click is an item examined *and* found attractive (the examination hypothesis: Richardson,
Dominowska and Ragno, "Predicting clicks", WWW 2007). A wrapped click model says what attracts; the
wrappers, here and in `examination_cascade`, say which places of a slate are examined.

The luck of the eye is a stream of its own, drawn anew from a row's `draw`: so it follows the run's
seed, depends on nothing else in the batch, and is shared by whatever models share the draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulator.describe import describe
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray, IntArray
from simulator.errors import ConfigError
from simulator.interfaces import ClickModel, usage_of
from simulator.seeding import uniforms

EXAMINATION = "examination"
"""The `source` of rows that were not examined; their `reason` is `NOT_EXAMINED`."""
NOT_EXAMINED = "not examined"
UNKNOWN = "not known whether it was examined, since a decision above it failed"
"""The `failure` of rows that are reached or not depending on a decision that failed."""


def inverse_rank(slate: int, eta: float = 1.0) -> FloatArray:
    """Examination that falls with the rank: `(1 / rank) ** eta`, float64, shape (slate,).

    Args:
        slate: Items a slate, 1 or more.
        eta: Severity of the position bias, 0 or more; 0 is none.

    Raises:
        ConfigError: If a number is out of range.
    """
    if slate < 1 or not eta >= 0:
        raise ConfigError(f"slate = {slate} must be 1 or more, and eta = {eta} 0 or more.")
    return np.arange(1, slate + 1, dtype=np.float64) ** -eta


class PositionExamination:
    """Each place of a slate is examined with a probability of its own, whatever is clicked.

    `P(click) = P(examined at its position) * P(attracted)`, the position-based model (Craswell,
    Zoeter, Taylor and Ramsey, "An experimental comparison of click position-bias models", WSDM
    2008).

    What a row says:
        examined: what the wrapped model decided; undecided where that failed.
        not examined: no click, source "examination", reason "not examined". A failure of the
            wrapped model stays on record there, but needs no fallback, since it decided nothing.
    `probability` is the marginal one, of a click before it is known whether the row is examined;
    NaN where the wrapped model has none.

    To compare two models of attraction on examined slates, wrap both with one table: they share the
    luck of the eye as they share the draws.

    Args:
        clicks: Decides what attracts; asked once a batch.
        examined: P(examined) by position, in [0, 1], shape (k,): `inverse_rank` makes one, and
            `fit_examination` estimates one from a log.

    Raises:
        ConfigError: If a number is not a probability.
    """

    def __init__(self, clicks: ClickModel, examined: Sequence[float] | FloatArray) -> None:
        self.clicks = clicks
        self.examined = probabilities("examined", examined)

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row that the wrapped model can decide, or that is not examined.

        Raises:
            ConfigError: If a position is beyond the table.
        """
        chance = by_position(self.examined, shown.position, "examined")
        examined = eye_luck(shown, "examination") < chance
        unknown = np.zeros(len(shown), dtype=bool)
        return seen_through(self.clicks.decide(shown), examined, unknown, chance)

    def usage(self) -> Mapping[str, float]:
        """The wrapped model's counters."""
        return usage_of(self.clicks)

    def describe(self) -> str:
        """The wrapped model and the table."""
        return f"examined by position({describe(self.clicks)}, {in_words(self.examined)})"


def probabilities(name: str, values: float | Sequence[float] | FloatArray) -> FloatArray:
    """One probability for all positions, shape (), or one for each, shape (k,).

    Raises:
        ConfigError: If it is neither, or a number lies outside [0, 1].
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim > 1 or not table.size or not ((table >= 0) & (table <= 1)).all():
        raise ConfigError(f"{name} = {values!r}: give probabilities in [0, 1], one a position.")
    return table


def by_position(table: FloatArray, position: IntArray, name: str) -> FloatArray:
    """The table's value for each position, shape (n,).

    Raises:
        ConfigError: If a position is beyond the table.
    """
    if table.ndim == 0:
        return np.full(len(position), table)
    if len(position) and (position.min() < 0 or position.max() >= len(table)):
        raise ConfigError(
            f"{name} has probabilities for the {len(table)} positions 0..{len(table) - 1}, and an "
            f"item is shown in position {position.max() if position.min() >= 0 else position.min()}"
            f"; give {name} a value for each place of the slate."
        )
    return np.asarray(table[position])


def eye_luck(shown: Exposures, stream: str) -> FloatArray:
    """A uniform in [0, 1) for each row, independent of `shown.draw` and decided by it alone."""
    bits = (shown.draw * 2.0**53).astype(np.int64)
    return uniforms(0, stream, shown.user, bits >> 32, bits & 0xFFFFFFFF, shown.position)


def attraction(attracted: Clicks) -> FloatArray:
    """P(attracted), float64, shape (n,); NaN where the wrapped model has none or failed."""
    return np.where(attracted.undecided, np.nan, attracted.probability).astype(np.float64)


def seen_through(
    attracted: Clicks, examined: BoolArray, unknown: BoolArray, chance: FloatArray
) -> Clicks:
    """What becomes of a click model's answers when not every row is examined.

    Args:
        attracted: The answers had every row been examined.
        examined: Rows that are, shape (n,).
        unknown: Rows of which nobody can say, shape (n,); none of them examined.
        chance: P(examined), shape (n,); NaN where not known.
    """
    failure = attracted.failure.copy()
    failure[unknown & (failure == "")] = UNKNOWN
    source = np.where(examined, attracted.source, EXAMINATION)
    source[unknown] = ""
    with np.errstate(invalid="ignore"):
        probability = np.where(chance == 0, 0.0, chance * attraction(attracted))
    return Clicks.of(
        attracted.clicked & examined & ~attracted.undecided,
        source=source,
        probability=probability,
        failure=failure,
        reason=np.where(examined | unknown, attracted.reason, NOT_EXAMINED),
    )


def in_words(table: FloatArray) -> str:
    """The numbers of a table, for a description."""
    return " ".join(f"{value:.4g}" for value in np.atleast_1d(table))
