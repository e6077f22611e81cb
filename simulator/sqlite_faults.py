"""What SQLite says of a file, turned into an error that names the file and the cure."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from simulator.errors import NudgesimError

_DAMAGED = "SQLITE_CORRUPT"
_OF_VALUES = (TypeError, ValueError, OverflowError, AttributeError, KeyError)


@contextmanager
def explained(cures: Mapping[str, str], error: Callable[[str], NudgesimError]) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Args:
        cures: What is wrong and what to do, by SQLite's name of the error ("SQLITE_FULL"). Names
            such as SQLITE_IOERR_WRITE refine those that have a cure; for what has none, such as a
            text that is not UTF-8 or a constraint that is not ours, the file is damaged.
        error: Makes our error of a cure.

    Raises:
        NudgesimError: As `error` makes it.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.NotSupportedError):
        raise
    except UnicodeDecodeError as fault:
        # SQLite's own message quotes the file, and Python cannot read it.
        raise error(cures[_DAMAGED]) from fault
    except sqlite3.DatabaseError as fault:
        kind = "_".join(getattr(fault, "sqlite_errorname", "").split("_")[:2])
        raise error(cures.get(kind, cures[_DAMAGED])) from fault


@contextmanager
def understood(cures: Mapping[str, str], error: Callable[[str], NudgesimError]) -> Iterator[None]:
    """Turn what comes of values of another type, a day that is a text, into our error.

    Raises:
        NudgesimError: As `error` makes it of a damaged file.
    """
    try:
        yield
    except _OF_VALUES as fault:
        raise error(cures[_DAMAGED]) from fault
