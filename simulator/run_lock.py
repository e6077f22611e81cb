"""One process at a time writes a run directory, or trains a model into a folder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from simulator.errors import RunError
from simulator.files import not_written

LOCK = ".lock"
"""In the folder while it is written; a killed process leaves it behind, and that bars nobody: the
lock is the operating system's, and dies with its process."""

_CANNOT_LOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_ATTEMPTS = 100

_guard = threading.Lock()
_holders: dict[Path, tuple[int, int]] = {}
"""Process and thread by directory: what the operating system locks is a process's, so its threads
are told apart here. The process is noted, since a fork inherits this table and no lock."""


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Let nobody else write a run directory, or a model's folder, meanwhile.

    The lock is one of `fcntl`'s on a file in the directory: it goes with the process, however that
    ends, a forked child (an engine's, say) cannot hold it on, and network disks know it. A thread
    that holds it may take it again.

    Args:
        path: The folder; made where it is missing, and taken away if nothing comes into it.

    Raises:
        RunError: If another process or thread is at it.
        NotWrittenError: If nothing can be written there.
    """
    key, ours = path.resolve(), (os.getpid(), threading.get_ident())
    with _guard:
        holder = _holders.get(key)
        if holder is not None and holder[0] == ours[0] and holder != ours:
            raise RunError(_refusal(path, "another thread of this process"))
        taken = holder != ours
        if taken:
            made = not path.exists()
            descriptor = _take(path)
            _holders[key] = ours
    if not taken:
        yield
        return
    try:
        yield
    finally:
        with _guard:
            del _holders[key]
            # Deleted while it is ours, so that nobody else's can be meant.
            with suppress(OSError):
                (path / LOCK).unlink()
            os.close(descriptor)
            if made:
                with suppress(OSError):
                    path.rmdir()


def _take(path: Path) -> int:
    """The descriptor of the locked file."""
    file = path / LOCK
    for _ in range(_ATTEMPTS):
        try:
            path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue  # a run that ended has just taken its empty directory away
        except OSError as error:
            raise not_written(path, error) from error
        try:
            if _lock(path, descriptor):
                _sign(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise not_written(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))


def _lock(path: Path, descriptor: int) -> bool:
    """Lock an open file: False if it has been deleted, by the run before, in the meantime."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise RunError(_refusal(path, _signature(descriptor))) from error
        if error.errno not in _CANNOT_LOCK:
            raise not_written(path, error) from error
        warnings.warn(
            f"{path} lies on a disk without locks ({error.strerror}): see to it that no other run "
            "or training writes there.",
            stacklevel=5,
        )
        return True
    try:
        there = (path / LOCK).stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _sign(descriptor: int) -> None:
    """Note who we are, for those who are refused; a full disk may keep us from it."""
    note = {
        "process": os.getpid(),
        "machine": socket.gethostname(),
        "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    }
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)


def _signature(descriptor: int) -> str:
    """Who holds the lock, in words."""
    try:
        note = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {note['process']} on {note['machine']}, since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _refusal(path: Path, holder: str) -> str:
    return (
        f"{path} is being written by {holder}. Wait for it to end, or stop it: then the same "
        "command goes on. Or choose another --out. Nothing was changed here."
    )
