"""Calibrations against known answers, and their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression

from prompts import load_template
from prompts.quoting import UNTITLED
from simulator.clicks import AgentClicks
from simulator.clicks.calibration import (
    KINDS,
    AgentCalibration,
    AskedAgent,
    Batch,
    ContentFree,
    Contextual,
    FittedCalibration,
    Isotonic,
    Origin,
    Platt,
    Temperature,
    load_calibration,
    save_calibration,
)
from simulator.engines import ScriptedEngine
from simulator.errors import ConfigError, DataError, EngineError, NudgesimError

TEMPLATE = load_template("movies/click-en")
FACTS = AgentClicks(ScriptedEngine(0.5), TEMPLATE).facts()
ORIGIN = Origin("small", "ab" * 32, "development users", 900, 30, AskedAgent.of(FACTS))


def planted(slope: float, offset: float, n: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and clicks that follow them after a line through the log-odds."""
    generator = np.random.default_rng(5)
    p = expit(generator.normal(0.3, 1.5, n))
    return p, generator.random(n) < expit(slope * logit(p) + offset)


def test_platt_recovers_a_planted_line() -> None:
    fitted = Platt.fit(*planted(0.6, -0.5))
    assert fitted.slope == pytest.approx(0.6, abs=0.03)
    assert fitted.offset == pytest.approx(-0.5, abs=0.03)
    assert fitted.apply(np.array([0.5])) == pytest.approx(expit(fitted.offset))


def test_platt_is_scikit_learns_also_where_the_targets_smoothing_matters() -> None:
    p, clicked = planted(0.6, -0.5, 60)
    slope, offset = _sigmoid_calibration(logit(p), clicked)
    fitted = Platt.fit(p, clicked)
    assert (fitted.slope, fitted.offset) == pytest.approx((-slope, -offset), abs=1e-4)
    # Perfectly parted answers would fit to certainty without it.
    sure = Platt.fit(np.linspace(0.01, 0.99, 60), np.arange(60) >= 30)
    assert 1 < sure.slope < 10


def test_temperature_recovers_a_planted_factor_and_leaves_one_half() -> None:
    fitted = Temperature.fit(*planted(1 / 1.7, 0.0))
    assert fitted.temperature == pytest.approx(1.7, rel=0.03)
    assert fitted.apply(np.array([0.5])) == pytest.approx([0.5])
    p = np.array([0.1, 0.7])
    assert fitted.apply(p) == pytest.approx(expit(logit(p) / fitted.temperature))


def test_no_temperature_mends_a_wrong_level() -> None:
    p, clicked = planted(1.0, -9.0)
    p = np.clip(p, 0.6, 0.9)
    with pytest.raises(DataError, match="Fit platt or isotonic"):
        Temperature.fit(p, clicked)


def test_isotonic_is_scikit_learns_within_the_smoothed_targets() -> None:
    p, clicked = planted(0.6, -0.5, 3_000)
    fitted = Isotonic.fit(p, clicked)
    lowest = 1 / ((~clicked).sum() + 2)
    highest = (clicked.sum() + 1) / (clicked.sum() + 2)
    theirs = IsotonicRegression(y_min=lowest, y_max=highest, out_of_bounds="clip").fit(p, clicked)
    asked = np.linspace(0, 1, 1_001)
    assert fitted.apply(asked) == pytest.approx(theirs.predict(asked), abs=1e-12)
    assert (np.diff(fitted.apply(asked)) >= 0).all()
    parted = Isotonic.fit(np.linspace(0.01, 0.99, 60), np.arange(60) >= 30)
    assert parted.apply(np.array([0.0, 1.0])) == pytest.approx([1 / 32, 31 / 32])


def test_batch_divides_the_mean_out() -> None:
    fitted = Batch.fit(np.array([0.9, 0.8, 0.7]))
    odds = (0.9 / 0.1) / (0.8 / 0.2)
    assert fitted.bias == pytest.approx(0.8)
    assert fitted.apply(np.array([0.9, 0.8])) == pytest.approx([odds / (1 + odds), 0.5])
    with pytest.raises(DataError, match="other than 0 and 1"):
        Batch.fit(np.ones(3))


def biased(text: str) -> float:
    """True odds times three for the click's label; nothing said of a content-free candidate."""
    candidate = text.rpartition("Recommended:")[2]
    said = {"Film 1": 0.7, "Film 2": 0.2}
    truth = next((p for title, p in said.items() if f'"{title}"' in candidate), 0.5)
    return float(expit(logit(truth) + np.log(3)))


def test_content_free_calibration_cancels_a_label_bias() -> None:
    engine = ScriptedEngine(biased)
    raw = AgentClicks(engine, TEMPLATE)
    fitted = ContentFree.fit(raw.label_probabilities, TEMPLATE)
    assert fitted.bias == pytest.approx(0.75, abs=1e-6)
    asked = engine.prompts[:]
    assert len(asked) == 3
    assert all(
        text.count(title) == 2 for text, title in zip(asked, ("N/A", "MASK", UNTITLED), strict=True)
    )
    agent = AgentClicks(engine, TEMPLATE, calibration=fitted)
    clicks = agent.click([["Film 9"]] * 2, ["Film 1", "Film 2"])
    assert clicks.probability == pytest.approx([0.7, 0.2], abs=1e-6)
    assert len(engine.prompts) == 3 + 2
    with pytest.raises(EngineError, match="cannot be divided out"):
        ContentFree.fit(AgentClicks(ScriptedEngine(1.0), TEMPLATE).label_probabilities, TEMPLATE)


def test_contextual_calibration_cancels_each_historys_own_bias() -> None:
    def answer(text: str) -> float:
        history, _, candidate = text.rpartition("Recommended:")
        truth = 0.7 if '"Film 1"' in candidate else 0.5
        return float(expit(logit(truth) + (2.0 if '"Film 8"' in history else -1.0)))

    engine = ScriptedEngine(answer)
    agent = AgentClicks(engine, TEMPLATE, calibration=Contextual())
    clicks = agent.click([["Film 8"], ["Film 9"], ["Film 9"]], ["Film 1", "Film 1", "Film 3"])
    assert clicks.probability == pytest.approx([0.7, 0.7, 0.5], abs=1e-6)
    # Three candidates, and three content-free ones for either history.
    assert len(engine.prompts) == 3 + 2 * 3


def test_what_is_not_answered_about_nothing_fails_in_the_open() -> None:
    def failure(text: str) -> str:
        return "timed out" if '"N/A"' in text and '"Film 8"' in text else ""

    agent = AgentClicks(ScriptedEngine(0.6, failure=failure), TEMPLATE, calibration=Contextual())
    clicks = agent.click([["Film 8"], ["Film 9"]], ["Film 1", "Film 1"])
    assert clicks.failure.tolist() == ["no answer for the content-free candidate", ""]
    assert clicks.source.tolist() == ["", "agent"]


@pytest.mark.parametrize("fit", [Platt.fit, Temperature.fit, Isotonic.fit])
def test_a_fit_says_what_it_lacks(fit: Callable[..., AgentCalibration]) -> None:
    p, clicked = planted(1.0, 0.0, 200)
    assert fit(p, clicked) == fit(p, clicked)
    for rows, message in (
        ((p, np.ones(200, dtype=bool)), "All 200 logged answers are clicks"),
        ((p[:20], clicked[:20]), "20 exposures are too few.*at least 50"),
        ((np.full(200, 0.3), clicked), "All 200 probabilities are 0.3"),
        ((np.where(p > 0.5, np.nan, p), clicked), "leave out the exposures"),
        ((p[:100], clicked), "100 probabilities, but 200 answers"),
    ):
        with pytest.raises(DataError, match=message):
            fit(*rows)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_probability_of_nought_or_one_stays_finite(p: float) -> None:
    for calibration in (Platt(1.5, 0.1), Temperature(2.0), Batch(0.4)):
        mapped = calibration.apply(np.array([p, np.nan]))
        assert 0 <= mapped[0] <= 1
        assert np.isnan(mapped[1])


EACH = (
    Platt(0.6, -1 / 3),
    Temperature(1.7),
    Isotonic((0.1, 0.35), (0.2, 0.2 + 1e-16)),
    Batch(0.61),
    ContentFree(1 / 7),
    Contextual(),
)


@pytest.mark.parametrize("calibration", EACH, ids=lambda c: c.kind)
def test_a_file_brings_back_what_was_saved(tmp_path: Path, calibration: AgentCalibration) -> None:
    fitted = FittedCalibration(calibration, ORIGIN)
    save_calibration(tmp_path / "new folder" / "one.json", fitted)
    save_calibration(tmp_path / "one.json", fitted)
    assert (tmp_path / "new folder" / "one.json").exists()
    assert load_calibration(tmp_path / "one.json") == fitted
    save_calibration(tmp_path / "two.json", load_calibration(tmp_path / "one.json"))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert {c.kind for c in EACH} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"calibration": }', "line 1: not valid JSON"),
        ("[]", "not a calibration"),
        ('{"calibration": {"kind": "plat"}, "fitted_on": {}}', "Did you mean 'platt'"),
        ('{"calibration": {"kind": "platt", "slope": 1}, "fitted_on": {}}', r"calibration\.offset"),
        (
            '{"calibration": {"kind": "platt", "slope": NaN, "offset": 1}, "fitted_on": {}}',
            r"calibration\.slope.*finite",
        ),
        ('{"calibration": {"kind": "batch", "bias": 0.1, "b": 1}, "fitted_on": {}}', "batch|b:"),
        (
            '{"calibration": {"kind": "isotonic", "probability": [0.5, 0.1], '
            '"click_rate": [0.1, 0.2]}, "fitted_on": {}}',
            "rise in `probability`",
        ),
        (
            '{"calibration": {"kind": "platt", "slope": 1, "offset": 0}}',
            "fitted_on: Field required",
        ),
    ],
)
def test_a_faulty_file_is_named_with_its_fault(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NudgesimError, match=message) as caught:
        load_calibration(path)
    assert "calibration.json" in str(caught.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nudgesim prompts calibrate"):
        load_calibration(tmp_path / "none.json")


def test_another_agents_calibration_is_refused_by_what_differs() -> None:
    ORIGIN.require_same(FACTS)
    chosen = AgentClicks(ScriptedEngine(0.5, model="other"), TEMPLATE).facts()
    with pytest.raises(ConfigError, match=r"other here: model \(scripted, now other\)\."):
        ORIGIN.require_same(chosen)
    edited = AgentClicks(ScriptedEngine(0.5), load_template("movies/click-zh")).facts()
    with pytest.raises(ConfigError, match=r"text of the template.*few-shot examples"):
        ORIGIN.require_same(edited)
    # A server cannot tell its revision.
    known = replace(ORIGIN, agent=replace(ORIGIN.agent, model_revision="abc"))
    known.require_same(FACTS)
    with pytest.raises(ConfigError, match="revision of the model"):
        known.require_same({**FACTS, "model_revision": "abd"})
    # One model under two names, such as a folder on two machines.
    known.require_same({**FACTS, "model_revision": "abc", "model": "elsewhere/model"})
