"""What the children of the nursery play: runs, an evaluation of prompts, a training, commands."""

from __future__ import annotations

import json
import os
import sys
import zlib
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import lab_worlds
import numpy as np
from kill_steps import WRITES, kill_at_first_step
from small_world import small_world

from evals.bootstrap import Bootstrap
from prompts import load_template
from simulator.cli import main
from simulator.clicks import AgentClicks
from simulator.config import AgentConfig, RunConfig
from simulator.data import split_users
from simulator.domain import Dataset
from simulator.engines import ScriptedEngine, TransformersEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.vllm_local import import_vllm
from simulator.experiment import World, build_world, run_experiment
from simulator.experiment.running import Experiment
from simulator.lab import Book, Lab, sweep_variants


@dataclass(frozen=True)
class Job:
    """What to play.

    Attributes:
        folder: Where all of it goes, its cache and its lab book too.
        kind: "run", "lab" or "training".
        settings: Of a run.
        engine: Of a run: "scripted" or "transformers".
        spared: Steps at which the process does not kill itself (see `kill_steps`); None: it never
            does.
    """

    folder: str
    kind: str = "run"
    settings: dict[str, Any] = field(default_factory=dict)
    engine: str = "scripted"
    spared: tuple[str, ...] | None = None

    @property
    def out(self) -> Path:
        """The run directory, or the folder of the model."""
        return Path(self.folder) / "run"


def prepare(job: Job | list[str]) -> None:
    """What children need not do again: imports, the world; each loads the model for itself."""
    if isinstance(job, list):
        import_vllm()
    elif job.kind == "run":
        world(json.dumps(job.settings))
        if job.engine == "transformers":
            load_transformers()
    elif job.kind == "lab":
        log()
    else:
        moments()


def play(job: Job | list[str]) -> None:
    """The child's life."""
    if isinstance(job, list):
        command(job)
        return
    if job.spared is not None:
        spared, events = frozenset(job.spared), WRITES
        if job.kind == "training":
            # It is long: what it is about to open it has not written yet. When it lets go of its
            # folder it is over, and a repetition is refused.
            spared, events = spared | {"os.remove run/.lock after 0"}, ("os.rename", "os.remove")
        kill_at_first_step(Path(job.folder), spared, events)
    {"run": play_run, "lab": play_lab, "training": play_training}[job.kind](job)


def play_run(job: Job) -> None:
    """A run with an agent behind a decision cache."""
    engine = ScriptedEngine(odd) if job.engine == "scripted" else TransformersEngine("pocket")
    built = world(json.dumps(job.settings))
    with closing(agent(cached(engine, job), built)) as clicking:
        config = RunConfig.read(None, job.settings)
        run_experiment(config, job.out, world=built, agent=clicking)


def play_lab(job: Job) -> None:
    """An evaluation of prompts on users whose looks are counted, entered into a lab book."""
    book = Book(Path(job.folder) / "book.sqlite")
    settings = AgentConfig(template="movies/click-en")
    engine = cached(ScriptedEngine(odd), job)
    with Lab(log(), settings, book=book, engine=engine) as lab:
        variants = sweep_variants(lab, lab.variant(), ["direction"])
        lab.evaluate(
            variants, exposures=60, split="test", purpose="kill", bootstrap=Bootstrap(replicates=20)
        )


def play_training(job: Job) -> None:
    """A small model, trained from nothing on a small log."""
    from simulator.training import NetworkSettings, TrainingSettings, train_agent

    settings = TrainingSettings(
        epochs=1,
        batch_decisions=64,
        stop_share=0.3,
        checkpoint_steps=1,
        threads=1,
        network=NetworkSettings(vocabulary=300, hidden=32, layers=1, feed_forward=32),
    )
    users = moments().n_users
    train_agent(settings, moments(), job.out, split=split_users(users, held_out=0.2, seed=0))


def command(arguments: list[str]) -> None:
    """A `nudgesim` command."""
    sys.argv = ["nudgesim", *arguments]
    # The pipe to the test is no place for what the command prints.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    main()


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


@lru_cache
def log() -> Dataset:
    """A small log for the lab, with what judging compiles and imports."""
    data = lab_worlds.world(small_world())
    settings = AgentConfig(template="movies/click-en")
    with Lab(data, settings, engine=ScriptedEngine(odd)) as lab:
        lab.evaluate([lab.variant()], exposures=60, bootstrap=Bootstrap(replicates=20))
    return data


@lru_cache
def moments() -> Dataset:
    """A small log with exposures all over its users' lives, for a training."""
    import simulator.training  # noqa: F401  # once, for all children

    data = small_world()
    assert data.log is not None
    time = 99 + np.arange(len(data.log)) % 8
    return replace(data, log=replace(data.log, time=time))


def cached(engine: Any, job: Job) -> CachedEngine:
    """An engine behind a cache of the job's own."""
    return CachedEngine(engine, DecisionCache(Path(job.folder) / "decisions.sqlite"))


def agent(engine: Any, built: World) -> AgentClicks:
    """The click agent on an engine."""
    return AgentClicks(engine, load_template("movies/click-en"))


def odd(text: str) -> float:
    """A probability as good as any, the same for the same prompt."""
    return (zlib.crc32(text.encode()) % 9_973) / 9_973
