"""What a policy is rewarded for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from simulator.describe import describe
from simulator.domain import BoolArray, FloatArray, IntArray
from simulator.errors import ConfigError
from simulator.interfaces import RoundView
from simulator.scores import paired


@dataclass(frozen=True, eq=False)
class Outcome:
    """A step of all n episodes, as a reward sees it.

    Attributes:
        view: The episodes before the step.
        items: What was to be shown, catalogue rows, shape (n, k).
        legal: Whether it was shown, shape (n,).
        clicked: shape (n, k); False where nothing was shown.
        preference: The preference vectors after the step, float32, shape (n, d); None without.
        target_vectors: The targets' vectors, float32, shape (n, d); None without.
    """

    view: RoundView
    items: IntArray
    legal: BoolArray
    clicked: BoolArray
    preference: FloatArray | None
    target_vectors: FloatArray | None


Reward: TypeAlias = Callable[[Outcome], FloatArray]
"""A number for each episode, shape (n,)."""


def click_reward(outcome: Outcome) -> FloatArray:
    """Clicks: 0 or 1 where one item is shown, up to k for slates."""
    return np.asarray(outcome.clicked.sum(axis=1), dtype=np.float64)


def interest_reward(outcome: Outcome) -> FloatArray:
    """How much closer the user came to the target, `e_j . e_u` after less before, in [-2, 2].

    Summed over an episode it is the increase of interest, IoI (ITMPRec, Section 5.1.3).

    Raises:
        ConfigError: Without vectors or targets.
    """
    before, after, target = outcome.view.preference, outcome.preference, outcome.target_vectors
    if before is None or after is None or target is None:
        raise ConfigError("interest_reward needs vectors and targets; pass both to SimulatedUsers.")
    return np.asarray(paired(after, target).astype(np.float64) - paired(before, target))


def rewarded(reward: Reward, outcome: Outcome) -> FloatArray:
    """What the reward says, checked; float64, shape (n,).

    Raises:
        ConfigError: If it is not one finite number an episode.
    """
    values = np.asarray(reward(outcome), dtype=np.float64)
    if values.shape != (len(outcome.view),) or not np.isfinite(values).all():
        raise ConfigError(
            f"{describe(reward)} must return a finite number for each of {len(outcome.view)} "
            f"episodes; it gave shape {values.shape}, {int((~np.isfinite(values)).sum())} not "
            "finite."
        )
    return values
