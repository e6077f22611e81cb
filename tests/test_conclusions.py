"""Do conclusions about methods survive another click model? Hand-made runs, and real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, ttest_rel

from evals.bootstrap import Bootstrap, holm
from evals.conclusions import Conclusions, conclude
from prompts import load_template
from simulator.clicks import AgentClicks, DistributionClicks
from simulator.config import DistributionConfig, RunConfig
from simulator.data import load_dataset
from simulator.domain import Vectors
from simulator.engines.scripted import ScriptedEngine
from simulator.errors import ConfigError, UnknownNameError
from simulator.experiment.conclusions import METHODS, nudging_click_models, play_methods
from simulator.experiment.world import World
from simulator.runlog import Run

N_USERS = 40
QUICK = Bootstrap(replicates=400)
Shares = Mapping[str, Mapping[str, float]]


def run_of(share: float, gain: float, noise: np.ndarray) -> Run:
    """One round of one target: a share of the users clicks, and interest grows."""
    user = np.arange(N_USERS)
    clicked = (user * 7 % N_USERS) < share * N_USERS
    exposures = pd.DataFrame(
        {
            "user": user,
            "target": 1,
            "round": 1,
            "position": 0,
            "item": 0,
            "draw": user / N_USERS,
            "probability": 0.5,
            "clicked": clicked,
            "source": "hand",
            "failure": "",
            "similarity": gain + noise,
            "rank": 10,
        }
    )
    episodes = pd.DataFrame(
        {"user": user, "target": 1, "similarity": 0.0, "rank": 10, "known": False}
    )
    return Run({"config": {"data": "hand", "seed": 0}}, episodes, exposures, {})


GAINS: Shares = {
    "base": {"a": 0.9, "b": 0.6, "c": 0.1},
    "turned": {"a": 0.6, "b": 0.9, "c": 0.1},
    "same": {"a": 0.8, "b": 0.5, "c": 0.2},
}


@pytest.fixture(scope="module")
def runs() -> dict[tuple[str, str], Run]:
    draws = np.random.default_rng(0)
    return {
        (model, method): run_of(gain, gain, draws.normal(0, 0.2, N_USERS))
        for model, gains in GAINS.items()
        for method, gain in gains.items()
    }


@pytest.fixture(scope="module")
def found(runs: dict[tuple[str, str], Run]) -> Conclusions:
    return conclude(runs, base="base", bootstrap=QUICK)


def interest(run: Run) -> np.ndarray:
    return run.exposures["similarity"].to_numpy()


def test_values_are_those_of_the_runs(found: Conclusions, runs: dict[tuple[str, str], Run]) -> None:
    values = found.values.set_index(["model", "method", "metric"])
    assert (found.methods, found.models, found.users) == (("a", "b", "c"), tuple(GAINS), N_USERS)
    assert len(values) == 3 * 3 * 3
    for (model, method), run in runs.items():
        assert values.loc[(model, method, "HR@1"), "value"] == GAINS[model][method]
        row = values.loc[(model, method, "IoI@1")]
        assert row["value"] == pytest.approx(interest(run).mean())
        assert row["low"] < row["value"] < row["high"]
    assert (values.xs("IoR@1", level="metric") == 0).all(axis=None)


def test_the_planted_reversal_is_found_and_told_from_what_holds(found: Conclusions) -> None:
    pairs = found.pairs.set_index(["metric", "method", "other"])
    for metric in ("HR@1", "IoI@1"):
        counts = pairs.loc[metric][["holds", "reversed", "undecided"]]
        assert counts.loc[("a", "b")].tolist() == [1, 1, 0]
        assert counts.loc[("a", "c")].tolist() == [2, 0, 0]
        assert counts.loc[("b", "c")].tolist() == [2, 0, 0]
    assert pairs.loc[("HR@1", "a", "b"), "base_difference"] == pytest.approx(0.3)
    assert "IoR@1" not in pairs.index.get_level_values("metric")  # nothing to tell apart


def test_the_winner_and_its_margin(found: Conclusions, runs: dict[tuple[str, str], Run]) -> None:
    winners = found.winners.set_index(["metric", "model"])
    named = winners.loc["IoI@1"][["winner", "runner_up"]]
    assert named.loc["base"].tolist() == ["a", "b"]
    assert named.loc["turned"].tolist() == ["b", "a"]
    for model in GAINS:
        row = winners.loc[("IoI@1", model)]
        best, second = (interest(runs[model, row[name]]) for name in ("winner", "runner_up"))
        assert row["margin"] == pytest.approx((best - second).mean())
        assert 0 < row["low"] < row["margin"] < row["high"]
        assert row["decided"]
    undecided = winners.loc["IoR@1"]
    assert not undecided["decided"].any()
    assert (undecided[["margin", "low", "high"]] == 0).all(axis=None)


def test_p_values_are_paired_and_corrected_over_all_winners(
    found: Conclusions, runs: dict[tuple[str, str], Run]
) -> None:
    def of(model: str, method: str, metric: str) -> pd.Series:
        column = "clicked" if metric == "HR@1" else "similarity"
        return runs[model, method].exposures[column].astype(float)

    p = [
        max(
            ttest_rel(of(model, winner, metric), of(model, other, metric)).pvalue
            for other in {*"abc"} - {winner}
        )
        if metric != "IoR@1"
        else 1.0
        for model, metric, winner in found.winners[["model", "metric", "winner"]].to_numpy()
    ]
    assert found.winners["p_corrected"].to_numpy() == pytest.approx(holm(np.array(p)), rel=1e-6)


def test_rankings_agree_as_scipy_says(found: Conclusions) -> None:
    tau = found.agreement.set_index(["metric", "model"])
    assert tau.loc[("HR@1", "turned"), "tau"] == pytest.approx(1 / 3)
    assert tau.loc[("HR@1", "same"), "tau"] == 1
    level = found.values.set_index(["model", "metric"])["value"]
    expected = kendalltau(level.loc[("turned", "IoI@1")], level.loc[("base", "IoI@1")]).statistic
    assert tau.loc[("IoI@1", "turned"), "tau"] == pytest.approx(expected)
    assert tau.loc[("IoI@1", "same"), ["low", "high"]].tolist() == [1, 1]
    assert np.isnan(tau.loc[("IoR@1", "same"), "tau"])  # all methods equal: no ranking
    assert "base" not in tau.index.get_level_values("model")


def test_another_base_turns_the_pair_round(runs: dict[tuple[str, str], Run]) -> None:
    pairs = conclude(runs, base="turned", bootstrap=QUICK).pairs.set_index("metric").loc["HR@1"]
    assert pairs[["method", "other"]].iloc[0].tolist() == ["b", "a"]
    assert pairs[["holds", "reversed", "undecided"]].iloc[0].tolist() == [0, 2, 0]


def test_what_nobody_can_tell_is_undecided() -> None:
    draws = np.random.default_rng(1)
    gains = {"base": {"a": 0.5, "b": 0.1}, "close": {"a": 0.3, "b": 0.29}}
    runs = {
        (model, method): run_of(0.5, gain, draws.normal(0, 0.2, N_USERS))
        for model, methods in gains.items()
        for method, gain in methods.items()
    }
    found = conclude(runs, base="base", bootstrap=QUICK)
    row = found.pairs.set_index("metric").loc["IoI@1"]
    assert row[["holds", "reversed", "undecided"]].tolist() == [0, 0, 1]
    winner = found.winners.set_index(["metric", "model"]).loc[("IoI@1", "close")]
    assert not winner["decided"]
    assert winner["low"] < 0 < winner["high"]


def test_what_cannot_be_concluded_is_refused(runs: dict[tuple[str, str], Run]) -> None:
    with pytest.raises(UnknownNameError, match=r"click model 'bse'.*Did you mean 'base'"):
        conclude(runs, base="bse")
    with pytest.raises(ConfigError, match="c was not played before same"):
        conclude({k: r for k, r in runs.items() if k != ("same", "c")}, base="base")
    with pytest.raises(ConfigError, match="two methods or more"):
        conclude({k: r for k, r in runs.items() if k[1] == "a"}, base="base")
    other = runs["same", "c"]
    luck = other.exposures.assign(draw=0.5)
    with pytest.raises(ConfigError, match=r"seed differs .*c before same drew other luck"):
        conclude({**runs, ("same", "c"): replace(other, exposures=luck)}, base="base")


def test_one_user_decides_nothing(runs: dict[tuple[str, str], Run]) -> None:
    alone = {
        key: replace(run, episodes=run.episodes.head(1), exposures=run.exposures.head(1))
        for key, run in runs.items()
    }
    found = conclude(alone, base="base", bootstrap=QUICK)
    assert found.pairs.empty
    assert not found.winners["decided"].any()
    assert found.values["low"].isna().all()
    assert "Only 1 users are behind these conclusions; intervals say little." in found.cautions


SETTINGS = RunConfig.read(
    None, {"data": "demo", "users": 12, "targets": 2, "rounds": 3, "vectors.method": "mf"}
)


@pytest.fixture(scope="module")
def world() -> World:
    data = load_dataset("demo")
    draws = np.random.default_rng(5)
    vectors = Vectors(
        draws.normal(size=(data.n_users, 8)).astype(np.float32),
        draws.normal(size=(data.n_items, 8)).astype(np.float32),
    ).normalised()
    users, targets = np.arange(12, dtype=np.int32), np.array([5, 60], dtype=np.int32)
    return World(data, vectors, vectors, users, targets)


def test_methods_are_played_in_the_same_world_with_the_same_luck(world: World) -> None:
    eager, shy = DistributionClicks(5.0, -0.5), DistributionClicks(5.0, 0.8)
    said: list[str] = []
    decided: list[int] = []
    runs = play_methods(
        SETTINGS,
        METHODS,
        {"eager": eager, "shy": shy},
        said.append,
        lambda clicks: decided.append(len(clicks)),
        world=world,
    )
    assert list(runs) == [(model, method) for model in ("eager", "shy") for method in METHODS]
    assert said[-1] == "random before shy"
    assert sum(decided) == 2 * len(METHODS) * 12 * 2 * 3
    for (model, method), run in runs.items():
        assert run.name == model
        assert run.manifest["config"]["recommender"].lower().startswith(method[:3])
        assert run.path is None
        assert run.beside == ()
    found = conclude(runs, base="eager", bootstrap=QUICK)
    rate = found.values.set_index(["metric", "model", "method"])["value"].loc["HR@3"]
    assert (rate["eager"] > rate["shy"]).all()


def test_methods_with_targets_of_their_own_are_not_compared(world: World) -> None:
    protocol = SETTINGS.protocol.model_copy(update={"targets": "itmprec"})
    released = SETTINGS.model_copy(update={"protocol": protocol})
    with pytest.raises(ConfigError, match=r"targets of their own.*'every method'"):
        play_methods(released, METHODS, {"shy": DistributionClicks()}, print, world=world)


def test_an_agent_plays_with_a_stand_in_beside_it(world: World) -> None:
    engine = ScriptedEngine(0.5, failure=lambda text: "late" if text.count("(19") % 5 == 4 else "")
    agent = AgentClicks(engine, load_template("movies/click-en"))
    shy = DistributionClicks(5.0, 0.8)
    settings = SETTINGS.model_copy(update={"max_failure_rate": 1.0})
    runs = play_methods(
        settings, ("ipg", "random"), {"coin": agent}, lambda _: None, world=world, stand_in=shy
    )
    shown = runs["coin", "random"].exposures
    assert runs["coin", "random"].beside == ("distribution",)
    failed = shown["failure"] == "late"
    assert 0 < failed.sum() < len(shown)
    assert set(shown.loc[failed, "source"]) == {"distribution"}
    assert set(shown.loc[~failed, "source"]) == {"agent"}
    assert runs["coin", "ipg"].manifest["config"]["agent"]["template"] == "movies/click-en"
    others = play_methods(settings, ("ipg", "random"), {"shy": shy}, lambda _: None, world=world)
    found = conclude(runs | others, base="shy", bootstrap=QUICK)
    assert any("of the decisions of coin failed" in caution for caution in found.cautions)


@pytest.mark.slow
def test_the_grid_lies_around_the_fitted_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    models = nudging_click_models(SETTINGS, load_dataset("demo"), lambda _: None)
    names = list(models)
    assert names[:3] == [
        "distribution (fitted)",
        "distribution (paper)",
        "distribution (released-code)",
    ]
    fitted, *grid = models[names[0]], *(models[name] for name in names[3:])
    assert [m.w / fitted.w for m in grid] == pytest.approx([0.5, 2, 1, 1])
    odds = [np.exp(-m.w * m.b) / np.exp(-fitted.w * fitted.b) for m in grid[2:]]
    assert odds == pytest.approx([2, 0.5])


@pytest.mark.slow
def test_ratings_are_fitted_to_but_not_held_against(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    data = load_dataset("demo")
    assert data.log is not None
    rated = replace(data, log=replace(data.log, observed=False))
    names = list(nudging_click_models(SETTINGS, rated, lambda _: None))
    assert names[:2] == ["distribution (released-code)", "distribution (fitted)"]
    own = SETTINGS.model_copy(update={"distribution": DistributionConfig(w=3.0, b=0.25)})
    without = list(nudging_click_models(own, replace(data, log=None), lambda _: None))
    assert without == [
        "distribution (w 3, b 0.25)",
        "distribution (paper)",
        "distribution (released-code)",
        "distribution (w 1.5, b 0.25)",
        "distribution (w 6, b 0.25)",
        "distribution (w 3, b 0.019)",
        "distribution (w 3, b 0.48)",
    ]
