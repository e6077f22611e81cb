"""Which interactions a data set keeps, and the rows of the users and items that remain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.domain import BoolArray, IntArray


def left_out(**counts: int) -> str:
    """What a source says under "dropped": "3 repeated_reviews" becomes "3 repeated reviews".

    Args:
        counts: How many of what, spaces written as underscores; zeros stay out.
    """
    said = (f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items() if count)
    return ", ".join(said) or "nothing"


class Kept(NamedTuple):
    """Kept interactions, renumbered.

    Attributes:
        user: Row among `users` of each kept interaction, int64, shape (n,).
        item: Row among `items`, int64, shape (n,).
        users: Rows, as they were, of the users that remain, ascending.
        items: Rows, as they were, of the items that remain, ascending.
    """

    user: IntArray
    item: IntArray
    users: IntArray
    items: IntArray


def keep(user: IntArray, item: IntArray, kept: BoolArray) -> Kept:
    """Keep some interactions, and the users and items that occur in them.

    Args:
        user: Rows of users, shape (n_interactions,).
        item: Rows of items, shape (n_interactions,).
        kept: Which interactions to keep, shape (n_interactions,).
    """
    users, user_row = np.unique(user[kept], return_inverse=True)
    items, item_row = np.unique(item[kept], return_inverse=True)
    return Kept(user_row, item_row, users, items)


def k_core(user: IntArray, item: IntArray, k: int) -> BoolArray:
    """The largest part in which every user and every item has at least `k` interactions.

    Args:
        user: Rows of users, int, shape (n,), each (user, item) pair once.
        item: Rows of items, int, shape (n,).
        k: 1 or more.

    Returns:
        Which interactions are in it, shape (n,); perhaps none.
    """
    kept = np.ones(len(user), dtype=bool)
    while True:
        before = int(kept.sum())
        for rows in (user, item):
            counts = np.bincount(rows[kept], minlength=int(rows.max(initial=0)) + 1)
            kept &= counts[rows] >= k
        if kept.sum() == before:
            return kept
