"""Killed at any instant, any number of times: what is written in the end is the undisturbed run.

In all at least 200 kills: `AT_RANDOM` of runs by three signals, and one before every single step
of a run, an evaluation of prompts and a training. NUDGESIM_KILLS asks for more at random.
"""

from __future__ import annotations

import filecmp
import json
import os
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kill_jobs import Job
from kill_nursery import GENTLE, Nursery

from simulator.engines.vllm_local import vllm_installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
]

AT_RANDOM = int(os.environ.get("NUDGESIM_KILLS", "125"))
STEPS = {"run": 50, "lab": 20, "training": 8}
"""At least so many kills before a step."""

SETTINGS = {
    "users": 6,
    "targets": 2,
    "clicks": "agent",
    "recommender": "ipg",
    "vectors.method": "mf",
    "beside": False,
    "fallback": "none",
}

PHASES = {"before the rounds", "in a round", "while a file was written", "after the rounds"}


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PYTHONPATH", os.pathsep.join([".", os.environ.get("PYTHONPATH", "")]))
        patch.setenv("OMP_NUM_THREADS", "1")
        with Nursery() as nursery:
            yield nursery


def job(folder: Path, rounds: int, engine: str = "scripted", **more: Any) -> Job:
    """A run in a folder of its own, with a cache of its own."""
    folder.mkdir(exist_ok=True)
    return Job(str(folder), settings={**SETTINGS, "rounds": rounds}, engine=engine, **more)


def assert_same_run(killed: Path, undisturbed: Path) -> None:
    """The same files, byte for byte but for those that tell of the machine and of time.

    And the same decisions in the cache, to the last bit.
    """

    def files(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    def settings(folder: Path) -> object:
        return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["config"]

    names = files(undisturbed)
    assert files(killed) == names
    assert settings(killed) == settings(undisturbed)
    compared = names - {"cost.json", "manifest.json"}
    equal, different, unread = filecmp.cmpfiles(killed, undisturbed, compared, shallow=False)
    assert "summary.json" in equal
    assert (different, unread) == ([], [])
    assert decisions(killed.parent) == decisions(undisturbed.parent)


def decisions(folder: Path) -> list[tuple[object, ...]]:
    """What the decision cache beside a run holds."""
    return asked(
        folder / "decisions.sqlite", "SELECT origin, key, answer FROM decisions ORDER BY key"
    )


def where(run: Path, rounds: int) -> str:
    """What a process was about when it was killed, by what it has left."""
    if any(run.rglob(".*.tmp")):
        return "while a file was written"
    if not (run / "episodes.parquet").exists():
        return "before the rounds"
    written = len(list(run.glob("rounds/round-*.parquet")))
    return "in a round" if written < rounds else "after the rounds"


def hidden(folder: Path) -> set[Path]:
    """Files that are being written; an empty lock file says nothing, it is the lock that counts."""
    return {path for path in folder.rglob(".*") if path.name != ".lock"}


def kill_until_done(
    nursery: Nursery,
    run: Job,
    draw: Callable[[], float],
    by: Callable[[], signal.Signals] = lambda: signal.SIGKILL,
    most: int = 100,
) -> Counter[str]:
    """Start a run and kill it, until it ends before it is killed: kills by phase and signal."""
    kills: Counter[str] = Counter()
    while True:
        signalled = by()
        left = hidden(run.out)
        if nursery.play(run, kill_after=draw(), by=signalled)[0]:
            return kills
        kills[where(run.out, int(run.settings["rounds"]))] += 1
        kills[signalled.name] += 1
        if signalled in GENTLE:
            # It has taken back what it was writing.
            assert hidden(run.out) <= left
        assert kills.total() < 2 * most


def test_killed_at_random(
    nursery: Nursery, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    rounds = 12
    whole = job(tmp_path / "undisturbed", rounds)
    nursery.play(whole)
    life = nursery.play(job(tmp_path / "again", rounds))[1]
    generator = random.Random(20_261_121)
    signals = [signal.SIGKILL] * 3 + sorted(GENTLE)
    kills: Counter[str] = Counter()
    runs = 0
    expected = PHASES | {"SIGKILL", "SIGTERM", "SIGINT"}
    while kills.total() < 2 * AT_RANDOM or kills["in a round"] < 10 or not kills.keys() >= expected:
        run = job(tmp_path / str(runs), rounds)
        # Over the whole life, and more often early, so that a run is killed several times.
        kills += kill_until_done(
            nursery,
            run,
            lambda: life * generator.random() ** 2,
            lambda: generator.choice(signals),
        )
        assert_same_run(run.out, whole.out)
        runs += 1
        assert runs < AT_RANDOM, kills
    record_property("kills", dict(kills))


def kill_before_every_step(nursery: Nursery, run: Job) -> list[str]:
    """Play a job again and again, each time up to a step at which it was not killed yet."""
    steps = Path(run.folder) / "steps"
    steps.touch()
    while True:
        spared = tuple(steps.read_text(encoding="utf-8").splitlines())
        if nursery.play(replace(run, spared=spared))[0]:
            steps.unlink()
            assert len(spared) >= STEPS[run.kind]
            return list(spared)
        assert len(spared) < 200


def test_killed_before_every_single_step(nursery: Nursery, tmp_path: Path) -> None:
    whole, killed = job(tmp_path / "undisturbed", 3), job(tmp_path / "killed", 3)
    nursery.play(whole)
    spared = kill_before_every_step(nursery, killed)
    assert_same_run(killed.out, whole.out)
    for step in (
        "open run/.lock after 0",
        "os.rename run/.manifest.json after 0",
        "open run/rounds/.round-002.parquet after 1",
        "os.rename run/rounds/.round-002.parquet after 1",
        "os.rename run/state/.round-002.npz after 2",
        "os.remove run/state/round-001.npz after 2",
        "decisions.sqlite: INSERT 1 after 1",
        "decisions.sqlite: COMMIT 1 after 2",
        "os.rename run/.summary.json after 3",
        "os.remove run/.lock after 3",
    ):
        assert step in spared


def test_an_evaluation_killed_before_every_single_step(nursery: Nursery, tmp_path: Path) -> None:
    whole, killed = (Job(str(tmp_path / name), "lab") for name in ("undisturbed", "killed"))
    for one in (whole, killed):
        Path(one.folder).mkdir()
    nursery.play(whole)
    spared = kill_before_every_step(nursery, killed)
    for step in ("book.sqlite: INSERT 2", "book.sqlite: COMMIT 3", "decisions.sqlite: COMMIT 1"):
        assert f"{step} after 0" in spared
    assert decisions(Path(killed.folder)) == decisions(Path(whole.folder))
    books = [Path(one.folder) / "book.sqlite" for one in (whole, killed)]
    once, often = (figures(book) for book in books)
    # Whatever was killed, each look at the test users was counted, and nothing is half-entered.
    looks = asked(books[1], "SELECT count(*) FROM sittings")[0][0]
    assert 1 < looks <= len(spared) + 1
    assert len(set(often)) == len(set(once)) == len(once) == 10
    assert len(often) % len(once) == 0
    assert set(often) == set(once)
    assert asked(books[1], "PRAGMA integrity_check") == [("ok",)]
    assert asked(books[1], "PRAGMA foreign_key_check") == []


def figures(book: Path) -> list[tuple[object, ...]]:
    """All figures of a lab book, with the variant's name."""
    return asked(
        book,
        "SELECT variant, measure, value, low, high, difference, p FROM figures "
        "JOIN evaluations ON evaluations.id = evaluation ORDER BY evaluation, measure",
    )


def asked(file: Path, query: str) -> list[tuple[object, ...]]:
    """What an SQLite file answers."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def test_a_training_killed_before_every_single_step(nursery: Nursery, tmp_path: Path) -> None:
    whole, killed = (Job(str(tmp_path / name), "training") for name in ("undisturbed", "killed"))
    for one in (whole, killed):
        Path(one.folder).mkdir()
    nursery.play(whole)
    spared = kill_before_every_step(nursery, killed)
    for step in (
        "os.rename run/.training.checkpoint after 0",
        "os.rename run/.training.checkpoint after 0, time 2",
        "os.rename run/.training.json after 0",
        "os.remove run/training.checkpoint after 0",
    ):
        assert step in spared
    names = sorted(path.name for path in whole.out.iterdir())
    assert sorted(path.name for path in killed.out.iterdir()) == names
    # These tell of time, or of their folder.
    compared = set(names) - {"training.json", "README.md", "calibration.json"}
    equal, *_ = filecmp.cmpfiles(whole.out, killed.out, compared, shallow=False)
    assert set(equal) == compared
    once, often = (one.out / "calibration.json" for one in (whole, killed))
    told = often.read_text(encoding="utf-8").replace(str(killed.out), str(whole.out))
    assert told == once.read_text(encoding="utf-8")


def test_a_language_model_killed_at_random(nursery: Nursery, tmp_path: Path) -> None:
    whole = job(tmp_path / "undisturbed", 8, "transformers")
    nursery.play(whole)
    life = nursery.play(job(tmp_path / "again", 8, "transformers"))[1]
    generator = random.Random(4)
    kills: Counter[str] = Counter()
    for number in range(2):
        run = job(tmp_path / str(number), 8, "transformers")
        kills += kill_until_done(nursery, run, lambda: life * generator.random())
        assert_same_run(run.out, whole.out)
    assert kills["in a round"] + kills["while a file was written"] > 0


@pytest.mark.skipif(not vllm_installed(), reason="vLLM is not installed")
def test_the_command_with_vllm_killed_in_its_rounds(nursery: Nursery, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        "users = 6\ntargets = 2\nrounds = 12\nrecommender = 'ipg'\nbeside = false\n"
        "fallback = 'none'\n[vectors]\nmethod = 'mf'\n[agent]\nmodel = 'pocket'\n",
        encoding="utf-8",
    )

    def command(name: str) -> list[str]:
        folder = tmp_path / name
        places = [f"--out={folder / 'run'}", f"--cache={folder / 'decisions.sqlite'}"]
        return ["run", "--engine=vllm", f"--config={settings}", *places]

    nursery.play(command("undisturbed"))
    rounds = tmp_path / "killed" / "run" / "rounds"
    generator = random.Random(7)
    for number in (3, 8):
        awaited = rounds / f"round-{number:03d}.parquet"
        ended, _ = nursery.play(command("killed"), generator.uniform(0.0, 0.05), awaited)
        assert not ended
        assert number <= len(list(rounds.glob("round-*.parquet"))) < 12
    assert nursery.play(command("killed"))[0]
    assert_same_run(rounds.parent, tmp_path / "undisturbed" / "run")
