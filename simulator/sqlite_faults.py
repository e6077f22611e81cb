"""What SQLite says of a file, turned into an error that names the file and the cure."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from simulator.errors import NudgesimError


@contextmanager
def explained(cures: Mapping[str, str], error: Callable[[str], NudgesimError]) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Args:
        cures: What is wrong and what to do, by SQLite's name of the error ("SQLITE_FULL"). Names
            such as SQLITE_IOERR_WRITE refine those that have a cure; what has none passes through.
        error: Makes our error of a cure.

    Raises:
        NudgesimError: As `error` makes it.
    """
    try:
        yield
    except sqlite3.DatabaseError as fault:
        kind = "_".join(getattr(fault, "sqlite_errorname", "").split("_")[:2])
        if kind not in cures:
            raise
        raise error(cures[kind]) from fault
