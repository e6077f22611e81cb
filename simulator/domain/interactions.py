"""What users did: their time-ordered histories, and logged exposures with real no-clicks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.domain.arrays import BoolArray, FloatArray, IntArray, Ragged
from simulator.errors import DataError


def _check_range(name: str, values: IntArray, size: int) -> None:
    if len(values) and (values.min() < 0 or values.max() >= size):
        raise DataError(f"Values must lie in 0..{size - 1}.", column=name)


@dataclass(frozen=True, eq=False)
class Interactions:
    """Positive feedback (a view, a listen, a rating) ordered by user, then time.

    Build one with `from_columns`, which sorts; ties in time keep the source's order.

    Attributes:
        user: int32, shape (n,), ascending.
        item: int32, shape (n,), catalogue rows.
        time: int64 seconds since 1970 (or any ordered unit), shape (n,), ascending within a user.
        rating: float32, shape (n,), or None where the source has no ratings.
        n_users: Users 0 .. n_users - 1; some may have no rows.
        n_items: Catalogue size.
    """

    user: IntArray
    item: IntArray
    time: IntArray
    rating: FloatArray | None
    n_users: int
    n_items: int

    @classmethod
    def from_columns(
        cls,
        user: IntArray,
        item: IntArray,
        time: IntArray,
        rating: FloatArray | None = None,
        *,
        n_users: int,
        n_items: int,
    ) -> Interactions:
        """Sort rows by user and time (stable) and check their ranges.

        Raises:
            DataError: If a column's length or range is wrong.
        """
        if not len(user) == len(item) == len(time):
            raise DataError("user, item and time must have the same length.")
        if rating is not None and len(rating) != len(user):
            raise DataError(f"{len(rating)} ratings for {len(user)} rows.", column="rating")
        _check_range("user", user, n_users)
        _check_range("item", item, n_items)
        order = np.lexsort((time, user))
        return cls(
            user=np.asarray(user, dtype=np.int32)[order],
            item=np.asarray(item, dtype=np.int32)[order],
            time=np.asarray(time, dtype=np.int64)[order],
            rating=None if rating is None else np.asarray(rating, dtype=np.float32)[order],
            n_users=n_users,
            n_items=n_items,
        )

    def __len__(self) -> int:
        return len(self.user)

    @cached_property
    def offsets(self) -> IntArray:
        """Where each user's rows start, and the final end, int64, shape (n_users + 1,)."""
        return np.searchsorted(self.user, np.arange(self.n_users + 1)).astype(np.int64)

    @property
    def histories(self) -> Ragged:
        """Each user's items, oldest first; row u is user u."""
        return Ragged(self.item, self.offsets)

    def take(self, rows: IntArray | BoolArray) -> Interactions:
        """The given rows, which must be in ascending order (a mask always is)."""
        return Interactions(
            user=self.user[rows],
            item=self.item[rows],
            time=self.time[rows],
            rating=None if self.rating is None else self.rating[rows],
            n_users=self.n_users,
            n_items=self.n_items,
        )

    def before(self, time: int) -> Interactions:
        """Rows strictly earlier than `time`."""
        return self.take(self.time < time)

    def leave_last_out(self, n: int = 1) -> tuple[Interactions, Interactions]:
        """Split off each user's last `n` rows: (rest, last)."""
        from_end = self.offsets[self.user + 1] - np.arange(len(self))
        return self.take(from_end > n), self.take(from_end <= n)


@dataclass(frozen=True, eq=False)
class ExposureLog:
    """Items that users were really shown, with their clicks and their real no-clicks.

    Attributes:
        user: int32, shape (n,).
        item: int32, shape (n,), catalogue rows.
        time: int64, shape (n,), on the clock of the interactions.
        position: int32, shape (n,), place in the slate from 0; -1 where unknown.
        clicked: bool, shape (n,).
        observed: Whether the no-clicks are real. False where they are low ratings of items that
            users chose themselves.
    """

    user: IntArray
    item: IntArray
    time: IntArray
    position: IntArray
    clicked: BoolArray
    observed: bool = True

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: IntArray | BoolArray) -> ExposureLog:
        """The given rows, by index or mask."""
        return ExposureLog(
            self.user[rows],
            self.item[rows],
            self.time[rows],
            self.position[rows],
            self.clicked[rows],
            self.observed,
        )


def middle_times(user: IntArray, time: IntArray, n_users: int) -> IntArray:
    """The time of each user's middle row, int64, shape (n_users,); for one without rows the end.

    Every evaluation judges what stands at it or after, and may learn from what came before.

    Args:
        user: Shape (n,), in any order.
        time: Shape (n,).
        n_users: How many users there are.
    """
    counts = np.bincount(user, minlength=n_users)
    middle = np.cumsum(counts) - counts + counts // 2
    found = counts > 0
    out = np.full(n_users, np.iinfo(np.int64).max)
    out[found] = time[np.lexsort((time, user))][middle[found]]
    return out
