"""A process that has imported everything and plays runs in forks, so that a start costs little.

Tests talk to it over its pipes, a line of JSON for each job: it forks, the child plays, and the
test, which is told the child's number, kills it or lets it end.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Self

from kill_jobs import Job, play, prepare

from simulator.cli.stopping import stopped_by_signals

GENTLE = {signal.SIGTERM, signal.SIGINT}


class Nursery:
    """The test's end of the pipes."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def play(
        self,
        job: Job | list[str],
        kill_after: float | None = None,
        awaited: Path | None = None,
        by: signal.Signals = signal.SIGKILL,
    ) -> tuple[bool, float]:
        """Start a process and kill it: (it ended by itself before, its seconds).

        Args:
            job: What to play, or the arguments of a `nudgesim` command.
            kill_after: Seconds; None: never.
            awaited: Count the seconds from when this file is there.
            by: SIGKILL, or a signal that processes end well on.

        Raises:
            AssertionError: If it ended with an error, not as it should on this signal, or left
                processes behind.
        """
        began = time.perf_counter()
        message = job if isinstance(job, list) else vars(job)
        descriptor = os.pidfd_open(int(self._ask(message)))
        if kill_after is not None:
            while awaited is not None and not awaited.exists():
                if select.select([descriptor], [], [], 0.002)[0]:
                    break
            select.select([descriptor], [], [], kill_after)
            signal.pidfd_send_signal(descriptor, by)
        code, left = json.loads(self._ask(None))
        os.close(descriptor)
        assert not left, "processes that outlive the one that started them"
        by_itself = signal.SIGKILL  # as jobs do that are told steps at which to die
        assert code in (0, 128 + by if by in GENTLE else -by_itself), f"it ended with {code}"
        return code == 0, time.perf_counter() - began

    def _ask(self, message: object) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def serve() -> None:
    """Fork for each job, then wait for the test's word and tell how the child ended."""
    # What comes before a child is ready for it waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, GENTLE)
    # Whoever started the tests in the background had SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for line in sys.stdin:
        asked = json.loads(line)
        job = asked if isinstance(asked, list) else Job(**asked)
        prepare(job)
        child = os.fork()
        if child == 0:
            live(job)
        tell(child)
        sys.stdin.readline()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        tell([code, orphans()])


def live(job: Job | list[str]) -> None:
    """A child's life, to its end."""
    code = 1
    try:
        with stopped_by_signals():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, GENTLE)
            play(job)
            code = 0
            signal.pthread_sigmask(signal.SIG_BLOCK, GENTLE)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit as end:
        # How commands end, also well.
        code = int(end.code or 0)
    except Exception:  # noqa: BLE001  # whatever it is, the test's output shows it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def adopt_orphans() -> None:
    """Become the parent of all that outlives the children, as init is elsewhere."""
    set_child_subreaper = 36
    assert ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0) == 0


def orphans(patience: float = 10.0) -> list[str]:
    """What outlives its patience too, by the command; it is ended then."""
    until = time.monotonic() + patience
    left: list[str] = []
    while True:
        try:
            waited, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return left
        if waited == 0:
            if time.monotonic() > until:
                for process in children():
                    left.append((Path("/proc") / process / "cmdline").read_text(errors="replace"))
                    os.kill(int(process), signal.SIGKILL)
                until = float("inf")
            time.sleep(0.02)


def children() -> list[str]:
    """Numbers of this process's children."""
    tasks = Path("/proc/self/task").glob("*/children")
    return [number for task in tasks for number in task.read_text().split()]


def tell(answer: object) -> None:
    """A line to the test."""
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    adopt_orphans()
    serve()
