"""Plain tables as a data set: an item table and an interaction table, CSV, TSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simulator.data.fields import Fields, finite_number, whole_number
from simulator.data.ratings import log_from_ratings
from simulator.data.table_columns import (
    InteractionColumns,
    ItemColumns,
    TableColumns,
    read_table_columns,
)
from simulator.data.table_files import LIST_SEPARATOR, read_table
from simulator.domain import (
    BoolArray,
    Catalogue,
    Dataset,
    ExposureLog,
    FloatArray,
    IntArray,
    Interactions,
)
from simulator.errors import DataError, excerpt

_TIME_CURE = "Times are whole numbers, such as seconds since 1970."
_ANSWERS = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, eq=False)
class _Events:
    """The rows of an interaction table as arrays of shape (n,), in the order of the file."""

    user: IntArray
    item: IntArray
    time: IntArray
    rating: FloatArray | None
    clicked: BoolArray | None
    position: IntArray
    user_ids: Sequence[str]


def load_tables(path: Path) -> Dataset:
    """Load the two tables that a TOML file names (see `simulator.data.table_columns`).

    Raises:
        DataError: If a file is missing, malformed or inconsistent; names file, line and column.
        UnknownNameError: If a column or a key is not known.
    """
    return read_tables(read_table_columns(path))


def read_tables(columns: TableColumns) -> Dataset:
    """Load two tables; users are numbered in the order in which they first occur.

    A user whose rows are all no-clicks stays, without a history, and is counted in `source`.

    Raises:
        DataError: As `load_tables`, and if no user has a history.
        UnknownNameError: If a column is not known.
    """
    items = read_table(columns.items.path)
    catalogue = _catalogue(items, columns.items, columns.domain)
    table = read_table(columns.interactions.path)
    events = _events(table, columns.interactions, catalogue, items.path.name)
    interactions, log = _histories(events, len(catalogue), columns.interactions)
    without = len(events.user_ids) - len(np.unique(interactions.user))
    if not len(interactions):
        raise DataError(
            f"None of {without} users has a history: no row is clicked.",
            path=table.path,
            column=columns.interactions.clicked,
        )
    return Dataset(
        name=columns.name,
        catalogue=catalogue,
        interactions=interactions,
        user_ids=events.user_ids,
        log=log,
        source={
            "licence": columns.licence,
            "log": _describe_log(columns.interactions),
            "users_without_history": str(without),
            "sha256:items": items.sha256,
            "sha256:interactions": table.sha256,
        },
    )


def _catalogue(table: Fields, columns: ItemColumns, domain: str) -> Catalogue:
    item_ids = table.require_filled(columns.item_id, "every item needs an id.")
    table.require_unique(columns.item_id)
    titles = table.require_filled(
        columns.title, "a language model reads titles; give the item one or drop it."
    )
    categories: list[tuple[str, ...]] = [()] * len(table)
    if columns.categories is not None:
        categories = [
            _split(text, columns.category_separator) for text in table.texts(columns.categories)
        ]
    return Catalogue(
        item_ids=list(item_ids),
        titles=[title.strip() for title in titles],
        categories=categories,
        domain=domain,
        attributes={name: _typed(table.texts(name)) for name in columns.attributes},
    )


def _split(text: str, separator: str) -> tuple[str, ...]:
    parts = text.replace(LIST_SEPARATOR, separator).split(separator)
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _typed(texts: Sequence[str]) -> list[object]:
    """Whole numbers or numbers where all values are, else text; None for a blank."""
    for parse in (whole_number, finite_number):
        try:
            return [parse(text) if text.strip() else None for text in texts]
        except (ValueError, OverflowError):
            continue
    return [text or None for text in texts]


def _events(
    table: Fields, columns: InteractionColumns, catalogue: Catalogue, listed_in: str
) -> _Events:
    users = table.require_filled(columns.user_id, "every row needs a user.")
    user, user_ids = pd.factorize(np.array(users, dtype=object))
    n = len(table)
    return _Events(
        user=user,
        item=_item_rows(table, columns.item_id, catalogue, listed_in),
        time=table.integers(columns.time, cure=_TIME_CURE),
        rating=None if columns.rating is None else table.numbers(columns.rating),
        clicked=None if columns.clicked is None else _answers(table, columns.clicked),
        position=np.full(n, -1)
        if columns.position is None
        else table.integers(columns.position, 0, np.iinfo(np.int32).max),
        user_ids=list(user_ids),
    )


def _item_rows(table: Fields, column: str, catalogue: Catalogue, listed_in: str) -> IntArray:
    index = pd.Index(list(catalogue.item_ids), dtype=object)
    texts = table.texts(column)
    rows = index.get_indexer(pd.Index(list(texts), dtype=object))
    unknown = np.flatnonzero(rows < 0)
    if len(unknown):
        row = int(unknown[0])
        raise table.fault(
            f"Item id {excerpt(texts[row])} is not in {listed_in} ({len(unknown)} of {len(table)} "
            "rows have such ids); add the items or drop the rows.",
            row,
            column,
        )
    return np.asarray(rows)


def _answers(table: Fields, column: str) -> BoolArray:
    texts = table.texts(column)
    answers = [_ANSWERS.get(text.strip().lower()) for text in texts]
    if None in answers:
        row = answers.index(None)
        raise table.fault(f"{excerpt(texts[row])} is neither 1 nor 0.", row, column)
    return np.array(answers, dtype=bool)


def _histories(
    events: _Events, n_items: int, columns: InteractionColumns
) -> tuple[Interactions, ExposureLog | None]:
    kept = np.ones(len(events.user), dtype=bool) if events.clicked is None else events.clicked
    interactions = Interactions.from_columns(
        user=events.user[kept],
        item=events.item[kept],
        time=events.time[kept],
        rating=None if events.rating is None else events.rating[kept],
        n_users=len(events.user_ids),
        n_items=n_items,
    )
    if columns.liked_from is not None:
        return interactions, log_from_ratings(interactions, columns.liked_from)
    if events.clicked is None:
        return interactions, None
    order = np.lexsort((events.time, events.user))
    log = ExposureLog(
        user=events.user.astype(np.int32),
        item=events.item.astype(np.int32),
        time=events.time,
        position=events.position.astype(np.int32),
        clicked=events.clicked,
    )
    return interactions, log.take(order)


def _describe_log(columns: InteractionColumns) -> str:
    if columns.clicked is not None:
        return "A click is a logged click, a no-click an item shown and not clicked."
    if columns.liked_from is not None:
        return (
            f"A click is a rating of {columns.liked_from:g} or more, a no-click a lower one; users "
            "chose what they rated (self-selected)."
        )
    return "none"
