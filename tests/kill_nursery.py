"""A process that has imported everything and plays runs in forks, so that a start costs little.

Tests talk to it over its pipes, a line of JSON for each job: it forks, the child plays, and the
test, which is told the child's number, kills it or lets it end.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from prompts import load_template
from simulator.cli import main
from simulator.clicks import AgentClicks
from simulator.config import RunConfig
from simulator.engines import ScriptedEngine, TransformersEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.vllm_local import import_vllm
from simulator.experiment import World, build_world, run_experiment
from simulator.experiment.running import Experiment


@dataclass(frozen=True)
class Job:
    """A run to play.

    Attributes:
        out: The run directory.
        cache: The file of the decision cache.
        settings: Of the run.
        engine: "scripted" or "transformers".
        spared: Steps at which the process does not kill itself (see `suicidal`); None: it never
            does.
    """

    out: str
    cache: str
    settings: dict[str, Any]
    engine: str = "scripted"
    spared: tuple[str, ...] | None = None


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
    ) -> tuple[bool, float]:
        """Start a process and kill it: (it ended by itself before, its seconds).

        Args:
            job: What to play, or the arguments of a `nudgesim` command.
            kill_after: Seconds; None: never.
            awaited: Count the seconds from when this file is there.

        Raises:
            AssertionError: If it ended by itself with an error.
        """
        began = time.perf_counter()
        message = job if isinstance(job, list) else vars(job)
        descriptor = os.pidfd_open(int(self._ask(message)))
        if kill_after is not None:
            while awaited is not None and not awaited.exists():
                if select.select([descriptor], [], [], 0.002)[0]:
                    break
            select.select([descriptor], [], [], kill_after)
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        status = int(self._ask(None))
        os.close(descriptor)
        assert status in (0, signal.SIGKILL), f"the process ended with status {status}"
        return status == 0, time.perf_counter() - began

    def _ask(self, message: object) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def serve() -> None:
    """Fork for each job, then wait for the test's word and tell how the child ended."""
    for line in sys.stdin:
        asked = json.loads(line)
        job = asked if isinstance(asked, list) else Job(**asked)
        prepare(job)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                command(job) if isinstance(job, list) else play(job)
                code = 0
            except SystemExit as end:
                # How commands end, also well.
                code = int(end.code or 0)
            finally:
                sys.stderr.flush()
                os._exit(code)
        tell(child)
        sys.stdin.readline()
        tell(os.waitpid(child, 0)[1])


def tell(number: int) -> None:
    """A line to the test."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def prepare(job: Job | list[str]) -> None:
    """What children need not do again: imports, the world; each loads the model for itself."""
    if isinstance(job, list):
        import_vllm()
        return
    world(json.dumps(job.settings))
    if job.engine == "transformers":
        load_transformers()


@lru_cache
def load_transformers() -> None:
    """Import all that this engine imports bit by bit."""
    TransformersEngine("pocket").close()


@lru_cache
def world(settings: str) -> World:
    """The world, with the loops compiled by a rehearsal."""
    config = RunConfig.read(None, json.loads(settings))
    built = build_world(config, lambda _: None)
    Experiment.prepare(config, lambda _: None, built).play(agent(ScriptedEngine(odd), built))
    return built


def play(job: Job) -> None:
    """The child's life."""
    engine = ScriptedEngine(odd) if job.engine == "scripted" else TransformersEngine("pocket")
    cache = DecisionCache(job.cache)
    if job.spared is not None:
        step = suicidal(Path(job.out), frozenset(job.spared))
        cache.file._sqlite.set_trace_callback(lambda statement: step(statement.split()[0]))
    built = world(json.dumps(job.settings))
    clicking = agent(CachedEngine(engine, cache), built)
    config = RunConfig.read(None, job.settings)
    run_experiment(config, Path(job.out), world=built, agent=clicking)
    clicking.close()


def command(arguments: list[str]) -> None:
    """A `nudgesim` command, in a child."""
    sys.argv = ["nudgesim", *arguments]
    # The pipe to the test is no place for what the command prints.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    main()


def agent(engine: Any, built: World) -> AgentClicks:
    """The click agent on an engine."""
    return AgentClicks(engine, load_template("movies/click-en"))


def odd(text: str) -> float:
    """A probability as good as any, the same for the same prompt."""
    return (zlib.crc32(text.encode()) % 9_973) / 9_973


def suicidal(out: Path, spared: frozenset[str]) -> Callable[[str], None]:
    """Have this process kill itself at its first step that is not spared, and leave its name.

    Steps are files opened for writing, renamed or removed, folders made, all before they happen,
    and what is told to the function returned: statements of SQLite. A name has the number of
    rounds that are written, so that the same step of another round is another. It is added to the
    file `steps` beside the run directory.
    """
    names = os.open(out.parent / "steps", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def step(what: str) -> None:
        # Temporary names have the process in them.
        name = re.sub(r"\.[^.]+\.\d+\.tmp$", "", what)
        name += f" after {len(list(out.glob('rounds/round-*.parquet')))}"
        if name not in spared:
            os.write(names, f"{name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("open", "os.rename", "os.remove", "os.mkdir"):
            return
        ours = str(arguments[0]).startswith(f"{out}{os.sep}")
        reading = event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if ours and not reading:
            step(f"{event} {Path(arguments[0]).relative_to(out)}")

    sys.addaudithook(watch)
    return step


if __name__ == "__main__":
    serve()
