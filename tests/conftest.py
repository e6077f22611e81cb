"""Small worlds that tests share."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from misbehaving_server import FakeServer, engines_at, fake_servers

from simulator.cli import main
from simulator.data import dataset_spec, load_dataset
from simulator.domain import Catalogue, Dataset, ExposureLog, Interactions, Vectors
from simulator.engines import OpenAIServerEngine

CHROMIUM = Path("/usr/bin/chromium")
N_USERS, N_ITEMS, WIDTH = 30, 60, 8


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
    generator = np.random.default_rng(1)
    return Vectors(
        generator.normal(size=(N_USERS, WIDTH)).astype(np.float32),
        generator.normal(size=(N_ITEMS, WIDTH)).astype(np.float32),
    ).normalised()


@pytest.fixture
def data() -> Dataset:
    """30 users with 5 to 9 items each out of 60, and a log of 20 exposures a user."""
    generator = np.random.default_rng(2)
    catalogue = Catalogue(
        item_ids=[f"i{k}" for k in range(N_ITEMS)],
        titles=[f"Film {k}" for k in range(N_ITEMS)],
        categories=[("Even",) if k % 2 == 0 else ("Odd", "Prime") for k in range(N_ITEMS)],
        domain="movies",
    )
    rows = [
        (user, item, 100 + place)
        for user in range(N_USERS)
        for place, item in enumerate(generator.permutation(N_ITEMS)[: 5 + user % 5])
    ]
    user, item, time = np.array(rows).T
    logged = np.repeat(np.arange(N_USERS), 20)
    return Dataset(
        name="small",
        catalogue=catalogue,
        interactions=Interactions.from_columns(user, item, time, n_users=N_USERS, n_items=N_ITEMS),
        user_ids=[f"u{k}" for k in range(N_USERS)],
        log=ExposureLog(
            user=logged.astype(np.int32),
            item=generator.integers(0, N_ITEMS, len(logged)).astype(np.int32),
            time=np.full(len(logged), 103),
            position=np.full(len(logged), -1, dtype=np.int32),
            clicked=generator.random(len(logged)) < 0.4,
        ),
    )


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

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nudgesim", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, errors = capsys.readouterr()
        assert isinstance(code, int)
        return code, out, errors

    return run
