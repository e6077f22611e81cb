"""`nudgesim cache`, and what it stands on: look, prune, export."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simulator.engines.cache_upkeep import prune
from simulator.engines.decision_cache import DecisionCache, Origin

Command = Callable[..., tuple[int, str, str]]

LABELS = Origin("vllm", "pocket", "sha256:0123456789abcdef", "float32", '{"labels": ["是", "否"]}')
TEXT = Origin("openai", "glm-4-9b", "", "", '{"text": 16}')


@pytest.fixture
def cache_command(command: Command) -> Command:
    """Run `nudgesim cache ...` in this process: (exit code, output, errors)."""
    return partial(command, "cache")


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def shares(number: int) -> np.ndarray:
    first = np.float32(number + 1) / np.float32(7001)
    return np.array([first, 1 - first, 0.75], dtype="<f4")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """3,000 decisions, 1,000 of them texts; of each, the later ones were used later."""
    path = tmp_path / "cache" / "nudgesim" / "decisions.sqlite"
    cache = DecisionCache(path)
    cache.keep(LABELS, {key(k): shares(k).tobytes() for k in range(2_000)})
    cache.keep(TEXT, {key(k): f'"yes", {k}' for k in range(1_000)})
    with cache.file.writing() as connection:
        for k in range(2_000):
            connection.execute(
                "UPDATE decisions SET used = used - ?, kept = kept - 400 WHERE key = ?",
                (300 - k // 10, key(k)),
            )
    cache.close()
    return path


def left(path: Path) -> dict[int, list[int]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT origin, key FROM decisions ORDER BY origin, key")
        found: dict[int, list[int]] = {1: [], 2: []}
        for origin, which in rows:
            found[origin].append(int.from_bytes(which, "big"))
    connection.close()
    return found


def test_stats(cache_command: Command, path: Path) -> None:
    code, output, errors = cache_command("stats")
    assert code == 0, errors
    assert f"{path}: 3,000 decisions" in output
    assert "labels 是, 否" in output
    assert "0123456789ab" in output
    assert "text, 16 tokens" in output
    assert len(output.splitlines()) == 5


def test_prune_by_age(cache_command: Command, path: Path) -> None:
    # Decision k was last used 300 - k // 10 days ago.
    before = left(path)
    code, output, _ = cache_command("prune", "--older-than", "250", "--dry-run")
    assert code == 0
    assert "1,000 decisions would go, 2,000 stay" in output
    assert left(path) == before
    code, output, _ = cache_command("prune", "--older-than", "250")
    assert code == 0
    assert "1,000 decisions went, 2,000 stay" in output
    assert left(path) == {1: list(range(500, 2_000)), 2: list(range(500, 1_000))}


def test_prune_a_model(cache_command: Command, path: Path) -> None:
    code, output, _ = cache_command("prune", "--model", "pocket", "--older-than", "200")
    assert "1,000 decisions went" in output
    assert left(path) == {1: list(range(1_000, 2_000)), 2: list(range(1_000))}
    assert cache_command("prune", "--model", "pocket")[0] == 0
    assert left(path) == {1: [], 2: list(range(1_000))}
    code, _, errors = cache_command("prune", "--model", "glm-4-9")
    assert code == 2
    assert "Did you mean 'glm-4-9b'" in errors


@pytest.mark.parametrize("kilobytes", [180, 120, 60, 0])
def test_prune_to_a_size(cache_command: Command, path: Path, kilobytes: int) -> None:
    code, output, _ = cache_command("prune", "--max-size", str(kilobytes / 1_000))
    assert code == 0
    if kilobytes:
        size = path.stat().st_size
        assert 0.8 * kilobytes - 40 <= size / 1_000 <= kilobytes
    stay = left(path)
    count = len(stay[1]) + len(stay[2])
    assert f"{count:,} stay" in output
    assert bool(count) == (kilobytes > 40)
    # What was used last stays, ten decisions a day and origin.
    days = [k // 10 for origin in stay.values() for k in origin]
    for day in range(min(days, default=200) + 1, 200):
        assert days.count(day) == (20 if day < 100 else 10)


def test_prune_a_model_to_a_size(path: Path) -> None:
    cache = DecisionCache(path)
    texts = prune(cache, max_bytes=100_000, model="pocket")
    assert 0 < texts.left < 3_000
    assert texts.bytes_after <= 100_000 < texts.bytes_before
    # The cache goes on.
    cache.keep(LABELS, {key(5): shares(5).tobytes()})
    assert cache.find(LABELS, [key(5)]) == {key(5): shares(5).tobytes()}
    cache.close()
    assert left(path)[2] == list(range(1_000))


def test_prune_long_texts_to_a_size(tmp_path: Path) -> None:
    cache = DecisionCache(tmp_path / "texts.sqlite")
    # A little more than a page holds, so that each takes up two.
    cache.keep(TEXT, {key(k): "because " * 520 for k in range(300)})
    pruned = prune(cache, max_bytes=1_000_000)
    assert pruned.bytes_after <= 1_000_000 < pruned.bytes_before
    assert pruned.left > 80
    cache.close()


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_export(
    cache_command: Command, path: Path, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.engines.cache_export._EXPORTED", 700)
    out = tmp_path / "made" / f"all.{ending}"
    code, _, errors = cache_command("export", str(out))
    assert code == 0
    assert "3,000 decisions written" in errors
    table = (
        pd.read_parquet(out)
        if ending == "parquet"
        else pd.read_csv(out, keep_default_na=False, na_values={"mass": [""]})
    )
    assert len(table) == 3_000
    labels = table[table["model"] == "pocket"].reset_index(drop=True)
    for row in (0, 999, 1_999):
        told = json.loads(labels["probabilities"][row])
        assert np.array_equal(np.float32([told["是"], told["否"]]), shares(row)[:2])
        assert labels["key"][row] == key(row).hex()
    assert (labels["mass"] == 0.75).all()
    texts = table[table["model"] == "glm-4-9b"].reset_index(drop=True)
    assert texts["text"][17] == '"yes", 17'
    assert texts["mass"].isna().all()
    assert pd.to_datetime(table["used"]).gt(pd.to_datetime(table["kept"])).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("prune",), "--older-than DAYS"),
        (("prune", "--older-than", "-1"), "must not be below 0"),
        (("export", "all.xlsx"), "must end with .parquet or .csv"),
        (("stats", "--cache", "nowhere.sqlite"), "no decision cache at nowhere.sqlite"),
        (("stats", "--cache", "pyproject.toml"), "pyproject.toml is no decision cache"),
    ],
)
def test_bad_input(
    cache_command: Command, path: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, _, errors = cache_command(*arguments)
    assert code == 2
    assert words in errors.replace("\n", " ")
    assert "Traceback" not in errors
    assert not Path("nowhere.sqlite").exists()


def test_an_empty_cache(cache_command: Command, tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite"
    DecisionCache(path).close()
    code, output, _ = cache_command("stats", "--cache", str(path))
    assert code == 0
    assert "0 decisions" in output
    out = tmp_path / "none.parquet"
    assert cache_command("export", str(out), "--cache", str(path))[0] == 0
    assert len(pd.read_parquet(out)) == 0
