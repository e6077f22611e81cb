"""What a format is to the tests: small valid files and their reader."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Subject:
    """A reader and the valid files that it reads.

    Attributes:
        name: Of the format.
        files: Content by path under a folder.
        read: Reads the folder, and says in short what it read.
    """

    name: str
    files: Mapping[str, bytes]
    read: Callable[[Path], str]

    def write(self, folder: Path) -> Path:
        """Write all files."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder


def table(*rows: tuple[object, ...], separator: str = "\t") -> bytes:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows).encode()


def parquet(frame: pd.DataFrame) -> bytes:
    return bytes(frame.to_parquet(index=False))


def files_of(make: Callable[[Path], None]) -> dict[str, bytes]:
    """What a writer writes, by relative path."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder)
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
