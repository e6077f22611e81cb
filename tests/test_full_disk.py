"""Disks that fill up: what writes stops with a clear error, and goes on when there is room."""

from __future__ import annotations

import errno
import filecmp
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import lab_worlds
import numpy as np
import pytest
import torch

from evals.bootstrap import Bootstrap
from prompts import load_template
from recommender import RandomItems
from simulator.clicks import AgentClicks
from simulator.cluster.shards import ShardStore
from simulator.config import AgentConfig
from simulator.domain import Dataset, Vectors
from simulator.engines import ScriptedEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.errors import CacheError, DataError, NotWrittenError
from simulator.files import write_text
from simulator.lab import Book, Lab
from simulator.session import simulate
from simulator.training.checkpoint import Checkpoint

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
    full = r"disk is full.*Make room|cannot be written: No space left on device\. Make room"
    with pytest.raises((CacheError, NotWrittenError), match=full):
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


FULL = r"cannot be written: No space left on device\. Make room, and repeat the command"


def fill(disk: Path) -> None:
    """Leave a few KiB."""
    size = 2**20
    while size >= 2**10:
        try:
            with (disk / "filler").open("ab") as file:
                file.write(bytes(size))
        except OSError:
            size //= 2
    with (disk / "filler").open("r+b") as file:
        file.truncate((disk / "filler").stat().st_size - 12_288)


def test_a_report_that_finds_no_room_leaves_the_old_one(small_disk: Path) -> None:
    report = small_disk / "report.html"
    write_text(report, "old")
    fill(small_disk)
    with pytest.raises(NotWrittenError, match=rf"report\.html {FULL}") as told:
        write_text(report, "new" * 10_000)
    assert told.value.errno == errno.ENOSPC
    assert report.read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "report.html"]


def test_a_lab_book_that_finds_no_room_keeps_what_it_had(
    data: Dataset, small_disk: Path, tmp_path: Path
) -> None:
    def evaluate(lab: Lab, *sizes: int) -> None:
        for size in sizes:
            lab.evaluate([lab.variant()], exposures=size, bootstrap=Bootstrap(replicates=20))

    engine = ScriptedEngine(0.4)
    book = Book(small_disk / "book.sqlite")
    with Lab(lab_worlds.world(data), AgentConfig(), book=book, engine=engine) as lab:
        evaluate(lab, 60)
        before = book.board()
        fill(small_disk)
        with pytest.raises(DataError, match=r"book.*disk is full\. Make room and repeat"):
            evaluate(lab, *range(61, 90))
        (small_disk / "filler").unlink()
        assert before.index.isin(book.board(everything=True).index).all()
        evaluate(lab, 100)
    assert len(book.board()) == len(before) + 1


def test_a_training_that_finds_no_room_keeps_its_checkpoint(small_disk: Path) -> None:
    weight = torch.nn.Parameter(torch.arange(4, dtype=torch.float32))
    optimiser = torch.optim.AdamW([weight])
    checkpoint = Checkpoint(small_disk / "agent", "digest")

    def save(size: int, step: int) -> None:
        checkpoint.save(
            weights={"w": weight},
            best={"w": torch.zeros(size)},
            average={},
            optimiser=optimiser,
            standing={"step": step},
        )

    save(4, 1)
    with pytest.raises(NotWrittenError, match=rf"training\.checkpoint {FULL}"):
        save(200_000, 2)
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["training.checkpoint"]
    standing, *_ = checkpoint.load({"w": weight}, optimiser)
    assert standing == {"step": 1}


def test_shards_that_find_no_room_are_played_again(small_disk: Path) -> None:
    store = ShardStore(small_disk)
    first, second = store.deal(np.arange(4), 2, {})
    store.write(first, {"rounds/1": b"short"})
    with pytest.raises(NotWrittenError, match=rf"rounds/2 {FULL}"):
        store.write(second, {"rounds/1": b"short", "rounds/2": bytes(10**6)})
    again = ShardStore(small_disk)
    assert [again.holds(shard) for shard in again.deal(np.arange(4), 2, {})] == [True, False]
    store.write(second, {"rounds/1": b"short"})
    assert store.holds(second)
