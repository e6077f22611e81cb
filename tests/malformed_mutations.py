"""Named ways to spoil a file: its bytes, one of its cells, or what lies at its path."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

Spoil: TypeAlias = Callable[[bytes], bytes]


def _zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("file", content)
    return file.getvalue()


def _in_the_middle(part: bytes) -> Spoil:
    return lambda content: content[: len(content) // 2] + part + content[len(content) // 2 :]


def _without_last_field(content: bytes) -> bytes:
    lines = content.split(b"\n")
    last = len(lines) - 2
    for separator in (b"\t", b"|", b",", b" ", b":"):
        if separator in lines[last]:
            lines[last] = lines[last].rpartition(separator)[0]
            break
    return b"\n".join(lines)


def _with_another_field(content: bytes) -> bytes:
    lines = content.split(b"\n")
    last = len(lines) - 2
    for separator in (b"\t", b"|", b",", b" ", b":"):
        if separator in lines[last]:
            lines[last] += separator + b"0"
            break
    return b"\n".join(lines)


ANYWHERE: Mapping[str, Spoil] = {
    "empty": lambda content: b"",
    "one line end": lambda content: b"\n",
    "white space only": lambda content: b" \t\r\n" * 50,
    "byte-order mark only": lambda content: b"\xef\xbb\xbf",
    "byte-order mark first": lambda content: b"\xef\xbb\xbf" + content,
    "zeros": lambda content: bytes(len(content)),
    "zeros after": lambda content: content + bytes(4096),
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut at a quarter": lambda content: content[: len(content) // 4],
    "last byte gone": lambda content: content[:-1],
    "last three bytes gone": lambda content: content[:-3],
    "first byte gone": lambda content: content[1:],
    "twice": lambda content: content * 2,
    "reversed": lambda content: content[::-1],
    "zero byte in the middle": _in_the_middle(b"\0"),
    "no UTF-8 in the middle": _in_the_middle(b"\xff\xfe"),
    "overlong UTF-8 in the middle": _in_the_middle(b"\xc0\xaf"),
    "surrogate in the middle": _in_the_middle(b"\xed\xa0\x80"),
    "every bit turned": lambda content: bytes(byte ^ 0xFF for byte in content),
    "compressed by gzip": lambda content: gzip.compress(content, mtime=0),
    "compressed by bzip2": bz2.compress,
    "in a zip file": _zipped,
    "gzip's mark, no gzip": lambda content: b"\x1f\x8b\x08" + content,
    "zip's mark, no zip": lambda content: b"PK\x03\x04" + content,
    "an error page": lambda content: b"<!DOCTYPE html><html><title>404 Not Found</title></html>\n",
    "a pointer of a large-file store": lambda content: (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"
    ),
    "a picture": lambda content: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
    "a pickle": lambda content: b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "an SQLite head": lambda content: b"SQLite format 3\x00" + content,
    "deep brackets": lambda content: b"[" * 100_000,
    "deep braces": lambda content: b'{"a":' * 100_000,
}
"""Of any file, text or not."""

IN_TEXT: Mapping[str, Spoil] = {
    "UTF-16": lambda content: content.decode("latin-1").encode("utf-16"),
    "UTF-16 without a mark": lambda content: content.decode("latin-1").encode("utf-16-le"),
    "UTF-32": lambda content: content.decode("latin-1").encode("utf-32"),
    "latin-1 for UTF-8": lambda content: content.replace("ä".encode(), b"\xe4").replace(
        "é".encode(), b"\xe9"
    ),
    "CRLF": lambda content: content.replace(b"\n", b"\r\n"),
    "CR alone": lambda content: content.replace(b"\n", b"\r"),
    "CRLF once": lambda content: content.replace(b"\n", b"\r\n", 1),
    "no last line end": lambda content: content.rstrip(b"\n"),
    "blank lines at the end": lambda content: content + b"\n\n\n",
    "blank lines at the head": lambda content: b"\n\n" + content,
    "a blank line in between": lambda content: content.replace(b"\n", b"\n\n", 1),
    "first line only": lambda content: content.split(b"\n")[0] + b"\n",
    "first line gone": lambda content: content.partition(b"\n")[2],
    "first line twice": lambda content: content.split(b"\n")[0] + b"\n" + content,
    "last line twice": lambda content: content + content.split(b"\n")[-2] + b"\n",
    "last line cut": lambda content: content[: -len(content.split(b"\n")[-2]) // 2 - 1],
    "a field too few": _without_last_field,
    "a field too many": _with_another_field,
    "tabs turned into commas": lambda content: content.replace(b"\t", b","),
    "commas turned into semicolons": lambda content: content.replace(b",", b";"),
    "bars turned into commas": lambda content: content.replace(b"|", b","),
    "colons turned into equals signs": lambda content: content.replace(b":", b"="),
    "a stray quotation mark": _in_the_middle(b'"'),
    "quotation marks dropped": lambda content: content.replace(b'"', b""),
    "a huge field": _in_the_middle(b"x" * 300_000),
    "a huge number": _in_the_middle(b"9" * 6_000),
    "ten thousand fields": lambda content: content + b"\t,|: " * 10_000 + b"\n",
    "line separators of Unicode": lambda content: content.replace(b"\n", "\u2028".encode()),
    "a merge conflict": lambda content: b"<<<<<<< ours\n" + content + b"=======\n>>>>>>> theirs\n",
    "a comment first": lambda content: b"# made by hand\n" + content,
    "digits of another script": lambda content: content.translate(
        bytes.maketrans(b"", b"")
    ).replace(b"1", "１".encode()),
}
"""Of text, whatever its form."""

CELLS: Mapping[str, str] = {
    "nothing": "",
    "blanks": "   ",
    "minus one": "-1",
    "zero": "0",
    "a half": "1.5",
    "largest integer": "9223372036854775807",
    "beyond the largest integer": "9223372036854775808",
    "smallest integer": "-9223372036854775808",
    "thirty digits": "9" * 30,
    "six thousand digits": "9" * 6_000,
    "not a number": "nan",
    "infinity": "inf",
    "beyond the largest float": "1e400",
    "beyond the largest float32": "1e300",
    "with an underscore": "1_0",
    "with a thousands comma": "1.000.000",
    "digits of another script": "１０",
    "hexadecimal": "0x1F",
    "null": "NULL",
    "true": "true",
    "a zero byte": "\0",
    "a line break of another kind": "a\x85b\u2028c",
    "before 1970": "-62135596801",
    "after the year 9999": "253402300801",
    "a formula": "=1+1",
    "quoted": '"1"',
    "long": "x" * 200_000,
    "invisible": "\u200b\u2060",
    "right to left": "\u202e1",
}
"""What a cell of a table is replaced by."""


class Cell(NamedTuple):
    """A place in a table of text: its row from 0, its field from 0, what parts fields."""

    row: int
    field: int
    separator: str


def with_cell(content: bytes, cell: Cell, value: str) -> bytes:
    """The table with one cell replaced."""
    lines = content.decode("latin-1").split("\n")
    fields = lines[cell.row].split(cell.separator)
    fields[cell.field] = value.encode().decode("latin-1")
    lines[cell.row] = cell.separator.join(fields)
    return "\n".join(lines).encode("latin-1")


def _nothing(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("gone"))


def _link_to_its_folder(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent)


def _pipe(path: Path) -> None:
    """Whoever opens it waits for a writer, for ever."""
    path.unlink()
    os.mkfifo(path)


def _zeros_without_end(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _nothing_to_read(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/null")


AT_THE_PATH: Mapping[str, Callable[[Path], None]] = {
    "missing": _nothing,
    "a folder": _folder,
    "a link to itself": _link_to_itself,
    "a link to nothing": _link_to_nothing,
    "a link to its folder": _link_to_its_folder,
    "a pipe": _pipe,
    "a device without end": _zeros_without_end,
    "a device without content": _nothing_to_read,
}
"""What lies where the file should."""


def cells_of(content: bytes, separator: str, first: int) -> Iterator[Cell]:
    """The cells of a table's row `first`."""
    fields = content.decode("latin-1").split("\n")[first].split(separator)
    yield from (Cell(first, field, separator) for field in range(len(fields)))
