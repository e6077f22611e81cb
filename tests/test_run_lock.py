"""Two runs on one directory: the second is refused, whoever it is, and nothing is lost."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from recommender import RandomItems
from simulator.clicks import DistributionClicks
from simulator.data import split_users
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.errors import NotWrittenError, RunError
from simulator.run_lock import LOCK, only_writer
from simulator.session import simulate

HOLDING = """
import os, sys
from pathlib import Path
from simulator.run_lock import only_writer

with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
    {then}
"""

FORKING = """
import time
    child = os.fork()
    if child == 0:
        time.sleep(60)
    print(child, flush=True)
    sys.stdin.readline()
""".strip()


@contextmanager
def holder(path: Path, then: str = "pass") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is told a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING.replace("{then}", then), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_second_process_is_told_who_the_first_is(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with holder(run) as process:
        with pytest.raises(RunError) as refused, only_writer(run):
            pass
        said = str(refused.value)
        for words in (str(run), f"process {process.pid} on ", "since 20", "another --out"):
            assert words in said
        # What the first one goes by is as it was.
        with pytest.raises(RunError, match=f"process {process.pid}"), only_writer(run):
            pass
        tell(process)
        assert process.wait() == 0
    assert list(run.iterdir()) == []
    with only_writer(run):
        assert (run / LOCK).exists()
    assert list(run.iterdir()) == []


def test_a_killed_process_bars_nobody(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        assert (tmp_path / LOCK).exists()
        with only_writer(tmp_path):
            pass
    assert not (tmp_path / LOCK).exists()


def test_a_child_that_outlives_a_killed_process_bars_nobody(tmp_path: Path) -> None:
    with holder(tmp_path, FORKING) as process:
        tell(process)
        assert process.stdout
        child = int(process.stdout.readline())
        try:
            process.kill()
            process.wait()
            os.kill(child, 0)
            with only_writer(tmp_path):
                pass
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_fork_does_not_think_that_it_holds_the_lock(tmp_path: Path) -> None:
    script = HOLDING.replace(
        "{then}",
        """
    child = os.fork()
    if child == 0:
        try:
            with only_writer(Path(sys.argv[1])):
                os._exit(7)
        except Exception as error:
            os._exit(5 if f"process {os.getppid()} on" in str(error) else 6)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
""".strip(),
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], input="\n", capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("held\n5\n", "")


def test_a_thread_may_take_it_again_and_another_may_not(tmp_path: Path) -> None:
    caught: list[str] = []

    def other() -> None:
        try:
            with only_writer(tmp_path / "run"):
                pass
        except RunError as error:
            caught.append(str(error))

    with only_writer(tmp_path / "run"):
        with only_writer(tmp_path / "there" / ".." / "run"):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        # It is held still, although the inner one has let go of it.
        assert (tmp_path / "run" / LOCK).exists()
    assert len(caught) == 1
    assert "another thread of this process" in caught[0]


def test_a_directory_that_was_made_for_nothing_goes(tmp_path: Path) -> None:
    made, found = tmp_path / "made" / "run", tmp_path / "found"
    found.mkdir()
    for path in (made, found):
        with pytest.raises(ZeroDivisionError), only_writer(path):
            (path / str(1 // 0)).touch()
    assert not made.exists()
    assert found.exists()


def test_many_processes_at_once_are_never_in_it_together(tmp_path: Path) -> None:
    """Each takes the lock 60 times and makes a file that nobody else may find there."""
    script = """
import sys
from pathlib import Path
from simulator.errors import RunError
from simulator.run_lock import only_writer
folder, alone, times = Path(sys.argv[1]) / "run", Path(sys.argv[1]) / "alone", 0
while times < 60:
    try:
        with only_writer(folder):
            alone.open("x").close()
            alone.unlink()
            times += 1
    except RunError:
        pass
"""
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(NotWrittenError, match=r"file/run cannot be written: .*file in the way"),
        only_writer(tmp_path / "file" / "run"),
    ):
        pass


def test_a_disk_without_locks_is_played_on_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.warns(UserWarning, match="without locks .*no other run"), only_writer(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_training_keeps_to_it_too(data: Dataset, tmp_path: Path) -> None:
    from simulator.training import TrainingSettings, train_agent

    with (
        holder(tmp_path) as process,
        pytest.raises(RunError, match=f"written by process {process.pid} on"),
    ):
        train_agent(TrainingSettings(), data, tmp_path, split=split_users(30, seed=0))


class Meddling:
    """Decides, and has the run resumed by somebody else in its second round."""

    def __init__(self, resume: Callable[[], object]) -> None:
        self.resume = resume
        self.said: list[str] = []

    def decide(self, shown: Exposures) -> Clicks:
        if shown.round[0] == 2 and not self.said:
            try:
                self.resume()
            except RunError as error:
                self.said.append(str(error))
        return DistributionClicks().decide(shown)

    def describe(self) -> str:
        return "meddling"


def test_the_resume_of_a_run_that_is_still_going_is_refused(
    data: Dataset, vectors: Vectors, tmp_path: Path
) -> None:
    def play(out: Path, clicks: Meddling) -> None:
        users = np.arange(5)
        simulate(data, RandomItems(), clicks, rounds=3, users=users, vectors=vectors, out=out)

    def resume() -> None:
        thread_errors: list[BaseException] = []

        def other() -> None:
            try:
                play(tmp_path / "run", Meddling(lambda: None))
            except RunError as error:
                thread_errors.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        raise thread_errors[0]

    clicks = Meddling(resume)
    play(tmp_path / "run", clicks)
    assert len(clicks.said) == 1
    assert "is being written by another thread" in clicks.said[0]
    play(tmp_path / "alone", Meddling(lambda: None))
    for round in (1, 2, 3):
        name = f"rounds/round-{round:03d}.parquet"
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    assert not (tmp_path / "run" / LOCK).exists()
