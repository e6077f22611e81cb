"""Small worlds that tests share."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from misbehaving_server import FakeServer, engines_at, fake_servers
from small_world import small_vectors, small_world

from simulator.cli import main
from simulator.cli.console import console, errors
from simulator.data import dataset_spec, load_dataset
from simulator.domain import Dataset, Vectors
from simulator.engines import OpenAIServerEngine

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def ml_100k() -> Dataset:
    """MovieLens 100k as the paper filters it; tests that ask for it are marked `realdata`."""
    if not dataset_spec("ml-100k").is_present():
        pytest.skip("the real data set ml-100k is not at hand; set NUDGESIM_DATA")
    return load_dataset("ml-100k")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium, driven by playwright."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def vectors() -> Vectors:
    return small_vectors()


@pytest.fixture
def data() -> Dataset:
    return small_world()


@pytest.fixture
def serve() -> Iterator[Callable[..., FakeServer]]:
    """Starts model servers that answer by a rule."""
    with fake_servers() as start:
        yield start


@pytest.fixture
def open_at() -> Iterator[Callable[..., OpenAIServerEngine]]:
    """Opens server engines, and closes them."""
    with engines_at() as start:
        yield start


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    """Lets go of the servers that wait."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run `nudgesim ...` in this process, with a cache of its own: (exit code, output, errors)."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    # A console keeps the width of the test in which it was first imported.
    for stream in (console, errors):
        monkeypatch.setattr(stream, "_width", None)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nudgesim", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, told = capsys.readouterr()
        assert isinstance(code, int)
        return code, out, told

    return run


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A small world as plain tables, with real no-clicks."""
    generator = np.random.default_rng(0)
    n_items = 40
    items = pd.DataFrame(
        {
            "id": [f"i{k}" for k in range(n_items)],
            "name": [f"Film {k}" for k in range(n_items)],
            "genres": ["Even" if k % 2 == 0 else "Odd" for k in range(n_items)],
        }
    )
    rows = [
        (
            f"u{user}",
            f"i{item}",
            1000 + time,
            int(generator.random() < 0.2 + 0.6 * (item % 2 == user % 2)),
        )
        for user in range(20)
        for time, item in enumerate(generator.permutation(n_items)[:20])
    ]
    items.to_csv(tmp_path / "items.csv", index=False)
    pd.DataFrame(rows, columns=["user", "item", "time", "clicked"]).to_csv(
        tmp_path / "events.csv", index=False
    )
    path = tmp_path / "tables.toml"
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
clicked = "clicked"
""",
        encoding="utf-8",
    )
    return path
