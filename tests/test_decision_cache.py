"""The decision cache's file: kept exactly, shared safely, refused clearly when it cannot serve."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simulator.engines.cache_file import VERSION
from simulator.engines.decision_cache import DecisionCache, Origin
from simulator.errors import CacheError

YES_NO = Origin("vllm", "pocket", "abc", "float32", '{"labels": ["yes", "no"]}')
TEXT = Origin("vllm", "pocket", "abc", "float32", '{"text": 16}')


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def answers(first: int, n: int) -> dict[bytes, bytes]:
    return {key(k): k.to_bytes(12, "little") for k in range(first, first + n)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.sqlite"


@pytest.fixture
def cache(path: Path) -> Iterator[DecisionCache]:
    cache = DecisionCache(path)
    yield cache
    cache.close()


def test_what_is_kept_is_found_by_another_opening(cache: DecisionCache, path: Path) -> None:
    cache.keep(YES_NO, answers(0, 2_500))
    cache.keep(TEXT, {key(0): "oui, «Léon»", key(1): "no"})
    with_others = [*answers(0, 2_500), key(9_999)]
    for opened in (cache, DecisionCache(path)):
        assert opened.find(YES_NO, with_others) == answers(0, 2_500)
        assert opened.find(TEXT, [key(0), key(2)]) == {key(0): "oui, «Léon»"}
        assert opened.find(YES_NO, []) == {}
        if opened is not cache:
            opened.close()


@pytest.mark.parametrize("field", ["engine", "model", "revision", "precision", "asked"])
def test_an_answer_belongs_to_its_origin(cache: DecisionCache, field: str) -> None:
    cache.keep(YES_NO, answers(0, 3))
    other = Origin(**{**vars(YES_NO), field: "another"})
    assert cache.find(other, list(answers(0, 3))) == {}


def test_the_first_answer_stays(cache: DecisionCache) -> None:
    cache.keep(TEXT, {key(1): "yes"})
    cache.keep(TEXT, {key(1): "no", key(2): "no"})
    assert cache.find(TEXT, [key(1), key(2)]) == {key(1): "yes", key(2): "no"}


def test_a_call_is_kept_whole_or_not_at_all(cache: DecisionCache) -> None:
    broken = {**answers(0, 100), key(100): object()}
    with pytest.raises(sqlite3.Error):
        cache.keep(YES_NO, broken)  # type: ignore[arg-type]  # on purpose
    assert cache.find(YES_NO, list(answers(0, 100))) == {}
    cache.keep(YES_NO, answers(0, 100))
    assert len(cache.find(YES_NO, list(answers(0, 100)))) == 100


def test_use_is_noted_once_a_day(cache: DecisionCache, path: Path) -> None:
    cache.keep(YES_NO, answers(0, 4))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("UPDATE decisions SET used = used - 30, kept = kept - 30")
    cache.find(YES_NO, [key(1), key(2)])
    query = "SELECT used - kept FROM decisions ORDER BY key"
    assert [row[0] for row in other.execute(query)] == [0, 30, 30, 0]
    writes = "PRAGMA data_version"
    before = other.execute(writes).fetchone()
    cache.find(YES_NO, [key(1), key(2)])
    assert other.execute(writes).fetchone() == before
    other.close()


def test_threads_share_one_cache(cache: DecisionCache) -> None:
    failures: list[str] = []

    def work(first: int) -> None:
        try:
            for start in range(first, first + 1_000, 100):
                cache.keep(YES_NO, answers(start, 100))
                assert cache.find(YES_NO, list(answers(start, 100))) == answers(start, 100)
        except (CacheError, AssertionError, sqlite3.Error):
            failures.append(traceback.format_exc())

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 500, 1_000, 1_500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert cache.find(YES_NO, list(answers(0, 2_500))) == answers(0, 2_500)


def write_many(path: Path, first: int) -> None:
    cache = DecisionCache(path)
    for start in range(first, first + 2_000, 50):
        cache.keep(YES_NO, answers(start, 50))
        assert cache.find(YES_NO, list(answers(start, 50))) == answers(start, 50)
    cache.close()


@pytest.mark.slow
def test_processes_make_and_fill_one_file_together(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(path, k * 1_000)) for k in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    cache = DecisionCache(path)
    assert cache.find(YES_NO, list(answers(0, 5_000))) == answers(0, 5_000)
    cache.close()


def test_a_fork_opens_the_file_anew(cache: DecisionCache) -> None:
    cache.keep(YES_NO, answers(0, 10))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if len(cache.find(YES_NO, list(answers(0, 10)))) == 10:
                cache.keep(YES_NO, answers(10, 10))
                code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.find(YES_NO, list(answers(0, 20))) == answers(0, 20)


def keep_until_killed(path: Path, first: int) -> None:
    cache = DecisionCache(path)
    for start in range(first, first + 10_000_000, 500):
        cache.keep(YES_NO, answers(start, 500))


@pytest.mark.slow
def test_killed_writers_leave_whole_calls_and_no_lock(cache: DecisionCache, path: Path) -> None:
    generator = random.Random(3)
    for writer in range(1, 13):
        child = os.fork()
        if child == 0:
            try:
                keep_until_killed(path, writer * 10_000_000)
            finally:
                os._exit(1)
        time.sleep(generator.uniform(0.0, 0.06))
        cache.keep(YES_NO, answers(writer * 500, 500))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert len(cache.find(YES_NO, list(answers(writer * 500, 500)))) == 500
    with cache.file.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = [
            int.from_bytes(row[0], "big") for row in connection.execute("SELECT key FROM decisions")
        ]
    calls = Counter(number // 500 for number in kept)
    assert set(calls.values()) == {500}
    assert len(calls) > 24


def test_a_file_of_something_else(path: Path) -> None:
    path.write_bytes(b"user,item,clicked\n" * 300)
    with pytest.raises(CacheError, match=r"decisions\.sqlite is no decision cache.*delete it"):
        DecisionCache(path)
    assert path.read_bytes() == b"user,item,clicked\n" * 300
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (row)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(CacheError, match="SQLite file of something else"):
        DecisionCache(path)
    assert path.read_bytes() == before


def test_another_version(path: Path) -> None:
    DecisionCache(path).close()
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    other.close()
    with pytest.raises(CacheError, match=rf"version {VERSION + 1}, and .* version {VERSION}\."):
        DecisionCache(path)


def test_a_damaged_file_is_refused_when_the_damage_is_met(path: Path) -> None:
    cache = DecisionCache(path)
    cache.keep(YES_NO, answers(0, 5_000))
    cache.close()
    content = bytearray(path.read_bytes())
    for page in range(3, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = bytes(200)
    path.write_bytes(bytes(content))
    cache = DecisionCache(path)
    with pytest.raises(CacheError, match=r"decisions\.sqlite is damaged.*delete it"):
        cache.find(YES_NO, list(answers(0, 5_000)))
    cache.close()
    path.write_bytes(bytes(content)[:4096])
    with pytest.raises(CacheError, match=r"damaged|lacks the tables"):
        DecisionCache(path).find(YES_NO, [key(1)])


def test_lost_tables(path: Path) -> None:
    DecisionCache(path).close()
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE decisions")
    other.close()
    cache = DecisionCache(path)
    with pytest.raises(CacheError, match="lacks the tables"):
        cache.keep(YES_NO, answers(0, 1))
    cache.close()


def test_no_place_for_the_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    with pytest.raises(CacheError, match="cannot be opened"):
        DecisionCache(tmp_path)
    with pytest.raises(CacheError, match=r"taken.*cannot be made"):
        DecisionCache(tmp_path / "taken" / "decisions.sqlite")


def test_a_file_longer_than_its_disk(cache: DecisionCache, path: Path) -> None:
    cache.keep(YES_NO, answers(0, 500))
    with cache.file.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    cache.file._sqlite.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(CacheError, match="disk is full"):
        cache.keep(YES_NO, answers(1_000, 5_000))
    # The file is as it was before the call, and goes on when there is room.
    assert cache.find(YES_NO, list(answers(0, 6_000))) == answers(0, 500)
    cache.file._sqlite.execute(f"PRAGMA max_page_count = {pages + 1_000}")
    cache.keep(YES_NO, answers(1_000, 5_000))
    assert cache.find(YES_NO, list(answers(1_000, 5_000))) == answers(1_000, 5_000)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB, where mounting is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def keep_many(cache: DecisionCache) -> None:
    for start in range(0, 100_000, 1_000):
        cache.keep(YES_NO, answers(start, 1_000))


def fill_up(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


def test_a_disk_that_fills_up_loses_nothing(small_disk: Path) -> None:
    cache = DecisionCache(small_disk / "decisions.sqlite")
    with pytest.raises(CacheError, match=r"disk is full.*Make room"):
        keep_many(cache)
    everything = list(answers(0, 100_000))
    kept = len(cache.find(YES_NO, everything))
    assert kept > 0
    assert kept % 1_000 == 0
    cache.close()
    fill_up(small_disk)
    cache = DecisionCache(cache.path)
    assert cache.find(YES_NO, everything) == answers(0, kept)
    cache.close()


def test_a_disk_that_is_full_from_the_beginning(small_disk: Path) -> None:
    path = small_disk / "decisions.sqlite"
    cache = DecisionCache(path)
    cache.keep(YES_NO, answers(0, 100))
    cache.close()
    filler = fill_up(small_disk)
    with pytest.raises(CacheError, match=r"decisions\.sqlite cannot .*room"):
        DecisionCache(path)
    filler.unlink()
    cache = DecisionCache(path)
    assert cache.find(YES_NO, list(answers(0, 200))) == answers(0, 100)
    cache.close()


READ_ONLY = """
import os, sys
from pathlib import Path
from simulator.engines.decision_cache import DecisionCache
from simulator.errors import CacheError

path = Path(sys.argv[1])
if os.getuid() == 0:
    os.setuid(65534)
try:
    DecisionCache(path)
except CacheError as error:
    print(error)
"""


@pytest.mark.parametrize("locked", ["file", "folder"])
def test_a_read_only_file(locked: str) -> None:
    # The administrator may write everywhere, so another user asks, in a folder open to that one.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "decisions.sqlite"
        DecisionCache(path).close()
        path.chmod(0o444 if locked == "file" else 0o666)
        folder.chmod(0o555 if locked == "folder" else 0o777)
        told = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(path)], capture_output=True, text=True
        )
        folder.chmod(0o700)
    assert str(path) in told.stdout, told.stderr
    assert "writable" in told.stdout


def test_another_process_holds_the_file(cache: DecisionCache, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cache.file._sqlite.execute("PRAGMA busy_timeout = 20")
    with pytest.raises(CacheError, match="in use by another process"):
        cache.keep(YES_NO, answers(0, 1))
    assert cache.find(YES_NO, [key(0)]) == {}
    other.execute("ROLLBACK")
    other.close()
    cache.keep(YES_NO, answers(0, 1))


def test_the_default_file_lies_in_the_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = DecisionCache()
    assert cache.path == tmp_path / "nudgesim" / "decisions.sqlite"
    assert cache.path.exists()
    cache.close()


def test_numbers_survive_to_the_last_bit(cache: DecisionCache) -> None:
    generator = np.random.default_rng(0)
    numbers = generator.random((50, 3)).astype("<f4")
    rows = {key(k): row.tobytes() for k, row in enumerate(numbers)}
    cache.keep(YES_NO, rows)
    assert cache.find(YES_NO, list(rows)) == rows
