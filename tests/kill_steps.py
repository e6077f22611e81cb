"""A process that kills itself at the first step it has not been spared."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any

WRITES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")
"""Python's audit events of what changes a folder."""


def kill_at_first_step(
    folder: Path, spared: frozenset[str], events: tuple[str, ...] = WRITES
) -> None:
    """Have this process kill itself at its first step that is not spared, and leave its name.

    Steps are files below the folder opened for writing, renamed or removed, folders made or
    removed, and SQLite's statements: all before they happen. A name tells how far the process had
    come, by the rounds that are written and how often it did the same or began a transaction, so
    that the same step later on is another. It is added to the file `steps` in the folder.
    """
    names = os.open(folder / "steps", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    begun: Counter[str] = Counter()

    def rounds() -> int:
        return len(list(folder.glob("run/rounds/round-*.parquet")))

    def step(what: str) -> None:
        if what not in spared:
            os.write(names, f"{what}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in events and isinstance(arguments[0], str | bytes | os.PathLike):
            path = Path(os.fsdecode(arguments[0]))
            reading = event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if path.is_relative_to(folder) and path.name != "steps" and not reading:
                # Temporary names have the process in them.
                name = re.sub(r"\.[^.]+\.\d+\.tmp$", "", str(path.relative_to(folder)))
                name = f"{event} {name} after {rounds()}"
                begun[name] += 1
                step(name if begun[name] == 1 else f"{name}, time {begun[name]}")

    connect = sqlite3.connect

    def traced(path: Path, **settings: Any) -> sqlite3.Connection:
        def statement(text: str) -> None:
            word = text.split()[0]
            begun[path.name] += word == "BEGIN"
            step(f"{path.name}: {word} {begun[path.name]} after {rounds()}")

        connection = connect(path, **settings)
        connection.set_trace_callback(statement)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]  # as it is called here
    sys.addaudithook(watch)
