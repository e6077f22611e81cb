"""How users' preference vectors move when they click."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.describe import describe
from simulator.domain import BoolArray, FloatArray
from simulator.errors import ConfigError
from simulator.interfaces import PreferenceEvolution, RoundView
from simulator.scores import paired


@dataclass(frozen=True)
class FixedWeight:
    """Every user keeps the same share of the old preference at each click.

    Attributes:
        kept: beta in [0, 1].
    """

    kept: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.kept <= 1:
            raise ConfigError(f"kept = {self.kept} must lie in [0, 1].")

    def kept_weight(self, view: RoundView) -> FloatArray:
        """`kept` for every episode, float32, shape (n,)."""
        return np.full(len(view), self.kept, dtype=np.float32)


@dataclass(frozen=True)
class StillOnArrival:
    """Users who have their target already stand still; the others move as they would.

    The released code of ITMPRec plays users so: they are still shown items and their clicks still
    count.

    Attributes:
        moving: How users without their target move.
    """

    moving: PreferenceEvolution

    def kept_weight(self, view: RoundView) -> FloatArray:
        """1 where the target is in the history, else the weight of `moving`, shape (n,)."""
        return np.where(
            view.history.contains(view.target), np.float32(1), self.moving.kept_weight(view)
        )

    def describe(self) -> str:
        """The settings that decide how users move."""
        return f"StillOnArrival({describe(self.moving)})"


def evolve(
    preference: FloatArray, items: FloatArray, clicked: BoolArray, kept: FloatArray
) -> FloatArray:
    """e_u <- beta_u e_u + (1 - beta_u) e_i where clicked, then scaled to length 1 again.

    Unit length keeps every inner product a cosine, as the authors' released simulator does.

    Args:
        preference: float32, shape (n, d).
        items: The shown items' vectors, float32, shape (n, d).
        clicked: shape (n,).
        kept: beta in [0, 1], shape (n,).

    Returns:
        New preferences, float32, shape (n, d); rows without a click are unchanged.
    """
    weight = kept[:, None].astype(np.float32)
    moved = weight * preference + (1 - weight) * items
    norm = np.sqrt(paired(moved, moved))[:, None]
    # Opposite vectors can cancel out; such a preference has no direction and stays as it is.
    moves = clicked[:, None] & (norm > 0)
    return np.asarray(np.where(moves, moved / np.where(norm > 0, norm, 1), preference))
