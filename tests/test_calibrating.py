"""Fitting calibrations to an agent, the effect read by cross-fitting, and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from evals.bootstrap import Bootstrap
from prompts import load_template
from simulator.clicks import AgentClicks
from simulator.clicks.calibration import (
    KINDS,
    FittedCalibration,
    Platt,
    load_calibration,
    save_calibration,
)
from simulator.config import AgentConfig
from simulator.domain import Dataset
from simulator.engines import ScriptedEngine
from simulator.errors import ConfigError, DataError, UnknownNameError
from simulator.experiment.agents import agent_on
from simulator.experiment.split import split_log, users_split
from simulator.lab.calibrating import RAW, calibrate

TEMPLATE = load_template("movies/click-en")
QUICK = Bootstrap(replicates=50)
SLOPE, OFFSET = 0.5, -0.8


def said(item: int) -> float:
    """What the scripted agent says of a film; every film another."""
    return float(expit((item % 13 - 6) / 2))


def answer(text: str) -> float:
    candidate = text.rpartition("Recommended:")[2]
    return said(int(candidate.split('"Film ')[1].split('"')[0])) if '"Film ' in candidate else 0.5


def agent(**settings: object) -> AgentClicks:
    return AgentClicks(ScriptedEngine(answer), TEMPLATE, **settings)


@pytest.fixture
def logged(data: Dataset) -> Dataset:
    """The small world, with clicks that follow the agent after a planted line."""
    assert data.log is not None
    repeated = data.log.take(np.repeat(np.arange(len(data.log)), 10))
    truth = expit(SLOPE * logit(np.array([said(item) for item in repeated.item])) + OFFSET)
    clicked = np.random.default_rng(8).random(len(repeated)) < truth
    return replace(data, log=replace(repeated, clicked=clicked))


def test_the_planted_line_is_found_and_its_effect_is_not_in_sample(logged: Dataset) -> None:
    effect = calibrate(agent(), logged, ["platt"], exposures=10_000, bootstrap=QUICK)
    fitted = effect.fitted["platt"]
    assert isinstance(fitted.calibration, Platt)
    assert fitted.calibration.slope == pytest.approx(SLOPE, abs=0.1)
    assert fitted.calibration.offset == pytest.approx(OFFSET, abs=0.15)
    gaps = effect.judgement.differences.set_index("measure")
    for measure in ("log_loss", "calibration_error"):
        assert gaps.loc[measure, "high"] < 0
    # A fit to the other users is not the fit to all.
    answers = effect.judgement.answers
    mapped = fitted.calibration.apply(answers[RAW].probability)
    assert answers["platt"].probability == pytest.approx(mapped, abs=0.1)
    assert not np.allclose(answers["platt"].probability, mapped, atol=1e-4)


def test_each_user_is_answered_for_by_a_fit_to_the_others(logged: Dataset) -> None:
    rows = split_log(logged).fitting
    assert logged.log is not None
    n_users = len(np.unique(logged.log.user[rows]))
    # As many folds as users: each is left out once.
    effect = calibrate(
        agent(), logged, ["platt"], exposures=len(rows), folds=n_users, bootstrap=QUICK
    )
    log = effect.judgement.log
    p = effect.judgement.answers[RAW].probability.astype(np.float64)
    given = effect.judgement.answers["platt"].probability
    for user in np.unique(log.shown.user)[:3]:
        own = log.shown.user == user
        others = Platt.fit(p[~own], log.clicked[~own])
        assert given[own] == pytest.approx(others.apply(p[own]), abs=1e-6)


def test_only_development_users_are_looked_at(logged: Dataset) -> None:
    effect = calibrate(agent(), logged, ["platt"], exposures=300, bootstrap=QUICK)
    training, held_out = users_split(logged)
    users = np.unique(effect.judgement.log.shown.user)
    assert len(effect.judgement.log) == 300
    assert np.isin(users, training).all()
    assert not np.isin(users, held_out).any()
    origin = effect.fitted["platt"].fitted_on
    assert (origin.split, origin.exposures, origin.users) == ("development users", 300, len(users))
    assert origin.agent.template_sha256 == TEMPLATE.sha256
    assert effect.judgement.log.clicked.any()
    assert len(split_log(logged).fitting) > 300


def test_the_same_call_makes_the_same_file(logged: Dataset, tmp_path: Path) -> None:
    for name in ("one", "two"):
        effect = calibrate(agent(), logged, exposures=500, bootstrap=QUICK)
        for method, fitted in effect.fitted.items():
            save_calibration(tmp_path / f"{name}-{method}.json", fitted)
    assert set(effect.fitted) == set(effect.judgement.models) - {RAW} == set(KINDS)
    for method in KINDS:
        one, two = ((tmp_path / f"{name}-{method}.json").read_bytes() for name in ("one", "two"))
        assert one == two
        fitted_on = json.loads(one)["fitted_on"]
        assert (fitted_on["exposures"] == 0) == (method in ("content-free", "contextual"))


def test_failed_decisions_are_left_out_and_counted(logged: Dataset) -> None:
    engine = ScriptedEngine(answer, failure=lambda t: "timed out" if '"Film 7"' in t else "")
    failing = AgentClicks(engine, TEMPLATE)
    effect = calibrate(failing, logged, ["platt", "contextual"], exposures=800, bootstrap=QUICK)
    raw = effect.judgement.answers[RAW]
    assert 0 < raw.undecided.sum() < len(raw)
    assert effect.fitted["platt"].fitted_on.exposures == int((~raw.undecided).sum())
    for method in ("platt", "contextual"):
        given = effect.judgement.answers[method]
        assert np.array_equal(given.undecided, raw.undecided)
        assert np.array_equal(given.failure, raw.failure)


def test_what_cannot_be_fitted_is_refused_with_the_reason(logged: Dataset) -> None:
    level = AgentClicks(ScriptedEngine(0.7), TEMPLATE)
    with pytest.raises(DataError, match=r"All 300 probabilities are 0\.7"):
        calibrate(level, logged, ["platt"], exposures=300, bootstrap=QUICK)
    effect = calibrate(level, logged, ["platt", "batch"], exposures=300, bootstrap=QUICK)
    assert list(effect.fitted) == ["batch"]
    assert "are 0.7" in effect.refused["platt"]
    with pytest.raises(UnknownNameError, match="Did you mean 'platt'"):
        calibrate(agent(), logged, ["plat"])
    with pytest.raises(ConfigError, match="Name a calibration method"):
        calibrate(agent(), logged, [])
    with pytest.raises(ConfigError, match="calibrated already"):
        calibrate(agent(calibration=Platt(1.0, 0.0)), logged)
    with pytest.raises(ConfigError, match="Mode text"):
        calibrate(agent(mode="text"), logged)
    with pytest.raises(ConfigError, match="folds = 1"):
        calibrate(agent(), logged, folds=1)
    with pytest.raises(ConfigError, match="too few for 30 folds"):
        calibrate(agent(), logged, folds=30)


def test_what_a_fit_cannot_mend_is_said(logged: Dataset) -> None:
    turned = AgentClicks(ScriptedEngine(lambda text: 1 - answer(text)), TEMPLATE)
    effect = calibrate(turned, logged, exposures=1_000, bootstrap=QUICK)
    assert any("Platt's slope is -0." in caution for caution in effect.cautions)
    assert "platt or isotonic" in effect.refused["temperature"]
    assert not calibrate(agent(), logged, ["platt"], exposures=1_000, bootstrap=QUICK).cautions


def test_settings_put_a_calibration_on_an_agent(logged: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    engine = ScriptedEngine(answer)
    plain = agent_on(engine, AgentConfig(), logged, 0)
    effect = calibrate(plain, logged, ["platt"], exposures=500, bootstrap=QUICK)
    save_calibration(path, effect.fitted["platt"])
    calibrated = agent_on(engine, AgentConfig(calibration=str(path)), logged, 0)
    assert calibrated.calibration == effect.fitted["platt"].calibration
    with pytest.raises(ConfigError, match="instructions and few-shot examples"):
        agent_on(engine, AgentConfig(calibration=str(path), examples="none"), logged, 0)
    with pytest.raises(DataError, match="nudgesim prompts calibrate"):
        agent_on(engine, AgentConfig(calibration=str(tmp_path / "none.json")), logged, 0)


@pytest.mark.slow
def test_a_calibration_from_the_command_goes_into_a_run(
    tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    path, folder = tmp_path / "platt.json", tmp_path / "run"
    common = ("--engine", "transformers", "--model", "pocket")
    asked = ("--exposures", "400", "--method", "platt", "--out", str(path))
    code, out, err = command("prompts", "calibrate", *common, *asked)
    assert code == 0, err
    assert "platt written" in out
    assert "as asked" in out
    assert "has learnt from these very users" in " ".join(err.split())
    fitted = load_calibration(path)
    assert isinstance(fitted, FittedCalibration)

    small = ("--users", "4", "--targets", "2", "--rounds", "2", "--out", str(folder))
    run = ("run", "--clicks", "agent", *common, *small)
    code, _, err = command(*run, "--calibration", str(path))
    assert code == 0, err
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["config"]["agent"]["calibration"]["kind"] == "platt"
    code, _, err = command(*run)
    assert code == 2
    assert "agent" in err
    code, _, err = command(*run, "--calibration", str(path), "--examples", "none")
    assert code == 2
    assert "few-shot examples" in err


def test_the_command_refuses_before_a_model_is_loaded(
    tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, err = command("prompts", "calibrate", "--out", str(tmp_path / "one.json"))
    assert code == 2
    assert "name its method" in err
    code, _, err = command("prompts", "calibrate", "--method", "plat")
    assert code == 2
    assert "Did you mean 'platt'" in err
