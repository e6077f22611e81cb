"""The publishers' numbers for users and items, turned into rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from simulator.data.fields import Fields
from simulator.domain import IntArray
from simulator.errors import excerpt

MOST_ID = 10**12
"""The largest number that a user may have where it is joined with an item's into one."""


def unique_ids(fields: Fields, column: str) -> IntArray:
    """A column of whole numbers from 1, none of them twice ("7" and "07" neither), in file order.

    Raises:
        DataError: If one is no such number or is here a second time; names the line.
    """
    numbers = fields.integers(column, 1)
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    bad = np.flatnonzero(first[inverse] != np.arange(len(numbers)))
    if len(bad):
        row = int(bad[0])
        raise fields.fault(
            f"{excerpt(fields.columns[column][row])} is here a second time (first "
            f"{fields.place(int(first[inverse[row]]))}); drop one of the two.",
            row,
            column,
        )
    return numbers


def rows_of_texts(texts: Sequence[str], distinct: Iterable[str]) -> IntArray:
    """Places of texts among the distinct ones, int64, shape (n,).

    Not by numpy's texts: there each takes the room of the longest, and loses the zero bytes at its
    end, so that two users may become one.
    """
    row_of = {text: row for row, text in enumerate(distinct)}
    return np.fromiter(map(row_of.__getitem__, texts), dtype=np.int64, count=len(texts))


def rows_of_ids(data: Fields, column: str, known: IntArray, listed_in: str) -> IntArray:
    """Places of a column's ids among the ascending `known` ones, int64, shape (n_rows,).

    Raises:
        DataError: If an id is not among them; says which file lists them.
    """
    ids = data.integers(column)
    places = places_of_ids(ids, known)
    bad = np.flatnonzero(places < 0)
    if len(bad):
        row = int(bad[0])
        message = f"{column} id {ids[row]} is not in {listed_in}."
        raise data.fault(message, row, column)
    return places


def places_of_ids(ids: IntArray, known: IntArray) -> IntArray:
    """Places among the ascending `known` ids, -1 for one that is not there, int64, shape (n,)."""
    if not len(known):
        return np.full(len(ids), -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[places] == ids, places, -1).astype(np.int64)


def refuse_repeated_pairs(
    data: Fields,
    user: IntArray,
    item: IntArray,
    did: str,
    columns: tuple[str, str] = ("user", "item"),
) -> None:
    """Raise a DataError that names the first (user, item) pair to occur a second time.

    Args:
        data: The file.
        user: A user a row, shape (n_rows,), whatever its number.
        item: An item a row, shape (n_rows,), whatever its number.
        did: What the message says between the user's id and the item's.
        columns: The columns that hold these ids.
    """
    # Numbered anew: the publisher's own numbers may be too large to be joined into one.
    users, items = (np.unique(ids, return_inverse=True)[1] for ids in (user, item))
    pair = users * (int(items.max()) + 1) + items
    _, first, inverse = np.unique(pair, return_index=True, return_inverse=True)
    bad = np.flatnonzero(first[inverse] != np.arange(len(pair)))
    if len(bad):
        row = int(bad[0])
        user_id, item_id = (int(data.columns[column][row]) for column in columns)
        raise data.fault(
            f"User {user_id} {did} {item_id} {data.place(int(first[inverse[row]]))}; "
            "drop one of the two.",
            row,
            columns[1],
        )
