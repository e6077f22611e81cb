"""Figures made again: what is drawn is what the runs hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reproduction_worlds import Watcher, cache, played, settings, silent, tables

from evals.metrics import per_user
from evals.trajectories import preferences
from prompts import load_template
from recommender.nudge import Intentions
from simulator.clicks import AgentClicks
from simulator.domain import Dataset
from simulator.engines import ScriptedEngine
from simulator.errors import UnknownNameError
from simulator.experiment import build_world
from simulator.reproduction import ReproductionSettings, playing, reproduce
from simulator.reproduction.methods import Method
from simulator.runlog import Run
from simulator.scores import paired

__all__ = ["cache", "played", "settings", "tables"]

PNG = b"\x89PNG"


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that likes every third film, in place of a language model."""

    def scripted(_settings: object, data: Dataset, *_: Any) -> AgentClicks:
        engine = ScriptedEngine(lambda text: 0.9 if "Film 3" in text[-60:] else 0.3)
        return AgentClicks(engine, load_template("movies/click-en"))

    monkeypatch.setattr(playing, "make_agent", scripted)


def test_preferences_are_those_of_the_run(settings: ReproductionSettings) -> None:
    config = settings.config(Method("itmprec"), "fair", 0)
    vectors = build_world(config, silent).vectors
    run = Run.load(settings.folder / "fair" / "itmprec-seed0")
    steps = list(preferences(run, vectors))
    assert len(steps) == run.rounds + 1
    goal = vectors.item[run.episodes["target"].to_numpy()]
    np.testing.assert_allclose(paired(steps[0], goal), run.episodes["similarity"], atol=1e-6)
    for number, step in enumerate(steps[1:], start=1):
        logged = run.exposures.loc[run.exposures["round"] == number, "similarity"]
        np.testing.assert_allclose(paired(step, goal), logged, atol=1e-6)
    assert not np.array_equal(steps[0], steps[-1])


def test_figure7_is_drawn_from_the_runs(settings: ReproductionSettings) -> None:
    watch = Watcher()
    reproduce("figure7", settings, silent, watch)
    assert watch.titles == [], "table 4 has played these runs"
    numbers = pd.read_csv(settings.folder / "figure7.csv")
    run = Run.load(settings.folder / "paper" / "ipg-seed0")
    last = run.exposures.loc[run.exposures["round"] == 5, "similarity"].mean()
    row = numbers.query(
        "protocol == 'paper' and method == 'IPG' and measure == 'to target' and round == 5"
    )
    assert row["mean"].item() == pytest.approx(last, abs=1e-6)
    start = numbers.query("measure == 'to start' and round == 0")
    np.testing.assert_allclose(start["mean"], 1, atol=1e-6)
    plane = pd.read_csv(settings.folder / "figure7-plane.csv")
    assert set(plane["path"]) == {"target", "user 1", "user 2", "user 3", "user 4"}
    for name in ("figure7", "figure7-plane"):
        assert (settings.folder / f"{name}.png").read_bytes().startswith(PNG)
        assert "</svg>" in (settings.folder / f"{name}.svg").read_text(encoding="utf-8")


def test_figure8_counts_users_at_the_targets_intention(settings: ReproductionSettings) -> None:
    exhibit = reproduce("figure8", replace(settings, protocols=("fair",)), silent, Watcher())
    config = settings.config(Method("itmprec"), "fair", 0)
    vectors = build_world(config, silent).vectors
    kmeans = Intentions.fit(vectors.item, vectors.user, n_intentions=32, seed=0)
    run = Run.load(settings.folder / "fair" / "itmprec-seed0")
    *_, last = preferences(run, vectors)
    goal = vectors.item[run.episodes["target"].to_numpy()]
    there = kmeans.nearest(last) == kmeans.nearest(goal)
    numbers = exhibit.numbers["figure8"]
    row = numbers.query("method == 'ITMPRec' and round == 5")
    assert row["mean"].item() == pytest.approx(there.mean())
    shares = exhibit.numbers["figure8-shares"].groupby("round")["share"].sum()
    np.testing.assert_allclose(shares, 1)


def test_figure4_shares_the_defaults_with_table4(settings: ReproductionSettings) -> None:
    fair = replace(settings, protocols=("fair",), rounds=5)
    watch = Watcher()
    exhibit = reproduce("figure4", fair, silent, watch)
    assert len(watch.titles) == 8, "of five values of two settings, the defaults are played already"
    numbers = exhibit.numbers["figure4"]
    default = numbers.query("metric == 'IoI' and value == 10 and setting == 'arousal_items'")
    run = Run.load(settings.folder / "fair" / "itmprec-seed0")
    assert default["mean"].item() == pytest.approx(per_user(run)["IoI@5"].mean())
    assert (settings.folder / "figure4-intentions.png").read_bytes().startswith(PNG)


@pytest.mark.usefixtures("agent")
def test_figure6_pairs_the_click_models(settings: ReproductionSettings) -> None:
    named = replace(settings, agent={"model": "some-model"})
    watch = Watcher()
    exhibit = reproduce("figure6", named, silent, watch)
    assert watch.titles == ["1/2 fair · itmprec-agent-seed0", "2/2 paper · itmprec-agent-seed0"]
    numbers = exhibit.numbers["figure6-last"].set_index(["protocol", "clicks", "metric"])["mean"]
    for metric in ("HR", "IoI", "IoR"):
        gap = numbers["fair", "agent − distribution", metric]
        assert gap == pytest.approx(
            numbers["fair", "agent", metric] - numbers["fair", "distribution", metric]
        )
    agent = Run.load(settings.folder / "fair" / "itmprec-agent-seed0")
    other = Run.load(settings.folder / "fair" / "itmprec-seed0")
    assert numbers["fair", "agent", "HR"] == pytest.approx(agent.exposures["clicked"].mean())
    np.testing.assert_array_equal(agent.exposures["draw"], other.exposures["draw"])
    assert any("scripted" in sentence for sentence in exhibit.caption)


@pytest.mark.usefixtures("agent")
def test_table5_tells_one_users_way(settings: ReproductionSettings) -> None:
    exhibit = reproduce("table5", replace(settings, user="u3"), silent, Watcher())
    numbers = exhibit.numbers["table5"]
    assert len(numbers) == 2 * 2 * 5
    runs = [path for path in (settings.folder / "fair").iterdir() if "user3" in path.name]
    assert len(runs) == 2
    run = next(Run.load(path) for path in runs if "distribution" in path.name)
    rows = numbers.query("protocol == 'fair' and clicks == 'distribution'")
    assert rows["title"].tolist() == [run.titles[item] for item in run.exposures["item"]]
    # Alone in the run, the user has the luck and is shown the films of everybody's run.
    whole = Run.load(settings.folder / "fair" / "itmprec-seed0").exposures
    target = run.episodes["target"].item()
    same = whole[(whole["user"] == 3) & (whole["target"] == target)]
    if len(same):
        assert same["item"].tolist() == run.exposures["item"].tolist()
    text = (settings.folder / "table5.tex").read_text(encoding="utf-8")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    with pytest.raises(UnknownNameError, match="user 'u99'"):
        reproduce("table5", replace(settings, user="u99"), silent, Watcher())
