"""Which tables, and which of their columns, make a data set: a small TOML file.

```toml
name = "my-shop"
domain = "games"                # movies, music, games, news or general
licence = "ours"

[items]
path = "items.csv"              # beside this file; .csv, .tsv or .parquet
item_id = "sku"
title = "name"
categories = "tags"             # optional, values split at category_separator
category_separator = "|"
attributes = ["year"]           # optional, free columns

[interactions]
path = "events.parquet"
user_id = "user"
item_id = "sku"
time = "seconds"                # whole numbers, seconds since 1970 for instance
rating = "stars"                # optional
clicked = "clicked"             # optional, 1 or 0: shown and clicked, shown and passed over
position = "place"              # optional, place in the slate from 0
# liked_from = 4                # instead of `clicked`: ratings read as clicks
```
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from simulator.data.separated import decode, read_bytes
from simulator.errors import DataError, UnknownNameError
from simulator.reading import MalformedTextError, parse_toml


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ItemColumns(_Settings):
    """The item table and its columns; a row is an item."""

    path: Path
    item_id: str = "item_id"
    title: str = "title"
    categories: str | None = None
    category_separator: str = "|"
    attributes: tuple[str, ...] = ()


class InteractionColumns(_Settings):
    """The interaction table and its columns; a row is something a user did or was shown.

    With `clicked`, every row is a logged exposure, and only the clicked ones are interactions.
    With `liked_from`, every row is an interaction and an exposure, clicked where the rating is at
    least that.
    """

    path: Path
    user_id: str = "user_id"
    item_id: str = "item_id"
    time: str = "time"
    rating: str | None = None
    clicked: str | None = None
    position: str | None = None
    liked_from: float | None = None

    @model_validator(mode="after")
    def _one_kind_of_click(self) -> Self:
        if self.clicked is not None and self.liked_from is not None:
            raise ValueError("name a clicked column or liked_from, not both")
        if self.liked_from is not None and self.rating is None:
            raise ValueError("liked_from needs a rating column")
        if self.position is not None and self.clicked is None:
            raise ValueError("position needs a clicked column")
        return self


class TableColumns(_Settings):
    """Two tables and their columns, under the name of a data set."""

    name: str
    domain: Literal["movies", "music", "games", "news", "general"] = "general"
    licence: str = "not stated"
    items: ItemColumns
    interactions: InteractionColumns


_SECTIONS: dict[str, type[_Settings]] = {
    "": TableColumns,
    "items": ItemColumns,
    "interactions": InteractionColumns,
}


def read_table_columns(path: Path) -> TableColumns:
    """Read the TOML file; paths in it are taken from its own folder.

    Raises:
        DataError: If it is missing, is not TOML, or a value is wrong; names the key.
        UnknownNameError: If a key is not known.
    """
    text = decode(read_bytes(path), path, "utf-8")
    try:
        columns = TableColumns.model_validate(parse_toml(text))
    except MalformedTextError as error:
        raise DataError(f"Not valid TOML: {error}.", path=path) from None
    except ValidationError as error:
        raise _named(error.errors()[0], path) from None
    try:
        return _with_paths(columns, path)
    except RuntimeError as error:
        raise DataError(f"A path that cannot be found: {error}", path=path) from None


def _with_paths(columns: TableColumns, path: Path) -> TableColumns:
    items = columns.items.model_copy(update={"path": _beside(path, columns.items.path)})
    interactions = columns.interactions.model_copy(
        update={"path": _beside(path, columns.interactions.path)}
    )
    return columns.model_copy(update={"items": items, "interactions": interactions})


def _beside(toml: Path, path: Path) -> Path:
    return toml.parent / path.expanduser()


def _named(error: ErrorDetails, path: Path) -> DataError | UnknownNameError:
    keys = [str(part) for part in error["loc"]]
    if error["type"] == "extra_forbidden":
        section = ".".join(keys[:-1])
        place = f"[{section}] in {path}" if section else str(path)
        return UnknownNameError(f"key of {place}", keys[-1], _SECTIONS[section].model_fields)
    message = error["msg"].removeprefix("Value error, ")
    return DataError(f"{message}.", path=path, column=".".join(keys))
