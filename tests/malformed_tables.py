"""Edits of tables that keep their form, so that they get past what counts fields and bytes.

Bytes that are turned at random end almost all at a line with a field too many or too few; what is
behind (ids that are written in two ways, rows that say a thing twice, values at the edge of their
range, columns of another type) is reached by edits of cells, rows and columns.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
from malformed_mutations import CELLS

Rows: TypeAlias = list[list[str]]
SEPARATORS = ("\t", "|", ",", " ", ":")
NO_TABLES = (".json", ".toml", ".yaml", ".j2", ".npz", ".sqlite")
_EDITS_AT_ONCE = (1, 1, 1, 2, 3)
_WORDS = tuple(value for value in CELLS.values() if len(value) < 100)
_PIECES = (
    "\0", " ", "0", "1", "9", "-", "-1", "-0", "+", ".", "e9", "_", "|", '"', "'", "\r", "\x1f",
    "\u2028", "\ufeff", "&amp;", "(1990)", "１", "/", ":", "\\", "nan",
)  # fmt: skip


def edited_table(name: str, content: bytes, random: Random) -> bytes | None:
    """A table after some edits; None for a file that is no table, or no longer one.

    Args:
        name: Of the file.
        content: Of the file.
        random: Decides what is done.
    """
    if name.endswith(NO_TABLES):
        return None
    if name.endswith(".parquet"):
        return _edited_parquet(content, random)
    lines = content.decode("latin-1").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return None
    separator = next((one for one in SEPARATORS if one in lines[-1]), "\t")
    rows = [line.split(separator) for line in lines]
    for _ in range(random.choice(_EDITS_AT_ONCE)):
        rows = random.choice(_EDITS)(rows, random) or rows
    return "".join(separator.join(row) + "\n" for row in rows).encode("latin-1")


def _text(words: str) -> str:
    """As the bytes of UTF-8 stand in a file that was read as latin-1."""
    return words.encode().decode("latin-1")


def _place(rows: Rows, random: Random) -> tuple[int, int]:
    """A cell; in the head only now and then."""
    row = random.randrange(len(rows))
    if row == 0 and random.random() < 0.8:
        row = random.randrange(len(rows))
    return row, random.randrange(len(rows[row]))


def _other_value(rows: Rows, random: Random) -> Rows:
    row, field = _place(rows, random)
    rows[row][field] = _text(random.choice(_WORDS))
    return rows


def _value_from_elsewhere(rows: Rows, random: Random) -> Rows:
    row, field = _place(rows, random)
    column = [one[field] for one in rows if field < len(one)]
    rows[row][field] = random.choice(column if random.random() < 0.7 else random.choice(rows))
    return rows


def _written_differently(rows: Rows, random: Random) -> Rows:
    row, field = _place(rows, random)
    value, piece = rows[row][field], _text(random.choice(_PIECES))
    at = random.choice((0, len(value), random.randint(0, len(value))))
    rows[row][field] = value[:at] + piece + value[at + random.randint(0, 1) :]
    return rows


def _number_beside(rows: Rows, random: Random) -> Rows | None:
    row, field = _place(rows, random)
    try:
        value = int(rows[row][field])
    except ValueError:
        return None
    places = (value + 1, value - 1, -value, value * 10**12, value + 2**31, value + 2**63)
    rows[row][field] = str(random.choice(places))
    return rows


def _row_again(rows: Rows, random: Random) -> Rows:
    copy = list(random.choice(rows))
    if random.random() < 0.7:
        # With another first field, often an id.
        copy[0] = str(random.randint(0, 99))
    rows.insert(random.randint(0, len(rows)), copy)
    return rows


def _row_of_two(rows: Rows, random: Random) -> Rows:
    pairs = zip(random.choice(rows), random.choice(rows), strict=False)
    rows.append([random.choice(pair) for pair in pairs])
    return rows


def _row_gone(rows: Rows, random: Random) -> Rows | None:
    return [one for k, one in enumerate(rows) if k != random.randrange(len(rows))] or None


def _rows_shuffled(rows: Rows, random: Random) -> Rows:
    head, *rest = rows
    random.shuffle(rest)
    return [head, *rest]


def _many_rows(rows: Rows, random: Random) -> Rows:
    row = random.choice(rows)
    field = random.randrange(len(row))
    rows += [[*row[:field], str(number), *row[field + 1 :]] for number in range(20)]
    return rows


def _column_gone(rows: Rows, random: Random) -> Rows | None:
    field = random.randrange(len(rows[0]))
    return [row[:field] + row[field + 1 :] for row in rows] if len(rows[0]) > 1 else None


def _column_again(rows: Rows, random: Random) -> Rows:
    field, at = (random.randrange(len(rows[0])) for _ in range(2))
    return [[*row[:at], *row[field : field + 1], *row[at:]] for row in rows]


_EDITS: Sequence[Callable[[Rows, Random], Rows | None]] = (
    *(_other_value, _value_from_elsewhere, _written_differently, _number_beside) * 3,
    *(_row_again, _row_of_two, _row_gone, _rows_shuffled, _many_rows) * 2,
    _column_gone,
    _column_again,
)  # fmt: skip


_NOT_MADE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError)


def _edited_parquet(content: bytes, random: Random) -> bytes | None:
    try:
        table = pq.read_table(io.BytesIO(content))
    except _NOT_MADE:
        return None
    for _ in range(random.choice(_EDITS_AT_ONCE)):
        with suppress(*_NOT_MADE):
            table = _edited_arrow(table, random) or table
    file = io.BytesIO()
    try:
        pq.write_table(
            table,
            file,
            compression=random.choice(("none", "snappy", "gzip", "zstd")),
            row_group_size=random.choice((1, 1_000)),
            data_page_version=random.choice(("1.0", "2.0")),
            use_dictionary=random.random() < 0.5,
        )
    except _NOT_MADE:
        return None
    return file.getvalue()


def _edited_arrow(table: pa.Table, random: Random) -> pa.Table | None:
    at = random.randrange(table.num_columns)
    name, column = table.column_names[at], table.column(at).to_pylist()
    match random.choices(range(5), (1, 1, 1, 4, 4))[0]:
        case 0 if column:
            rows = [random.randrange(len(column)) for _ in range(random.randint(0, 4))]
            return table.take(pa.array(rows, pa.int64()))
        case 1:
            return table.append_column(random.choice(table.column_names), table.column(at))
        case 2:
            names = table.column_names
            names[at] = random.choice((f"{name}\0", "", name.upper(), "sku"))
            return table.rename_columns(names)
        case 3 if column:
            column[random.randrange(len(column))] = random.choice((*column, None, *_VALUES))
        case _:
            column = [random.choice(_VALUES)] * len(column)
    kind = random.choice(_TYPES)
    return table.set_column(at, name, pa.array(_as(column, kind), kind))


_VALUES: tuple[Any, ...] = (
    None, "", "a", "b", "a\0", "1", 0, 1, -1, 2**63 - 1, 2**63, 10**30, 0.5, float("nan"),
    float("inf"), True, b"\xff", ["a", None], [], [[1]], {"a": 1},
)  # fmt: skip
_TYPES: tuple[Any, ...] = (
    None, None, None, pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.int8(),
    pa.uint64(), pa.int64(), pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.null(),
    pa.decimal128(30, 2), pa.date32(), pa.date64(), pa.time64("ns"), pa.timestamp("s"),
    pa.timestamp("ns", "UTC"), pa.duration("ms"), pa.list_(pa.string()), pa.list_(pa.int64()),
    pa.large_list(pa.float64()), pa.list_(pa.string(), 1), pa.list_(pa.list_(pa.string())),
    pa.struct({"a": pa.int64()}), pa.map_(pa.string(), pa.string()),
    pa.dictionary(pa.int8(), pa.string()),
)  # fmt: skip


def _as(values: list[Any], kind: Any) -> list[Any]:
    """The values in a shape that a type may take."""
    if kind is None or kind == pa.null():
        return values
    if pa.types.is_nested(kind):
        return [value if isinstance(value, list | dict) else [value] for value in values]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [value if isinstance(value, str) else repr(value) for value in values]
    return values
