"""What every recommender needs of a view: its own catalogue, and something left to show."""

from __future__ import annotations

import numpy as np

from simulator.errors import ConfigError
from simulator.interfaces import RoundView


def check_view(view: RoundView, n_items: int) -> None:
    """Refuse a view of another catalogue, or one with nothing left to show.

    Raises:
        ConfigError: If the view has not `n_items` items, or a user has seen all of them.
    """
    if view.seen.shape[1] != n_items:
        raise ConfigError(
            f"The recommender knows {n_items} items, the run's catalogue has "
            f"{view.seen.shape[1]}; build the recommender from the run's own data."
        )
    exhausted = np.flatnonzero(view.seen.all(axis=1))
    if len(exhausted):
        raise ConfigError(
            f"User {view.user[exhausted[0]]} has seen all {n_items} items by round {view.round} "
            f"({len(exhausted)} such episodes), so nothing is left to recommend. "
            "Run fewer rounds, leave such users out, or use a larger catalogue."
        )
