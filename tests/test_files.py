"""Atomic writes, and what is left of those that a kill has cut short."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.files import atomic_write, cache_folder, remove_leftovers, write_text

DYING = """
import os, signal, sys
from pathlib import Path
from simulator.files import atomic_write

with atomic_write(Path(sys.argv[1])) as file:
    file.write(b"half of")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as file:
        file.write(b"%d" % (1 / 0))
    assert [entry.name for entry in tmp_path.iterdir()] == ["note.txt"]
    assert path.read_text(encoding="utf-8") == "old"


def test_only_what_the_dead_have_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "run" / "rounds" / "round-001.parquet"
    path.parent.mkdir(parents=True)
    died = subprocess.run([sys.executable, "-c", DYING, str(path)])
    assert died.returncode == -signal.SIGKILL
    (left,) = path.parent.iterdir()
    assert left.read_bytes() == b"half of"
    process = left.name.split(".")[-2]
    kept = [
        # Another machine's, another program's, and one's own.
        left.with_name(f".round-001.parquet.not-{socket.gethostname()}.{process}.tmp"),
        left.with_name(".mine.tmp"),
        path.with_name("round-002.parquet"),
    ]
    for other in kept:
        other.touch()
    with atomic_write(path) as file:
        file.write(b"whole")
        assert remove_leftovers(tmp_path / "run") == [left]
    assert sorted(path.parent.iterdir()) == sorted([path, *kept])
    assert path.read_bytes() == b"whole"
    assert remove_leftovers(tmp_path / "run") == []


def test_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "nudgesim"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "nudgesim"
