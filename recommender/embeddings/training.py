"""What the ways to train vectors share: the validation items, and what an epoch tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.domain import Interactions
from simulator.errors import ConfigError


@dataclass(frozen=True)
class Epoch:
    """What is known at the end of an epoch.

    Attributes:
        number: From 1.
        loss: What the method minimises: a step's mean, or an interaction's share.
        recall: Recall@20 of the validation items.
    """

    number: int
    loss: float
    recall: float


def hold_out_last(interactions: Interactions, method: str) -> tuple[Interactions, Interactions]:
    """The last interaction of users with three or more, apart from the rest: (rest, last).

    Args:
        interactions: The training part of a log.
        method: Who needs them, for the message of the error.

    Raises:
        ConfigError: If no user has three interactions.
    """
    counts = np.diff(interactions.offsets)
    is_last = np.arange(len(interactions)) == interactions.offsets[interactions.user + 1] - 1
    held = is_last & (counts[interactions.user] >= 3)
    if not held.any():
        raise ConfigError(
            f"{method} needs users with three interactions or more to learn from; "
            "load more interactions, or bring vectors of your own."
        )
    return interactions.take(~held), interactions.take(held)
