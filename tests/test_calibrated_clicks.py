"""Clicks that follow a calibrated probability: the agent's own, a wrapped model's, a run's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from prompts import load_template
from recommender import RandomItems
from simulator.clicks import AgentClicks, Calibrated, DistributionClicks, Fallback
from simulator.clicks.calibration import Isotonic, Platt, Temperature
from simulator.describe import describe
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.engines import ScriptedEngine
from simulator.errors import ConfigError, DataError, RunError
from simulator.session import simulate
from simulator.testing import ClickModelContract

TEMPLATE = load_template("movies/click-en")
MAP = Platt(0.5, -1.0)


def by_title(text: str) -> float:
    return 0.9 if "(Even)" in text.rpartition("Recommended:")[2] else 0.3


def agent(**settings: Any) -> AgentClicks:
    return AgentClicks(ScriptedEngine(by_title), TEMPLATE, **settings)


def spread(shown: Exposures) -> Exposures:
    """The same exposures with draws all over [0, 1)."""
    return replace(shown, draw=np.random.default_rng(4).random(len(shown)))


def test_an_agent_clicks_by_its_calibrated_probability(data: Dataset) -> None:
    shown = spread(data.logged_exposures())
    raw, clicks = (agent(calibration=c).decide(shown) for c in (None, MAP))
    expected = expit(0.5 * logit(raw.probability.astype(np.float64)) - 1)
    assert clicks.probability == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(clicks.clicked, shown.draw < clicks.probability)
    assert set(clicks.source) == {"agent"}
    assert raw.clicked.sum() > clicks.clicked.sum() > 0


def test_argmax_cuts_the_calibrated_probability(data: Dataset) -> None:
    shown = data.logged_exposures()
    assert agent(mode="argmax").decide(shown).clicked.any()
    assert not agent(mode="argmax", calibration=Platt(1.0, -4.0)).decide(shown).clicked.any()


def test_a_text_answer_cannot_be_calibrated() -> None:
    with pytest.raises(ConfigError, match="no probability to calibrate"):
        agent(mode="text", calibration=MAP)


def test_failures_are_untouched(data: Dataset) -> None:
    engine = ScriptedEngine(0.6, mass=lambda text: 0.1 if "(Even)" in text else 0.9)
    shown = data.logged_exposures()
    raw, clicks = (AgentClicks(engine, TEMPLATE, calibration=c).decide(shown) for c in (None, MAP))
    assert raw.undecided.any()
    assert not raw.undecided.all()
    assert np.array_equal(raw.failure, clicks.failure)
    assert np.array_equal(raw.undecided, clicks.undecided)
    assert np.isnan(clicks.probability[clicks.undecided]).all()


def test_facts_and_description_name_the_calibration() -> None:
    assert "calibration" not in agent().facts()
    digests = {agent(calibration=c).facts()["calibration"]["sha256"] for c in (MAP, Platt(0.5, 1))}
    assert len(digests) == 2
    assert describe(agent(calibration=MAP)).endswith("sample, platt)")


class Halting:
    """Decides even items only, with its reasons; counts and closes."""

    closed = False

    def decide(self, shown: Exposures) -> Clicks:
        even = shown.item % 2 == 0
        return Clicks.of(
            even,
            source=np.where(even, "halting", ""),
            probability=np.where(even, 0.8, np.nan),
            failure=np.where(even, "", "odd"),
            reason="so it is",
        )

    def usage(self) -> dict[str, float]:
        return {"calls": 3.0}

    def close(self) -> None:
        self.closed = True


def test_a_wrapped_model_is_decided_anew_and_keeps_the_rest(data: Dataset) -> None:
    shown = spread(data.logged_exposures())
    model = Halting()
    wrapped = Calibrated(model, MAP)
    before, after = model.decide(shown), wrapped.decide(shown)
    even = shown.item % 2 == 0
    mapped = float(MAP.apply(np.array([0.8]))[0])
    assert after.probability[even] == pytest.approx(mapped, abs=1e-6)
    assert np.array_equal(after.clicked[even], shown.draw[even] < after.probability[even])
    for column in ("source", "failure", "reason"):
        assert np.array_equal(getattr(before, column), getattr(after, column))
    assert np.isnan(after.probability[~even]).all()
    assert before.clicked.sum() == even.sum()  # what it was given is left as it was
    wrapped.close()
    assert wrapped.usage() == {"calls": 3.0}
    assert model.closed
    assert describe(wrapped) == "calibrated(Halting, Platt(slope=0.5, offset=-1.0, kind='platt'))"


def test_wrappers_with_other_curves_are_described_otherwise() -> None:
    one, other = (
        describe(Calibrated(DistributionClicks(), Isotonic((0.2, 0.8), (0.1, top))))
        for top in (0.6, 0.7)
    )
    assert "Isotonic(2 corners, " in one
    assert one != other


def test_a_wrapper_composes_with_a_fallback(data: Dataset, vectors: Vectors) -> None:
    shown = data.logged_exposures().with_vectors(vectors)
    model = Fallback(Calibrated(Halting(), MAP), DistributionClicks())
    assert set(model.decide(shown).source) == {"halting", "distribution"}


def test_a_wrapper_refuses_what_it_cannot_map(data: Dataset, vectors: Vectors) -> None:
    shown = data.logged_exposures().with_vectors(vectors)

    class Silent:
        def decide(self, shown: Exposures) -> Clicks:
            return Clicks.of(np.ones(len(shown), dtype=bool), source="silent")

    class Doubled:
        def apply(self, probability: np.ndarray) -> np.ndarray:
            return 2 + probability

    with pytest.raises(ConfigError, match="without a probability"):
        Calibrated(Silent(), MAP).decide(shown)
    with pytest.raises(DataError, match=r"did not map .* in \[0, 1\]"):
        Calibrated(DistributionClicks(), Doubled()).decide(shown)
    with pytest.raises(ConfigError, match="takes its calibration itself"):
        Calibrated(agent(), MAP)


class TestCalibratedDistribution(ClickModelContract):
    """The wrapper keeps the contract of all click models."""

    def click_model(self) -> Calibrated:
        return Calibrated(DistributionClicks(), Temperature(2.0))


def play(data: Dataset, out: Path, model: AgentClicks) -> Any:
    return simulate(
        data,
        RandomItems(),
        model,
        rounds=2,
        users=np.arange(5),
        targets=np.array([3, 17]),
        out=out,
        config={"agent": model.facts()},
    )


def test_a_run_resumes_with_its_calibration_and_refuses_another(
    data: Dataset, tmp_path: Path
) -> None:
    run = play(data, tmp_path, agent(calibration=MAP))
    rows = run.exposures
    assert np.array_equal(rows["clicked"], rows["draw"] < rows["probability"])
    assert run.manifest["config"]["agent"]["calibration"]["kind"] == "platt"
    assert play(data, tmp_path, agent(calibration=MAP)).rounds == 2
    for other in (None, Platt(0.5, -1.1), Isotonic((0.2, 0.8), (0.1, 0.6))):
        with pytest.raises(RunError, match="agent = "):
            play(data, tmp_path, agent(calibration=other))
