"""Atomic writes: a file is whole or absent, whenever the process dies."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path`; on success flush it and rename it over `path`."""
    temporary = path.with_name(f".{path.name}{_ours(os.getpid())}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_write(path) as file:
        file.write(text.encode())


def remove_leftovers(folder: Path) -> list[Path]:
    """Delete temporary files whose process was killed while it wrote them.

    Those of living processes and of other machines stay.

    Args:
        folder: Searched with its folders.

    Returns:
        What was deleted.
    """
    gone = []
    for path in sorted(folder.rglob(f".*.{socket.gethostname()}.*.tmp")):
        process = path.name.split(".")[-2]
        if process.isdigit() and path.name.endswith(_ours(int(process))) and _dead(int(process)):
            path.unlink(missing_ok=True)
            gone.append(path)
    return gone


def cache_folder() -> Path:
    """The folder for what can be had again at a price, `nudgesim` in the user's cache.

    That is XDG_CACHE_HOME, or `~/.cache`; the folder need not exist yet.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nudgesim"


def _ours(process: int) -> str:
    """How the temporary files of a process on this machine end.

    The machine is named too: on a shared disk two machines may write the same file, and two
    containers often have the same process numbers.
    """
    return f".{socket.gethostname()}.{process}.tmp"


def _dead(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    return False
