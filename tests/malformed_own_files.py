"""Small, valid files of every other format that nudgesim reads, and their readers."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from malformed_formats import Subject, files_of

from prompts import load_template
from prompts.example_files import load_examples
from simulator.clicks.calibration.saved import load_calibration
from simulator.config import RunConfig
from simulator.engines.cache_export import export
from simulator.engines.cache_upkeep import holdings
from simulator.engines.decision_cache import DecisionCache, Origin
from simulator.lab.book import Book
from simulator.lab.sittings import Sitting
from simulator.runlog import EPISODE_COLUMNS, EXPOSURE_COLUMNS, Run, RunLog


def _exposures(number: int) -> pd.DataFrame:
    n = 3
    columns: dict[str, Any] = {name: np.zeros(n, dtype=np.int32) for name in EXPOSURE_COLUMNS}
    columns["round"] = np.full(n, number, dtype=np.int32)
    for name in ("draw", "probability", "similarity", "kept_weight"):
        columns[name] = np.full(n, 0.5, dtype=np.float32)
    columns["clicked"] = np.array([True, False, True])
    for name in ("source", "failure", "reason"):
        columns[name] = ["distribution" if name == "source" else ""] * n
    return pd.DataFrame(columns)


def _make_run(folder: Path) -> None:
    log = RunLog(folder)
    log.begin({"name": "small", "config": {"data": "small", "rounds": 2, "seed": 1}})
    episodes: dict[str, Any] = {name: np.arange(3) for name in EPISODE_COLUMNS}
    episodes["similarity"] = np.full(3, 0.5)
    episodes["known"] = np.zeros(3, dtype=bool)
    items = pd.DataFrame({"item_id": ["a"], "title": ["Gäme"]})
    log.write_start(items, pd.DataFrame(episodes))
    log.write_json("cost.json", {"decisions": 6.0, "seconds": 0.1})
    for number in (1, 2):
        shown = np.zeros((3, number, 1), dtype=np.int32)
        log.write_round(number, _exposures(number), {"shown": shown, "clicked": shown == 0})


def read_run(folder: Path) -> str:
    """A finished run as reports read it, and as a resumption does."""
    run = Run.load(folder)
    log = RunLog(folder)
    log.begin({"config": run.manifest.get("config", {})})
    log.check_start(run.episodes)
    state = log.read_state(log.finished_rounds()[-1])
    return (
        f"{run.name}: {run.rounds} rounds, {len(run.exposures)} exposures, {len(run.episodes)} "
        f"episodes, {run.exposures['clicked'].mean():.2f} clicked, {len(run.titles)} titles, "
        f"state {sorted((name, array.shape) for name, array in state.items())}"
    )


RUN = Subject("run", files_of(_make_run), read_run)

SETTINGS = """data = "demo"
recommender = "itmprec"
rounds = 3
targets = ["film-001", "film-002"]
without = ["arousal"]
cascade = [0.2, 0.8]
seed = 7
[protocol]
preset = "paper"
[agent]
model = "qwen3-4b"
urls = ["http://localhost:8000"]
minimum_mass = 0.25
[agent.vllm]
tensor_parallel_size = 2
[distribution]
w = 2.0
b = 0.1
[nudge]
kept = 0.5
"""
CONFIG = Subject(
    "config",
    {"settings.toml": SETTINGS.encode()},
    lambda folder: repr(
        RunConfig.read(folder / "settings.toml", {"rounds": None, "agent.model": "pocket"})
    ),
)
EXAMPLES = Subject(
    "examples",
    {
        "own.yaml": (
            "- history: [Film A, {title: Film B, categories: [Drama]}]\n"
            "  candidate: Bücher\n"
            "  clicked: true\n"
            "- history:\n    - Film C\n"
            "  candidate: {title: Film D, categories: []}\n"
            "  clicked: false\n"
        ).encode()
    },
    lambda folder: repr(load_examples(folder / "own.yaml")),
)
TEMPLATE = Subject(
    "template",
    {
        "own.j2": (
            "---\nname: own\nversion: 1\nlanguage: en\ndomain: movies\n"
            "description: A täst\nlabels: {click: 'yes', skip: 'no'}\n"
            "history: {window: 20, drop: 5}\n---\n"
            "{% block static %}Say {{ labels.click }} or {{ labels.skip }}.{% endblock %}\n"
            "{% block user %}{% for item in history %}{{ item.title }}\n{% endfor %}"
            "{% endblock %}\n"
            "{% block candidate %}{{ item.title }}?{% endblock %}\n"
        ).encode()
    },
    lambda folder: repr(load_template(folder / "own.j2").front_matter),
)
CALIBRATION = Subject(
    "calibration",
    {
        "platt.json": json.dumps(
            {
                "calibration": {"kind": "platt", "slope": 1.2, "offset": -0.1},
                "fitted_on": {
                    "data": "demo", "data_sha256": "0" * 64, "split": "dev", "exposures": 9,
                    "users": 3,
                    "agent": {
                        "model": "pocket", "model_revision": None, "template": "movies/click-en",
                        "template_version": 1, "template_sha256": "1" * 64, "examples": 2,
                        "static_sha256": "2" * 64,
                    },
                },
            },
            indent=1,
        ).encode()
    },
    lambda folder: repr(
        load_calibration(folder / "platt.json").calibration.apply(np.array([0.1, 0.9]))
    ),
)  # fmt: skip

ORIGIN = Origin("scripted", "modél", "r1", "float32", '{"labels": ["yes", "no"]}')
KEYS = [bytes([k]) * 16 for k in range(3)]


def read_cache(folder: Path) -> str:
    """All that commands read in a decision cache."""
    with closing(DecisionCache(folder / "decisions.sqlite")) as kept:
        found = kept.find(ORIGIN, KEYS)
        held = [(h.origin, h.decisions) for h in holdings(kept)]
        rows = export(kept, folder / "out.csv")
    return f"{len(found)} found, {held} held, {rows} exported"


def read_book(folder: Path) -> str:
    """All that commands read in a lab book."""
    book = Book(folder / "book.sqlite")
    board = book.board(everything=True)
    texts = [book.text(int(number)) for number in board.index]
    return f"{board['log_loss'].tolist()} of {texts}, looks {book.test_looks()}"


def _make_cache(folder: Path) -> None:
    with closing(DecisionCache(folder / "decisions.sqlite")) as kept:
        answer = np.array([0.6, 0.4, 0.9], dtype="<f4").tobytes()
        kept.keep(ORIGIN, dict.fromkeys(KEYS, answer))


def _make_book(folder: Path) -> None:
    book = Book(folder / "book.sqlite")
    book.begin(
        Sitting(
            purpose="look", data="demo", data_sha256="0", split="test", seed=1, exposures=2,
            users=1, click_rate=0.5, engine="scripted", model="m", revision="", precision="",
            mode="sample", minimum_mass=0.5, nudgesim="0",
        )
    )  # fmt: skip

    texts = ("t", "s", "own", "click, skip", "20, 5", "2 shipped")
    with book.file.writing() as connection:
        connection.executemany("INSERT INTO texts VALUES (?, ?)", [("t", "äbc"), ("s", "def")])
        connection.execute(
            "INSERT INTO evaluations (sitting, template_sha256, static_sha256, variant, labels, "
            "history, examples, prompt, version, incumbent, failure, refused, tokens) "
            "VALUES (1, ?, ?, ?, ?, ?, ?, 'own', 1, 1, '', '', 9.5)",
            texts,
        )
        connection.execute(
            "INSERT INTO figures VALUES (1, 'log_loss', 0.6, 0.5, 0.7, NULL, NULL, NULL, NULL)"
        )


CACHE = Subject("cache", files_of(_make_cache), read_cache)
BOOK = Subject("book", files_of(_make_book), read_book)
