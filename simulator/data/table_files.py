"""Tables with a header: CSV, TSV and Parquet, all read as text."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.data.fields import Fields
from simulator.data.separated import decode, read_bytes
from simulator.errors import DataError

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_BATCH = 256
_MOST_ROWS_A_BYTE = 100
"""Of a Parquet file. Columns of one value take next to nothing, so a few bytes can unpack into all
the memory there is; tables that tell users or items apart have less than ten."""
_MOST_OF_A_CAUSE = 300
LIST_SEPARATOR = "\x1f"
"""What stands between the values of a Parquet list once it is text."""


def read_table(path: Path) -> Fields:
    """Read a table with named columns.

    CSV and TSV are UTF-8 with a header line and RFC 4180 quoting. In Parquet, timestamps become
    whole seconds since 1970, booleans 1 and 0, and nulls "".

    Args:
        path: Ends in .csv, .tsv or .parquet.

    Raises:
        DataError: If the file is missing, empty, of another kind, or a row has too few or too many
            fields; names the line.
    """
    kinds = (*_DELIMITERS, ".parquet")
    if path.suffix.lower() not in kinds:
        raise DataError(
            f"A table ends in one of {', '.join(kinds)}; save it as one of these.", path=path
        )
    content = read_bytes(path)
    delimiter = _DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        table = Fields(path, _parquet_columns(content, path), hashlib.sha256(content).hexdigest())
    else:
        table = _read_text(content, path, delimiter)
    if not table.columns or not len(table):
        raise DataError("The table has no rows.", path=path)
    return table


def _read_text(content: bytes, path: Path, delimiter: str) -> Fields:
    text = decode(content, path, "utf-8")
    records = _records(text, path, delimiter)
    first, header = next(records, (1, []))
    _refuse_repeated_columns(header, path, first)
    values: list[list[str]] = [[] for _ in header]
    # Small batches: many live rows would set off the garbage collector, 3 times as slow.
    while batch := list(itertools.islice(records, _BATCH)):
        _require_width(batch, len(header), path)
        for column, cells in zip(values, zip(*(row for _, row in batch), strict=True), strict=True):
            column.extend(cells)

    def line_of(row: int) -> int:
        # Counted again only when an error needs it: quoted fields may span lines.
        return [line for line, _ in _records(text, path, delimiter)][row + 1]

    columns = dict(zip(header, values, strict=True))
    table = Fields(path, columns, hashlib.sha256(content).hexdigest(), line_of)
    _refuse_repeated_header(table)
    return table


def _refuse_repeated_header(table: Fields) -> None:
    """Files that were joined end to end have it once each, and it would pass for a row of text."""
    names = list(table.columns)
    for row, text in enumerate(table.columns[names[0]] if names else ()):
        if text == names[0] and all(table.columns[name][row] == name for name in names):
            raise table.fault("The header is here a second time; drop the line.", row, names[0])


def _refuse_repeated_columns(names: Sequence[str], path: Path, line: int | None = None) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise DataError("Two columns have this name.", path=path, line=line, column=name)


def _require_width(batch: list[tuple[int, list[str]]], width: int, path: Path) -> None:
    for line, row in batch:
        if len(row) != width:
            raise DataError(
                f"{len(row)} fields where the header has {width}.", path=path, line=line
            )


def _records(text: str, path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number (of its end) and fields of each record; blank lines are no records."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(
            f"Not valid CSV: {error}; look for a stray quote.", path=path, line=reader.line_num
        ) from None


def _parquet_columns(content: bytes, path: Path) -> Mapping[str, Sequence[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        if file.metadata.num_rows > _MOST_ROWS_A_BYTE * len(content):
            raise DataError(
                f"It claims {file.metadata.num_rows:,} rows in {len(content):,} bytes, which no "
                "table of users and items needs; save it again.",
                path=path,
            )
        _refuse_repeated_columns(file.schema_arrow.names, path)
        table = file.read()
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"Not a readable Parquet file: {str(error)[:_MOST_OF_A_CAUSE]}", path=path
        ) from None
    columns: dict[str, Sequence[str]] = {}
    for name in table.column_names:
        try:
            columns[name] = _arrow_texts(table.column(name))
        except (pa.ArrowException, ValueError, TypeError):
            raise DataError(
                f"Values of type {table.column(name).type} cannot be read as text; "
                "drop the column, or save it as text, numbers, times or lists of these.",
                path=path,
                column=name,
            ) from None
    return columns


def _arrow_texts(column: Any) -> list[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        lists = column.cast(pa.list_(pa.string())).combine_chunks()
        # One null among its values would make the whole list null.
        filled = pa.ListArray.from_arrays(lists.offsets, pc.fill_null(lists.values, ""))
        column = pc.if_else(lists.is_valid(), pc.binary_join(filled, LIST_SEPARATOR), "")
    elif pa.types.is_temporal(column.type):
        column = column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    texts: list[str] = pc.fill_null(column.cast(pa.string()), "").to_pylist()
    return texts
