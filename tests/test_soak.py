"""Two hundred rounds at full rate: memory and files stay as they are, and the output is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from soak_run import N_ITEMS, N_USERS, TARGETS, odd, world

from prompts import load_template
from simulator.clicks import AgentClicks
from simulator.domain import Exposures, Ragged
from simulator.engines import ScriptedEngine
from simulator.runlog import Run

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("NUDGESIM_SOAK_ROUNDS", "200"))
WARM = 20
"""Rounds until everything is compiled and imported."""
GROWTH = 1.05
"""What is held at the end over what was held when all was warm; measured: 1.03."""


def play(folder: Path, block_size: int, stop_after: int = 10**9) -> list[dict[str, int]]:
    """A sitting in a process of its own: what it held after each tenth round."""
    folder.mkdir(exist_ok=True)
    script = Path(__file__).with_name("soak_run.py")
    done = subprocess.run(
        [sys.executable, script, folder, str(ROUNDS), str(block_size), str(stop_after)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ".", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == (0 if stop_after > ROUNDS else 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("soak")


@pytest.fixture(scope="module")
def held(folder: Path) -> list[dict[str, int]]:
    return play(folder / "whole", block_size=10**6)


def test_memory_files_and_threads_stay_as_they_are(
    held: list[dict[str, int]], record_property: object
) -> None:
    assert [row["round"] for row in held] == list(range(10, ROUNDS + 1, 10))
    warm = [row for row in held if row["round"] >= WARM]
    assert max(row["kib"] for row in warm) < GROWTH * warm[0]["kib"]
    assert {row["files"] for row in warm} == {warm[0]["files"]}
    assert {row["threads"] for row in warm} == {warm[0]["threads"]}


def test_two_sittings_in_other_blocks_write_the_same(
    folder: Path, held: list[dict[str, int]]
) -> None:
    play(folder / "parts", block_size=33, stop_after=ROUNDS * 2 // 5)
    play(folder / "parts", block_size=70)
    whole, parts = (folder / name / "run" / "rounds" for name in ("whole", "parts"))
    names = sorted(path.name for path in whole.iterdir())
    assert len(names) == ROUNDS
    assert sorted(path.name for path in parts.iterdir()) == names
    for name in names:
        assert (whole / name).read_bytes() == (parts / name).read_bytes()


def test_what_is_written_is_what_the_model_said(folder: Path, held: list[dict[str, int]]) -> None:
    run = Run.load(folder / "whole" / "run")
    rows = run.exposures
    episodes = N_USERS * len(TARGETS)
    assert len(rows) == ROUNDS * episodes
    assert run.cost["decisions"] == len(rows)
    assert run.cost["requests"] + run.cost["decisions_from_cache"] <= len(rows)
    assert (rows["source"] == "agent").all()
    assert (rows["failure"] == "").all()
    assert ((rows["draw"] >= 0) & (rows["draw"] < 1)).all()
    assert (rows["clicked"] == (rows["draw"] < rows["probability"])).all()
    # Nobody is shown anything twice, or what is in the history.
    assert not rows.duplicated(["user", "target", "item"]).any()
    data, _ = world()
    past = data.interactions.histories
    assert not past.take(rows["user"].to_numpy()).contains(rows["item"].to_numpy()).any()
    assert rows["item"].between(0, N_ITEMS - 1).all()
    # The last round's probabilities, from the histories that the rounds before add up to.
    last = rows[rows["round"] == ROUNDS]
    clicked = rows[rows["clicked"] & (rows["round"] < ROUNDS)]
    accepted = clicked.groupby(["user", "target"])["item"].agg(list)
    histories = [
        [*past[user].tolist(), *accepted.get((user, target), [])]
        for user, target in zip(last["user"], last["target"], strict=True)
    ]
    shown = Exposures(
        user=last["user"].to_numpy(),
        item=last["item"].to_numpy(),
        target=last["target"].to_numpy(),
        round=last["round"].to_numpy(),
        position=last["position"].to_numpy(),
        history=Ragged.from_rows(histories),
        draw=last["draw"].to_numpy(),
        catalogue=data.catalogue,
    )
    agent = AgentClicks(ScriptedEngine(odd), load_template("movies/click-en"))
    np.testing.assert_array_equal(agent.decide(shown).probability, last["probability"])
