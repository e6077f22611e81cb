"""Two trainings into one folder: the second is refused, and a killed one bars nobody."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.run_lock import LOCK


def await_lock(out: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has locked a folder."""
    lock = out / LOCK
    while not (lock.exists() and lock.stat().st_size):
        assert process.poll() is None
        time.sleep(0.02)


@pytest.mark.slow
def test_a_second_training_is_told_who_the_first_is_and_a_killed_one_bars_nobody(
    command: Callable[..., tuple[int, str, str]], tables: Path, tmp_path: Path
) -> None:
    out = tmp_path / "agent"
    train = ["agent", "train", "--data", str(tables), "--out", str(out), "--epochs", "1"]
    train += ["--hidden", "32", "--layers", "1"]
    first = subprocess.Popen(
        [sys.executable, "-c", "from simulator.cli import main; main()", *train]
    )
    try:
        await_lock(out, first)
        first.send_signal(signal.SIGSTOP)
        files = sorted(out.iterdir())
        code, _, said = command(*train)
        assert code == 2
        for words in (str(out), f"process {first.pid} on ", "since 20", "another --out"):
            assert words in " ".join(said.split())
        assert sorted(out.iterdir()) == files
    finally:
        first.kill()
        first.wait()
    assert (out / LOCK).exists()
    code, printed, said = command(*train)
    assert code == 0, said
    assert "Written to" in printed
    assert (out / "training.json").exists()
    assert not (out / LOCK).exists()
