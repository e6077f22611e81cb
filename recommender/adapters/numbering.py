"""Which number a library gave to each user and item of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from simulator.domain import FloatArray, IntArray, Ragged
from simulator.errors import DataError


@dataclass(frozen=True, eq=False)
class Numbering:
    """The library's numbers of our rows; -1 where it has none.

    Attributes:
        user: int64, shape (n_users,).
        item: int64, shape (n_items,).
    """

    user: IntArray
    item: IntArray

    @classmethod
    def same(cls, n_users: int, n_items: int) -> Numbering:
        """The library numbers users and items as we do."""
        return cls(np.arange(n_users), np.arange(n_items))

    @classmethod
    def of_ids(
        cls,
        user_ids: Sequence[object],
        item_ids: Sequence[object],
        *,
        users: Mapping[object, int] | Sequence[object],
        items: Mapping[object, int] | Sequence[object],
    ) -> Numbering:
        """Match by identifiers; 7 and "7" are the same one.

        Args:
            user_ids: Of our users, in our order (`data.user_ids`).
            item_ids: Of our items (`data.catalogue.item_ids`).
            users: The library's users: each id's number, or the ids in the order of the numbers.
            items: The library's items, likewise.

        Raises:
            DataError: If no user or no item is in both.
        """
        return cls(_matched("user", user_ids, users), _matched("item", item_ids, items))

    def check(self, n_users: int | None, n_items: int) -> None:
        """Refuse numbers that a model of so many users (None: of any) and items cannot have given.

        Raises:
            DataError: If there is one.
        """
        for kind, number, size in (("user", self.user, n_users), ("item", self.item, n_items)):
            if size is not None and number.max(initial=-1) >= size:
                raise DataError(
                    f"The numbering goes up to {kind} {number.max()}, and the model has {size} "
                    f"{kind}s; number them as the model was trained."
                )

    @property
    def n_items(self) -> int:
        """Items of ours."""
        return len(self.item)

    def users(self, rows: IntArray) -> IntArray:
        """The library's numbers of users given by row; -1 where it has none."""
        known = (rows >= 0) & (rows < len(self.user))
        return np.where(known, self.user[np.where(known, rows, 0)], -1)

    def histories(self, history: Ragged) -> Ragged:
        """Histories in the library's item numbers, without the items that it lacks."""
        number = self.item[history.values]
        kept_before = np.concatenate([[0], np.cumsum(number >= 0)])
        return Ragged(number[number >= 0], kept_before[history.offsets])

    def counts(self, history: Ragged, n_library_items: int) -> csr_matrix:
        """How often each history holds each of the library's items, float32, (n, n_library)."""
        known = self.histories(history)
        matrix = csr_matrix(
            (np.ones(len(known.values), np.float32), known.values, known.offsets),
            shape=(len(known), n_library_items),
        )
        matrix.sum_duplicates()
        return matrix

    def columns(self, scores: FloatArray) -> FloatArray:
        """Scores of the library's items, shape (n, n_library), as scores of ours, (n, n_items).

        NaN for items that the library lacks.
        """
        return np.where(self.item >= 0, scores[:, np.maximum(self.item, 0)], np.nan)


def _matched(
    kind: str, ours: Sequence[object], theirs: Mapping[object, int] | Iterable[object]
) -> IntArray:
    pairs = (
        theirs.items() if isinstance(theirs, Mapping) else ((k, n) for n, k in enumerate(theirs))
    )
    number = {str(known): int(place) for known, place in pairs}
    found = np.fromiter((number.get(str(own), -1) for own in ours), np.int64, len(ours))
    if not (found >= 0).any():
        first = next(iter(number), None)
        raise DataError(
            f"The model knows none of the {len(ours)} {kind}s: ours have ids like "
            f"{str(ours[0]) if len(ours) else None!r}, its own are like {first!r}. "
            "Pass our ids as the model was trained with them."
        )
    return found
