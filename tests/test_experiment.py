from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator.clicks import DistributionClicks
from simulator.config import RunConfig
from simulator.data import load_dataset
from simulator.domain import Dataset, Vectors
from simulator.errors import ConfigError, UnknownNameError
from simulator.experiment import World, make_distribution, run_experiment
from simulator.experiment.parts import make_recommender
from simulator.experiment.split import split_log, users_split
from simulator.experiment.trained import template_name


def nothing(_: str) -> None:
    """Say nothing."""


def test_fitting_and_judging_share_neither_users_nor_the_past() -> None:
    demo = load_dataset("demo")
    split = split_log(demo)
    assert demo.log is not None
    fitting, judging = (demo.log.take(rows) for rows in (split.fitting, split.judging))
    assert not np.intersect1d(fitting.user, judging.user).size
    assert split.early.time.max() < min(fitting.time.min(), judging.time.min())
    training, held_out = users_split(demo)
    assert set(fitting.user) <= set(training)
    assert set(judging.user) <= set(held_out)
    assert len(judging) > 1000


def test_the_distribution_preset_follows_the_log(data: Dataset) -> None:
    given = RunConfig.read(None, {"distribution.w": 2.0, "distribution.b": 0.5})
    assert make_distribution(given, data, nothing) == DistributionClicks(2.0, 0.5)
    with pytest.raises(ConfigError, match="both w and b"):
        RunConfig.read(None, {"distribution.w": 2.0})
    fitted = RunConfig.read(None, {"distribution.preset": "fitted"})
    with pytest.raises(ConfigError, match="no logged no-clicks to fit"):
        make_distribution(fitted, replace(data, log=None), nothing)
    assert data.log is not None
    rated = replace(data, log=replace(data.log, observed=False))
    released = DistributionClicks.preset("released-code")
    assert make_distribution(RunConfig(), rated, nothing) == released
    assert make_distribution(RunConfig(), replace(data, log=None), nothing) == released


def test_every_recommender_has_a_name(data: Dataset, vectors: Vectors) -> None:
    for name in ("itmprec", "ipg", "popular", "random"):
        config = RunConfig.read(None, {"recommender": name, "nudge.intentions": 4})
        world = World(data, vectors, vectors, np.arange(3), np.arange(2))
        assert hasattr(make_recommender(config, world, nothing), "recommend")


def test_settings_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    for text, error, words in (
        ("rounds = 0", ConfigError, "rounds = 0"),
        ("rounds = 'many'", ConfigError, "rounds = 'many'"),
        ("recomender = 'ipg'", UnknownNameError, "Did you mean 'recommender'"),
        ("[nudge]\npoling = 'max'", UnknownNameError, "Did you mean 'pooling'"),
        ("[nudge]\npooling = 'maxx'", UnknownNameError, "Did you mean 'max'"),
        ("max_failure_rate = 2", ConfigError, "max_failure_rate = 2"),
        ("rounds = ", ConfigError, "not valid TOML"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(error, match=words):
            RunConfig.read(path, {})
    path.write_text("agent = 'pocket'", encoding="utf-8")
    with pytest.raises(ConfigError, match="agent = 'pocket'"):
        RunConfig.read(path, {"agent.model": "pocket"})


def test_a_domain_without_templates_takes_the_general_one(data: Dataset) -> None:
    agent = RunConfig().agent
    assert template_name(agent, data.catalogue.domain) == "movies/click-en"
    assert template_name(agent, "books") == "general/click-en"


@pytest.mark.slow
@pytest.mark.realdata
def test_the_main_job_on_movielens(
    ml_100k: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = RunConfig.read(
        None,
        {"data": "ml-100k", "clicks": "distribution", "rounds": 5, "targets": 2, "users": 200},
    )
    run = run_experiment(config, tmp_path / "run")
    assert len(run.exposures) == 5 * 2 * 200
    # ml-100k has no real no-clicks, so the preset of the released code decides.
    assert run.manifest["config"]["clicks"] == "DistributionClicks(w=1.0, b=0.8, noise=0.0)"
    assert 0.2 < run.exposures["clicked"].mean() < 0.5
    last = run.exposures[run.exposures["round"] == 5]
    assert last["similarity"].mean() > run.episodes["similarity"].mean() + 0.05
    assert run.titles[0] == ml_100k.catalogue.titles[0]
