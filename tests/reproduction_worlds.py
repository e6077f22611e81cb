"""A small world in which tables and figures are made again, shared by their tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simulator.domain import Clicks
from simulator.reproduction import ReproductionSettings, reproduce
from simulator.session import Progress


class Watcher:
    """Counts what is played."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.decisions = 0

    @contextmanager
    def __call__(self, title: str, total: int) -> Iterator[Progress]:
        self.titles.append(title)
        before = self.decisions

        def advance(clicks: Clicks) -> None:
            self.decisions += len(clicks)

        yield advance
        assert self.decisions - before == total


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world as plain tables: 16 users, 40 items in two categories."""
    folder = tmp_path_factory.mktemp("tables")
    generator = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"i{item}", 1000 + time)
        for user in range(16)
        for time, item in enumerate(generator.permutation(40)[:12])
    ]
    items = [(f"i{k}", f"Film {k}", "Even" if k % 2 == 0 else "Odd") for k in range(40)]
    pd.DataFrame(items, columns=["id", "name", "genres"]).to_csv(folder / "items.csv", index=False)
    pd.DataFrame(rows, columns=["user", "item", "time"]).to_csv(folder / "events.csv", index=False)
    path = folder / "small.toml"
    path.write_text(
        """
name = "small"
domain = "movies"
[items]
path = "items.csv"
item_id = "id"
title = "name"
categories = "genres"
[interactions]
path = "events.csv"
user_id = "user"
item_id = "item"
time = "time"
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors are trained once for all tests here."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def played(
    tables: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> ReproductionSettings:
    """Table 4 of two methods under the protocols that train no sequence model."""
    settings = ReproductionSettings(
        data=str(tables),
        out=tmp_path_factory.mktemp("out"),
        protocols=("fair", "paper"),
        targets=3,
        users=12,
        rounds=5,
        methods=("ipg", "itmprec"),
    )
    watch = Watcher()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        reproduce("table4", settings, silent, watch)
    assert watch.decisions == 2 * 2 * 3 * 12 * 5
    return settings


@pytest.fixture
def settings(
    played: ReproductionSettings, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ReproductionSettings:
    """The same in a folder that a test may change."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    shutil.copytree(played.out, tmp_path / "out")
    return replace(played, out=tmp_path / "out")


def silent(_: str) -> None:
    pass
