"""The lab book's SQLite file: made, checked, shared by any number of writers, errors explained."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from simulator.errors import DataError
from simulator.sqlite_faults import explained, understood

APPLICATION = 0x4E55424B
"""SQLite's `application_id` of our files: "NUBK"."""

VERSION = 1
"""In `user_version`; a file of another version is refused. To be raised when the tables change."""

TABLES = (
    """
    CREATE TABLE sittings (
        id INTEGER PRIMARY KEY,
        made TEXT NOT NULL,
        purpose TEXT NOT NULL,
        data TEXT NOT NULL,
        data_sha256 TEXT NOT NULL,
        split TEXT NOT NULL,
        seed INTEGER NOT NULL,
        exposures INTEGER NOT NULL,
        users INTEGER NOT NULL,
        click_rate REAL NOT NULL,
        engine TEXT NOT NULL,
        model TEXT NOT NULL,
        revision TEXT NOT NULL,
        precision TEXT NOT NULL,
        mode TEXT NOT NULL,
        minimum_mass REAL NOT NULL,
        nudgesim TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE texts (
        sha256 TEXT PRIMARY KEY,
        text TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE evaluations (
        id INTEGER PRIMARY KEY,
        sitting INTEGER NOT NULL REFERENCES sittings,
        prompt TEXT NOT NULL,
        version INTEGER NOT NULL,
        variant TEXT NOT NULL,
        template_sha256 TEXT NOT NULL REFERENCES texts,
        static_sha256 TEXT NOT NULL REFERENCES texts,
        labels TEXT NOT NULL,
        history TEXT NOT NULL,
        examples TEXT NOT NULL,
        incumbent INTEGER NOT NULL,
        tokens REAL,
        new_tokens REAL,
        seconds REAL,
        asked INTEGER,
        from_cache INTEGER,
        failures INTEGER,
        failure TEXT NOT NULL,
        refused TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE figures (
        evaluation INTEGER NOT NULL REFERENCES evaluations,
        measure TEXT NOT NULL,
        value REAL,
        low REAL,
        high REAL,
        difference REAL,
        difference_low REAL,
        difference_high REAL,
        p REAL,
        PRIMARY KEY (evaluation, measure)
    ) WITHOUT ROWID
    """,
)
"""A sitting is one evaluation of one or more variants. The row is written before anybody is asked,
so that no look at the test users goes uncounted."""

_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""

_ELSEWHERE = "pass another --book FILE."
_DAMAGED = (
    f"Move it away (with a file -journal beside it) to begin a new book, or {_ELSEWHERE} "
    "A book cannot be computed again, so do not delete it lightly"
)
_CURES = {
    "SQLITE_NOTADB": f"This is no lab book, or it is damaged. {_DAMAGED}.",
    "SQLITE_CORRUPT": f"The lab book is damaged. {_DAMAGED}.",
    "SQLITE_ERROR": f"It lacks the tables of a lab book. {_DAMAGED}.",
    "SQLITE_FULL": "The lab book cannot grow: the disk is full. Make room and repeat the command.",
    "SQLITE_IOERR": "The lab book cannot be read or written: the disk may be full, failing, or a "
    f"network's. Make room, or {_ELSEWHERE}",
    "SQLITE_CANTOPEN": "The lab book cannot be opened. It needs a folder that is there and "
    f"writable; or {_ELSEWHERE}",
    "SQLITE_READONLY": "The lab book is read-only. Make it and its folder writable, or "
    f"{_ELSEWHERE}",
    "SQLITE_BUSY": f"Another process has been writing for {_PATIENCE:.0f} seconds. Wait for it, "
    f"or {_ELSEWHERE}",
}


class BookFile:
    """The file; every use opens it anew, so threads, processes and forks need nothing of it.

    Args:
        path: Made where it is missing, with its folder.

    Raises:
        DataError: If it is damaged, of another version, something else, or cannot be written;
            from every method.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.writing():
            pass

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction: kept whole at the end, undone by an exception."""
        with self._explained():
            self._make_folder()
            with closing(self._connect()) as connection, connection:
                # The right to write from the beginning: one that comes later can be refused.
                connection.execute("BEGIN IMMEDIATE")
                self._check(connection)
                yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the book."""
        with self._explained(), closing(self._connect()) as connection, connection:
            connection.execute("BEGIN")
            yield connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"The lab book cannot be made ({error.strerror}); {_ELSEWHERE}", path=self.path
            ) from error

    def _check(self, connection: sqlite3.Connection) -> None:
        """Make the tables in a new file, and refuse a file that is not ours."""
        if not _number(connection, "SELECT count(*) FROM sqlite_master"):
            for table in TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        if _number(connection, "PRAGMA application_id") != APPLICATION:
            raise DataError(f"An SQLite file of something else; {_ELSEWHERE}", path=self.path)
        version = _number(connection, "PRAGMA user_version")
        if version != VERSION:
            raise DataError(
                f"A lab book of version {version}, and this nudgesim writes version {VERSION}. "
                f"{_DAMAGED}.",
                path=self.path,
            )

    def _explained(self) -> AbstractContextManager[None]:
        return explained(_CURES, self._error)

    def understood(self) -> AbstractContextManager[None]:
        """Within it, what comes of values of another type is told as a damaged file."""
        return understood(_CURES, self._error)

    def _error(self, cure: str) -> DataError:
        return DataError(cure, path=self.path)


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
