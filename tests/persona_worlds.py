"""Small worlds whose personas can be computed by hand, or whose answers can be flipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from small_world import small_world

from simulator.domain import Catalogue, Dataset, ExposureLog, IntArray, Interactions

CATEGORIES = (("Calm",), ("Calm", "Old"), ("Loud",), ("Loud",), ())
YEARS = (1950, 1960, 1990, 2000, 2000)


def hand_made(
    rows: Sequence[tuple[int, int, bool]],
    *,
    n_users: int = 4,
    categories: Sequence[tuple[str, ...]] = CATEGORIES,
    years: Sequence[object] | None = YEARS,
    log: bool = True,
) -> Dataset:
    """(user, item, clicked) a row, each a moment later than the one before.

    Args:
        rows: Of the log; interactions are the clicks.
        n_users: Users, also those without a row.
        categories: Of each item.
        years: Of each item; None where the catalogue knows none.
        log: Whether no-clicks are known.
    """
    user, item, clicked = (np.array(column) for column in zip(*rows, strict=True))
    user, item = user.astype(np.int32), item.astype(np.int32)
    time = np.arange(len(rows), dtype=np.int64)
    clicked = clicked.astype(bool)
    n_items = len(categories)
    return Dataset(
        name="hand-made",
        catalogue=Catalogue(
            item_ids=[f"i{k}" for k in range(n_items)],
            titles=[f"Film {k}" for k in range(n_items)],
            categories=list(categories),
            domain="movies",
            attributes={} if years is None else {"year": list(years)},
        ),
        interactions=Interactions.from_columns(
            user[clicked], item[clicked], time[clicked], n_users=n_users, n_items=n_items
        ),
        user_ids=[f"u{k}" for k in range(n_users)],
        log=ExposureLog(user, item, time, np.zeros_like(user), clicked) if log else None,
    )


def over_time() -> Dataset:
    """The small world, whose users were shown 5 items a moment at four moments.

    Taste shows early: half of the users click what is even, the others what is odd.
    """
    data = small_world()
    assert data.log is not None
    liked = data.log.item % 2 == data.log.user // 3 % 2
    time = 106 + np.arange(len(data.log), dtype=np.int64) % 20 // 5
    return replace(data, log=replace(data.log, time=time, clicked=liked))


def flipped(data: Dataset, rows: IntArray) -> Dataset:
    """The same data with the contrary answers in some rows of its log."""
    assert data.log is not None
    clicked = data.log.clicked.copy()
    clicked[rows] = ~clicked[rows]
    return replace(data, log=replace(data.log, clicked=clicked))
