"""What goes wrong around a run: folders that vanish, clocks that jump, memory that runs out."""

from __future__ import annotations

import datetime
import filecmp
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from misbehaving_server import hang_up, polite

from prompts import load_template
from recommender import RandomItems
from simulator.clicks import AgentClicks, DistributionClicks, Fallback
from simulator.domain import Clicks, Dataset, Vectors
from simulator.engines import OpenAIServerEngine, Retrying, ScriptedEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.limited import Budget, LimitedEngine
from simulator.engines.memory import enough_memory
from simulator.errors import (
    EngineError,
    FailureCeilingError,
    NotWrittenError,
    RunError,
    UndecidedError,
)
from simulator.interfaces import RoundView
from simulator.session import simulate

ROUNDS = 6


def odd(text: str) -> float:
    return zlib.crc32(text.encode()) % 1_000 / 1_000


def play(
    data: Dataset,
    vectors: Vectors,
    folder: Path,
    *,
    engine: Any = None,
    recommender: Any = None,
    progress: Callable[[Clicks], None] | None = None,
    fallback: bool = False,
) -> ScriptedEngine:
    """All rounds, with a decision cache beside the run directory."""
    folder.mkdir(exist_ok=True)
    engine = engine or ScriptedEngine(odd)
    with closing(CachedEngine(engine, DecisionCache(folder / "decisions.sqlite"))) as cached:
        agent = AgentClicks(cached, load_template("movies/click-en"), minimum_mass=0.2)
        simulate(
            data,
            recommender or RandomItems(),
            Fallback(agent, DistributionClicks.preset("paper"), ceiling=0.05)
            if fallback
            else agent,
            rounds=ROUNDS,
            targets=np.array([3, 17]),
            vectors=vectors,
            out=folder / "run",
            progress=progress,
        )
    return engine


def in_round(number: int, act: Callable[[], object]) -> Callable[[Clicks], None]:
    """A progress callback that acts once so many blocks, of which a round has one, are done."""
    calls = 0

    def progress(_: Clicks) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            act()

    return progress


def assert_same_rounds(one: Path, other: Path) -> None:
    names = [f"round-{number:03d}.parquet" for number in range(1, ROUNDS + 1)]
    folders = (folder / "run" / "rounds" for folder in (one, other))
    assert filecmp.cmpfiles(*folders, names, shallow=False)[0] == names


@pytest.fixture
def whole(data: Dataset, vectors: Vectors, tmp_path: Path) -> Path:
    """An undisturbed run."""
    play(data, vectors, tmp_path / "whole")
    return tmp_path / "whole"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, where mounting is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


def test_a_directory_that_vanishes_is_named_and_gone_on_with_when_it_is_back(
    data: Dataset, vectors: Vectors, tmp_path: Path, whole: Path
) -> None:
    run, away = tmp_path / "parts" / "run", tmp_path / "away"
    with pytest.raises(NotWrittenError, match=r"run/cost\.json cannot .* folder is gone: put it"):
        play(data, vectors, run.parent, progress=in_round(4, lambda: run.rename(away)))
    assert not run.exists()
    away.rename(run)
    assert len(list(run.glob("rounds/*.parquet"))) == 3
    asked = play(data, vectors, run.parent).prompts
    everything = ScriptedEngine(odd).prompts
    assert_same_rounds(tmp_path / "parts", whole)
    # The fourth round's answers were in the cache already.
    assert len(asked) < 3 * 60 + len(everything)


def test_a_disk_that_becomes_read_only_is_named_and_gone_on_with(
    data: Dataset, vectors: Vectors, tmp_path: Path, whole: Path, disk: Path
) -> None:
    def play_there(progress: Callable[[Clicks], None] | None = None) -> None:
        engine = ScriptedEngine(odd)
        simulate(
            data,
            RandomItems(),
            AgentClicks(engine, load_template("movies/click-en"), minimum_mass=0.2),
            rounds=ROUNDS,
            targets=np.array([3, 17]),
            vectors=vectors,
            out=disk / "run",
            progress=progress,
        )

    def cover() -> None:
        """A disk that is written to cannot be made read-only, so another lies over a part of it."""
        over = ["mount", "-t", "tmpfs", "-o", "ro", "none", str(disk / "run" / "rounds")]
        subprocess.run(over, check=True)

    with pytest.raises(NotWrittenError, match=r"003\.parquet cannot .* Read-only .* writable"):
        play_there(in_round(3, cover))
    subprocess.run(["umount", "-l", str(disk / "run" / "rounds")], check=True)
    # Nor does it begin on a read-only one.
    remount(disk, "ro")
    with pytest.raises(NotWrittenError, match=r"run cannot be written: Read-only"):
        play_there()
    remount(disk, "rw")
    assert len(list(disk.glob("run/rounds/*.parquet"))) == 2
    play_there()
    assert_same_rounds(disk, whole)
    assert not list(disk.rglob(".*"))


def prompt(body: dict[str, Any]) -> str:
    """What a request asks about; "" for one that only tries the server out."""
    text = str(body["messages"][-1]["content"])
    return text if "Film" in text else ""


class Jumping:
    """A wall clock that is set years back or forth whenever it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def time(self) -> float:
        self.asked += 1
        return 1.7e9 + (-1) ** self.asked * self.asked * 3e7


def test_a_clock_that_jumps_changes_nothing(
    data: Dataset,
    vectors: Vectors,
    tmp_path: Path,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Jumping()
    monkeypatch.setattr(time, "time", clock.time)
    engine = LimitedEngine(ScriptedEngine(odd), Budget(hours=0.5))
    play(data, vectors, tmp_path / "jumping", engine=engine)
    # A second time, from the cache, whose days go by the clock.
    (tmp_path / "jumping" / "run").rename(tmp_path / "first")
    again = play(data, vectors, tmp_path / "jumping")
    assert clock.asked > 2 * ROUNDS
    assert again.prompts == []
    assert_same_rounds(tmp_path / "jumping", whole)
    for name in ("items.parquet", "episodes.parquet"):
        assert filecmp.cmp(tmp_path / "first" / name, whole / "run" / name, shallow=False)
    year = str(datetime.datetime.now(datetime.UTC).year)
    for path in (whole / "run").rglob("*.json"):
        assert path.name == "cost.json" or f"{year}-" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("fallback", [False, True])
def test_a_server_that_dies_for_good_ends_the_run_with_all_that_was_decided(
    data: Dataset,
    vectors: Vectors,
    tmp_path: Path,
    serve: Callable[..., Any],
    open_at: Callable[..., OpenAIServerEngine],
    fallback: bool,
) -> None:
    quick = Retrying(attempts=2, first_pause=0.01, timeout=60.0, patience=0.2)
    server = serve(polite)
    expected = tmp_path / "expected"
    play(data, vectors, expected, engine=open_at(server, retrying=quick), fallback=fallback)
    everything = {prompt(body) for _, body in server.posts}
    server.posts.clear()

    folder, answered = tmp_path / "run", {""}

    def dying(path: str, body: dict[str, Any]) -> Any:
        if len(server.posts) > len(everything) // 2:
            return hang_up
        answered.add(prompt(body))
        return polite(path, body)

    server.rule = dying
    engine = open_at(server, retrying=quick)
    error = FailureCeilingError if fallback else UndecidedError
    with pytest.raises(error, match=r"(disconnected|no server)"):
        play(data, vectors, folder, engine=engine, fallback=fallback)
    done = len(list((folder / "run").glob("rounds/*.parquet")))
    assert 0 < done < ROUNDS
    assert not list((folder / "run").rglob(".*"))
    server.rule = polite
    server.posts.clear()
    play(data, vectors, folder, engine=open_at(server, retrying=quick), fallback=fallback)
    # What was answered, in the round that broke off too, is not asked again.
    asked_again = {prompt(body) for _, body in server.posts} - {""}
    assert asked_again == everything - answered
    assert len(asked_again) > 60
    assert_same_rounds(folder, expected)


def test_memory_that_runs_out_in_a_round_is_told_with_its_cure(
    data: Dataset, vectors: Vectors, tmp_path: Path, whole: Path
) -> None:
    class Greedy(RandomItems):
        hungry = True

        def recommend(self, view: RoundView) -> np.ndarray:
            if view.round == 3 and self.hungry:
                np.ones(2**55)
            return super().recommend(view)

        def describe(self) -> str:
            return RandomItems().describe() if hasattr(RandomItems, "describe") else "RandomItems"

    greedy = Greedy()
    with pytest.raises(RunError, match=r"Memory ran out in round 3 \(Unable .*block_size"):
        play(data, vectors, tmp_path / "parts", recommender=greedy)
    greedy.hungry = False
    play(data, vectors, tmp_path / "parts", recommender=greedy)
    assert_same_rounds(tmp_path / "parts", whole)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ..."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . can't allocate memory: you tried to"),
        MemoryError(),
    ],
)
def test_memory_that_a_model_lacks_is_told_with_its_cure(error: Exception) -> None:
    told = pytest.raises(EngineError, match=r"Memory ran out .* Lower it\. .* goes on")
    with told, enough_memory("Lower it."):
        raise error


def test_other_errors_of_a_model_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), enough_memory("Lower it."):
        raise RuntimeError("shapes (3, 4) and (5, 6) do not fit")
