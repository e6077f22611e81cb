"""Text files with one separator and no quoting: fast to read, every fault named by its line."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from simulator.data.fields import Fields
from simulator.errors import DataError, excerpt
from simulator.reading import read_plain


def read_bytes(path: Path) -> bytes:
    """A file's content, not empty.

    Raises:
        DataError: If it cannot be read or holds nothing.
    """
    try:
        content = read_plain(path)
    except OSError as error:
        raise DataError(f"Cannot be read: {error.strerror}.", path=path) from error
    if not content.strip():
        raise DataError("The file is empty; write or fetch it again.", path=path)
    return content


def decode(content: bytes, path: Path, encoding: str) -> str:
    """The text of a file, without a byte-order mark.

    Raises:
        DataError: If it is in another encoding; names the line.
    """
    try:
        return content.decode(encoding).removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    except UnicodeDecodeError as error:
        raise DataError(
            f"Byte {content[error.start]:#04x} is not {encoding}; save the file as {encoding}.",
            path=path,
            line=content.count(b"\n", 0, error.start) + 1,
        ) from None


def read_separated(
    path: Path, columns: Sequence[str], separator: str, encoding: str, *, header: bool = False
) -> Fields:
    """Read a file whose every line has exactly these columns; blank lines may end it.

    Args:
        path: The file.
        columns: Names for the columns, left to right.
        separator: What stands between two of them; there is no quoting.
        encoding: "utf-8" or "latin-1"; a latin-1 file that was saved again as UTF-8 is refused.
        header: Whether the first line names the columns, exactly so.

    Raises:
        DataError: If the file is empty, a line has another number of fields, the encoding is
            another, or the header says something else.
    """
    content = read_bytes(path)
    if encoding == "latin-1":
        _refuse_utf8(content, path)
    lines = decode(content, path, encoding).replace("\r\n", "\n").rstrip("\n").split("\n")
    rows = [line.split(separator) for line in lines]
    if {len(row) for row in rows} != {len(columns)}:
        k = next(k for k, row in enumerate(rows) if len(row) != len(columns))
        raise DataError(
            f"{len(rows[k])} fields where {len(columns)} are due ({', '.join(columns)}), "
            f"separated by {separator!r}.",
            path=path,
            line=k + 1,
        )
    if header:
        _require_header(rows.pop(0), columns, path)
    values = dict(zip(columns, zip(*rows, strict=True), strict=True)) if rows else {}
    if not values:
        raise DataError("No rows under the header; fetch the file again.", path=path)
    sha256 = hashlib.sha256(content).hexdigest()
    return Fields(path, values, sha256, line_of=_from_two if header else _from_one)


def _require_header(found: Sequence[str], columns: Sequence[str], path: Path) -> None:
    if tuple(found) != tuple(columns):
        raise DataError(
            f"The first line must name the columns, {', '.join(columns)}; it has "
            f"{excerpt(', '.join(found))}. Fetch the file again.",
            path=path,
            line=1,
        )


def _from_one(row: int) -> int:
    return row + 1


def _from_two(row: int) -> int:
    return row + 2


def _refuse_utf8(content: bytes, path: Path) -> None:
    """Any bytes are valid latin-1, so a file saved as UTF-8 would be read as garbled titles."""
    if content.isascii():
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return
    k = next(k for k, line in enumerate(text.split("\n")) if not line.isascii())
    raise DataError(
        "The file is UTF-8, the publisher's is latin-1; fetch it again, or save it as latin-1.",
        path=path,
        line=k + 1,
    )
