"""One item an episode from somebody who stands in for another recommender."""

from __future__ import annotations

import numpy as np

from simulator.describe import describe
from simulator.domain import IntArray
from simulator.errors import ConfigError
from simulator.interfaces import Recommender, RoundView


def stand_in(fallback: Recommender, view: RoundView) -> IntArray:
    """What the fallback would show first, int32, shape (n,).

    Args:
        fallback: May show slates; then the first item of each counts.
        view: The episodes that somebody else had nothing for.

    Raises:
        ConfigError: If it answers with anything but unseen catalogue rows, one or k an episode.
    """
    answer = np.asarray(fallback.recommend(view))
    items = answer[:, 0] if answer.ndim == 2 and answer.shape[1] else answer
    if items.shape != (len(view),) or not np.issubdtype(items.dtype, np.integer):
        raise ConfigError(
            f"The fallback {describe(fallback)} must return integer catalogue rows of shape "
            f"({len(view)},) or ({len(view)}, k); it gave {answer.dtype} of shape {answer.shape}."
        )
    n_items = view.seen.shape[1]
    inside = (items >= 0) & (items < n_items)
    bad = np.flatnonzero(~inside | view.seen[np.arange(len(view)), np.where(inside, items, 0)])
    if len(bad):
        what = "which the user has seen" if inside[bad[0]] else f"outside 0..{n_items - 1}"
        raise ConfigError(
            f"The fallback {describe(fallback)} gave user {view.user[bad[0]]} row {items[bad[0]]}, "
            f"{what} ({len(bad)} of {len(view)} such answers)."
        )
    return items.astype(np.int32)
