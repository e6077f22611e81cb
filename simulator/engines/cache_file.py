"""The SQLite file of the decision cache: opened, checked, shared, and its errors explained."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from simulator.errors import CacheError
from simulator.sqlite_faults import explained, understood

APPLICATION = 0x4E554447
"""SQLite's `application_id` of our files: "NUDG"."""

VERSION = 1
"""In `user_version`; a file of another version is refused. To be raised when the tables change, and
when the engines come to read another answer out of the same model and prompt."""

TABLES = (
    """
    CREATE TABLE origins (
        id INTEGER PRIMARY KEY,
        engine TEXT NOT NULL,
        model TEXT NOT NULL,
        revision TEXT NOT NULL,
        precision TEXT NOT NULL,
        asked TEXT NOT NULL,
        UNIQUE (engine, model, revision, precision, asked)
    )
    """,
    """
    CREATE TABLE decisions (
        origin INTEGER NOT NULL REFERENCES origins,
        key BLOB NOT NULL,
        answer NOT NULL,
        kept INTEGER NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (origin, key)
    ) WITHOUT ROWID
    """,
)
"""`kept` and `used` are days since 1970: fine enough to prune by, and reading writes once a day at
most. Rows of `origins` are never deleted, so that a number never comes to mean another origin."""

_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""

_MEMORY_KIB = 65_536

_LOG_PAGES = 8_000
"""Pages in the write-ahead log before they move to the file: decisions lie in it at random, so the
more of them move at once, the fewer pages are written twice."""

_ELSEWHERE = "pass another --cache FILE, or --cache none."
_SPARE = (
    "It holds nothing that cannot be asked again: move it away or delete it (with the files -wal "
    f"and -shm beside it), {_ELSEWHERE.replace('pass', 'or pass')}"
)
_CURES = {
    "SQLITE_NOTADB": f"is no decision cache, or is damaged. {_SPARE}",
    "SQLITE_CORRUPT": f"is damaged. {_SPARE}",
    "SQLITE_ERROR": f"lacks the tables of a decision cache. {_SPARE}",
    "SQLITE_FULL": "cannot grow: the disk is full. Nothing of this call was kept, all before it "
    f"was. Make room and repeat the command, or {_ELSEWHERE}",
    "SQLITE_IOERR": "cannot be read or written. The disk may be full, failing, or a network's: "
    f"make room, or {_ELSEWHERE}",
    "SQLITE_CANTOPEN": "cannot be opened. It needs a folder that is there and writable, and room "
    f"on the disk; or {_ELSEWHERE}",
    "SQLITE_READONLY": f"is read-only. Make it and its folder writable, or {_ELSEWHERE}",
    "SQLITE_BUSY": f"has been in use by another process for {_PATIENCE:.0f} seconds. Wait for that "
    f"one, or {_ELSEWHERE}",
}


class CacheFile:
    """One connection to the file, lent to one thread at a time.

    Args:
        path: Made where it is missing, with its folder.

    Raises:
        CacheError: If it is damaged, of another version, something else, or cannot be written;
            from every method.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._left_by_fork: list[sqlite3.Connection] = []
        with self._explained():
            self._open()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection; every statement by itself."""
        with self._lock, self._explained():
            if self._process != os.getpid():
                # SQLite forbids even to close what was opened before a fork.
                self._left_by_fork.append(self._sqlite)
                self._open()
            yield self._sqlite

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction: kept whole at the end, undone by an exception."""
        with self.reading() as connection, _transaction(connection):
            yield connection

    def understood(self) -> AbstractContextManager[None]:
        """Within it, what comes of values of another type is told as a damaged file."""
        return understood(_CURES, self._error)

    def close(self) -> None:
        """Close the file; the object cannot be used afterwards."""
        with self._lock:
            self._sqlite.close()

    def _open(self) -> None:
        self._process = os.getpid()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CacheError(
                f"{self.path} cannot be made ({error.strerror}); {_ELSEWHERE}"
            ) from error
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._sqlite = connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables in a new file, and refuse a file that is not ours."""
        if _number(connection, "application_id") == 0 and not _tables(connection):
            with _transaction(connection):
                # Another process may have been faster.
                if not _tables(connection):
                    for table in TABLES:
                        connection.execute(table)
                    connection.execute(f"PRAGMA application_id = {APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {VERSION}")
        if _number(connection, "application_id") != APPLICATION:
            raise CacheError(f"{self.path} is an SQLite file of something else; {_ELSEWHERE}")
        version = _number(connection, "user_version")
        if version != VERSION:
            raise CacheError(
                f"{self.path} is a decision cache of version {version}, and this nudgesim has "
                f"version {VERSION}. {_SPARE}"
            )
        if not os.access(self.path, os.W_OK):
            raise CacheError(f"{self.path} {_CURES['SQLITE_READONLY']}")
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise CacheError(
                f"{self.path} lies on a disk on which processes cannot share memory; choose a "
                f"local disk: {_ELSEWHERE}"
            )
        # A power cut may cost the last answers, never the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_MEMORY_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")

    def _explained(self) -> AbstractContextManager[None]:
        return explained(_CURES, self._error)

    def _error(self, cure: str) -> CacheError:
        return CacheError(f"{self.path} {cure}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    # The right to write from the beginning: one that comes later can be refused without waiting.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite undoes by itself what a full disk has stopped.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
