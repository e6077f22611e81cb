"""What language models have answered, kept in one SQLite file across runs and processes.

A decision is found by its content: which model was asked and how it ran (`Origin`), and a key made
from the prompt. The file is in write-ahead mode, so that any number of processes and threads read
while one writes, and a process killed at any instant leaves it whole.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TypeAlias

from simulator.engines.cache_file import CacheFile
from simulator.files import cache_folder

Answer: TypeAlias = bytes | str
"""Label probabilities and mass as little-endian float32, exactly as the engine gave them; or a
text."""

_LOOKED_UP = 1_000
"""Keys a query."""


@dataclass(frozen=True)
class Origin:
    """Where an answer comes from: all that it depends on beside the prompt.

    Attributes:
        engine: The way of running: "vllm", "transformers", "openai", ...
        model: What the model goes by.
        revision: Commit or digest of the weights; "" where a server does not tell.
        precision: "float32", ...; "" where a server does not tell.
        asked: What is asked of it, as JSON: the labels in order, or the length of a text.
    """

    engine: str
    model: str
    revision: str
    precision: str
    asked: str


class DecisionCache:
    """Answers by origin and key.

    Threads may share one object; processes open the file each for themselves, and an object that a
    fork has carried over opens it anew. All of them must be on one machine: what write-ahead logs
    share lies in memory. Machines keep a file each, and answers differ no more than theirs do.

    Args:
        path: The file, which is made where it is missing; `decisions.sqlite` in nudgesim's cache
            folder by default.

    Attributes:
        file: The open file.

    Raises:
        CacheError: If the file is damaged, of another version, something else, or cannot be
            written; from every method.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.file = CacheFile(Path(path) if path else default_path())
        self._numbers: dict[Origin, int] = {}

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.file.path

    def find(self, origin: Origin, keys: Sequence[bytes]) -> dict[bytes, Answer]:
        """The answers that are kept, by key."""
        found: dict[bytes, Answer] = {}
        stale: list[bytes] = []
        today = day_of(time.time())
        with self.file.reading() as connection:
            number = self._number(connection, origin)
            for start in range(0, len(keys) if number else 0, _LOOKED_UP):
                part = keys[start : start + _LOOKED_UP]
                rows = connection.execute(
                    "SELECT key, answer, used FROM decisions WHERE origin = ? AND key IN "
                    f"({','.join('?' * len(part))})",
                    (number, *part),
                )
                with self.file.understood():
                    for key, answer, used in rows:
                        found[key] = answer
                        if used < today:
                            stale.append(key)
        if stale:
            with self.file.writing() as connection:
                connection.executemany(
                    "UPDATE decisions SET used = ? WHERE origin = ? AND key = ?",
                    [(today, number, key) for key in sorted(stale)],
                )
        return found

    def keep(self, origin: Origin, answers: Mapping[bytes, Answer]) -> None:
        """Keep answers by key, all or none; what is kept already stays as it is."""
        if not answers:
            return
        today = day_of(time.time())
        with self.file.writing() as connection:
            number = (
                self._number(connection, origin)
                or connection.execute(
                    "INSERT INTO origins (engine, model, revision, precision, asked) "
                    "VALUES (?, ?, ?, ?, ?)",
                    astuple(origin),
                ).lastrowid
            )
            connection.executemany(
                "INSERT OR IGNORE INTO decisions VALUES (?, ?, ?, ?, ?)",
                # In the order of the file, so that neighbours are written together.
                [(number, key, answers[key], today, today) for key in sorted(answers)],
            )

    def close(self) -> None:
        """Close the file; the object cannot be used afterwards."""
        self.file.close()

    def _number(self, connection: sqlite3.Connection, origin: Origin) -> int | None:
        """The origin's number in the file, None if it has none."""
        if origin not in self._numbers:
            row = connection.execute(
                "SELECT id FROM origins WHERE engine = ? AND model = ? AND revision = ? "
                "AND precision = ? AND asked = ?",
                astuple(origin),
            ).fetchone()
            if row is None:
                return None
            self._numbers[origin] = int(row[0])
        return self._numbers[origin]


def default_path() -> Path:
    """The file that runs share unless they are told otherwise."""
    return cache_folder() / "decisions.sqlite"


def day_of(seconds: float) -> int:
    """Days since 1970, in UTC."""
    return int(seconds) // 86_400


def date_of(day: int) -> date:
    """The date of a number from `day_of`."""
    return date(1970, 1, 1) + timedelta(days=day)
