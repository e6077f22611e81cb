"""Atomic writes: a file is whole or absent, whenever the process dies."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from simulator.errors import NotWrittenError

_CURES = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room",
    errno.EFBIG: "Make room",
    errno.EROFS: "Make it and its folder writable",
    errno.EACCES: "Make it and its folder writable",
    errno.EPERM: "Make it and its folder writable",
    errno.ENOENT: "Its folder is gone: put it back",
    errno.ENOTDIR: "Give it a folder: there is a file in the way",
    errno.EEXIST: "Give it a folder: there is a file in the way",
}


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path`; on success flush it and rename it over `path`.

    Raises:
        NotWrittenError: If the disk is full, read-only or gone; what was at `path` is still there.
    """
    temporary = path.with_name(f".{path.name}{_ours(os.getpid())}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.filename not in (None, str(temporary)):
            raise  # about another file, which the caller reads meanwhile
        raise not_written(path, error) from error
    finally:
        # A read-only disk refuses even to delete what is not there.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def written_in_rust(path: Path) -> Iterator[None]:
    """Understand what libraries written in Rust (safetensors, tokenizers) say of a full disk.

    Args:
        path: The file or folder that is written within.

    Raises:
        NotWrittenError: In place of their own errors, which are no OSError and have no number.
    """
    try:
        yield
    except Exception as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        told = OSError(int(number[1]), os.strerror(int(number[1])))
        raise not_written(path, told) from error


def not_written(path: Path, error: OSError) -> NotWrittenError:
    """What to raise when a file or folder cannot be written, with its cure."""
    cure = _CURES.get(error.errno or 0, "See to the disk")
    told = NotWrittenError(
        f"{path} cannot be written: {error.strerror or error}. {cure}, and repeat the command: "
        "what was finished before is kept."
    )
    told.errno = error.errno
    return told


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
