"""A run on a disk that fills up: it stops with a clear error, and goes on when there is room."""

from __future__ import annotations

import filecmp
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from prompts import load_template
from recommender import RandomItems
from simulator.clicks import AgentClicks
from simulator.domain import Dataset, Vectors
from simulator.engines import ScriptedEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.errors import CacheError
from simulator.session import simulate

ROUNDS = 12


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a third of a MiB, where mounting is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=320k", "none", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def play(data: Dataset, vectors: Vectors, out: Path, cache: Path) -> list[str]:
    """All rounds; what the engine was asked."""
    engine = ScriptedEngine(lambda text: zlib.crc32(text.encode()) % 1_000 / 1_000)
    with closing(CachedEngine(engine, DecisionCache(cache))) as cached:
        simulate(
            data,
            RandomItems(),
            AgentClicks(cached, load_template("movies/click-en")),
            rounds=ROUNDS,
            targets=np.array([3, 17]),
            vectors=vectors,
            out=out,
        )
    return engine.prompts


@pytest.mark.parametrize("on_the_disk", ["the cache", "the run"])
def test_a_run_goes_on_when_there_is_room(
    data: Dataset, vectors: Vectors, tmp_path: Path, small_disk: Path, on_the_disk: str
) -> None:
    whole = tmp_path / "undisturbed" / "run"
    everything = play(data, vectors, whole, tmp_path / "whole.sqlite")
    out = (small_disk if on_the_disk == "the run" else tmp_path) / "run"
    cache = (small_disk if on_the_disk == "the cache" else tmp_path) / "decisions.sqlite"
    filler = small_disk / "filler"
    filler.write_bytes(bytes(220_000))
    with pytest.raises((CacheError, OSError), match=r"disk is full.*room|No space left"):
        play(data, vectors, out, cache)
    done = len(list(out.glob("rounds/*.parquet")))
    assert 0 < done < ROUNDS
    # Nothing is half-written: what is there is what belongs there.
    assert not list(out.rglob(".*"))
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    asked = play(data, vectors, out, cache)
    # What was decided before is not asked again, and nothing else is asked.
    assert 0 < len(asked) < len(everything)
    assert asked == everything[-len(asked) :]
    rounds = [f"round-{number:03d}.parquet" for number in range(1, ROUNDS + 1)]
    assert filecmp.cmpfiles(out / "rounds", whole / "rounds", rounds, shallow=False)[0] == rounds
