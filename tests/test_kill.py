"""Killed at any instant, any number of times: what is written in the end is the undisturbed run."""

from __future__ import annotations

import filecmp
import json
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kill_nursery import Job, Nursery

from simulator.engines.vllm_local import vllm_installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
]

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
    settings = {**SETTINGS, "rounds": rounds}
    return Job(str(folder / "run"), str(folder / "decisions.sqlite"), settings, engine, **more)


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
    with closing(sqlite3.connect(folder / "decisions.sqlite")) as file:
        return file.execute("SELECT origin, key, answer FROM decisions ORDER BY key").fetchall()


def where(run: Path, rounds: int) -> str:
    """What a process was about when it was killed, by what it has left."""
    if any(run.rglob(".*.tmp")):
        return "while a file was written"
    if not (run / "episodes.parquet").exists():
        return "before the rounds"
    written = len(list(run.glob("rounds/round-*.parquet")))
    return "in a round" if written < rounds else "after the rounds"


def kill_until_done(
    nursery: Nursery, run: Job, draw: Callable[[], float], most: int = 100
) -> Counter[str]:
    """Start a run and kill it, until it ends before it is killed."""
    kills: Counter[str] = Counter()
    while not nursery.play(run, kill_after=draw())[0]:
        kills[where(Path(run.out), int(run.settings["rounds"]))] += 1
        assert kills.total() < most
    return kills


def test_killed_at_random(
    nursery: Nursery, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    rounds = 12
    whole = job(tmp_path / "undisturbed", rounds)
    nursery.play(whole)
    life = nursery.play(job(tmp_path / "again", rounds))[1]
    generator = random.Random(20_261_121)
    kills: Counter[str] = Counter()
    runs = 0
    while kills.total() < 40 or kills["in a round"] < 10 or not kills.keys() >= PHASES:
        run = job(tmp_path / str(runs), rounds)
        # Over the whole life, and more often early, so that a run is killed several times.
        kills += kill_until_done(nursery, run, lambda: life * generator.random() ** 2)
        assert_same_run(Path(run.out), Path(whole.out))
        runs += 1
        assert runs < 40, kills
    record_property("kills", dict(kills))


def test_killed_before_every_single_step(nursery: Nursery, tmp_path: Path) -> None:
    whole = job(tmp_path / "undisturbed", 3)
    nursery.play(whole)
    steps = tmp_path / "killed" / "steps"
    steps.parent.mkdir()
    steps.touch()
    while True:
        spared = tuple(steps.read_text(encoding="utf-8").splitlines())
        run = job(tmp_path / "killed", 3, spared=spared)
        if nursery.play(run)[0]:
            break
        assert len(spared) < 200
    assert_same_run(Path(run.out), Path(whole.out))
    assert len(spared) >= 40
    for step in (
        "os.rename .manifest.json after 0",
        "open rounds/.round-002.parquet after 1",
        "os.rename rounds/.round-002.parquet after 1",
        "os.rename state/.round-002.npz after 2",
        "os.remove state/round-001.npz after 2",
        "INSERT after 1",
        "COMMIT after 2",
        "os.rename .summary.json after 3",
    ):
        assert step in spared


def test_a_language_model_killed_at_random(nursery: Nursery, tmp_path: Path) -> None:
    whole = job(tmp_path / "undisturbed", 8, "transformers")
    nursery.play(whole)
    life = nursery.play(job(tmp_path / "again", 8, "transformers"))[1]
    generator = random.Random(4)
    kills: Counter[str] = Counter()
    for number in range(2):
        run = job(tmp_path / str(number), 8, "transformers")
        kills += kill_until_done(nursery, run, lambda: life * generator.random())
        assert_same_run(Path(run.out), Path(whole.out))
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
