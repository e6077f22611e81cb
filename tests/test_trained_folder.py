"""What a trained model's folder says of how it is asked; what is given goes before it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from persona_worlds import over_time

from prompts import Personas, load_template
from simulator.clicks import AgentClicks
from simulator.clicks.calibration import (
    AskedAgent,
    FittedCalibration,
    Origin,
    Platt,
    save_calibration,
)
from simulator.config import AgentConfig
from simulator.engines import ScriptedEngine
from simulator.engines.hub import revision_of
from simulator.errors import ConfigError, DataError
from simulator.experiment.agents import agent_on, open_agent
from simulator.experiment.trained import TrainedFolder, settled
from simulator.lab import Lab

OWN = load_template("movies/click-en").with_history(8, 8)


class Engine(ScriptedEngine):
    """One that can be closed."""

    revision: str | None = None

    def close(self) -> None:
        """Nothing runs."""


Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a folder as `nudgesim agent train` writes it, but for a model."""

    def made(*, personas: bool = True, calibrated: bool = True) -> Path:
        folder = tmp_path / "my-agent"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text("{}", encoding="utf-8")
        (folder / "template.j2").write_text(OWN.text, encoding="utf-8")
        report = {"settings": {"personas": personas}}
        (folder / "training.json").write_text(json.dumps(report), encoding="utf-8")
        if calibrated:
            told = Personas(over_time()) if personas else None
            agent = AgentClicks(engine(folder), OWN, personas=told)
            origin = Origin("small", "", "kept out", 1, 1, AskedAgent.of(agent.facts()))
            save_calibration(
                folder / "calibration.json", FittedCalibration(Platt(2.0, -1.0), origin)
            )
        return folder

    return made


def engine(folder: Path) -> Engine:
    made = Engine(0.4, model=str(folder))
    made.revision = revision_of(folder)
    return made


def test_a_trained_model_is_asked_as_its_folder_says(make: Make) -> None:
    folder = make()
    said: list[str] = []
    agent = agent_on(engine(folder), AgentConfig(model=str(folder)), over_time(), 0, said.append)
    assert agent.template.sha256 == OWN.sha256
    assert agent.examples == ()
    assert agent.personas is not None
    assert agent.calibration == Platt(2.0, -1.0)
    assert said == [
        f"{folder} says how it was trained: template {OWN.name} v2, examples none, personas log",
        f"calibrated by {folder / 'calibration.json'}",
    ]


def test_a_model_of_another_origin_is_asked_as_ever() -> None:
    chosen = settled(AgentConfig(model="qwen3-4b"), "movies")
    assert (chosen.template, chosen.examples) == ("movies/click-en", "shipped")
    assert (chosen.personas, chosen.calibration) == ("none", "none")
    assert settled(AgentConfig(model="qwen3-4b"), "books").template == "general/click-en"
    # The pocket agent learnt in many words, by shipped examples too.
    assert settled(AgentConfig(model="pocket"), "movies").examples == "shipped"


def test_what_is_given_goes_before_what_the_folder_says(make: Make) -> None:
    folder = make()
    given = {"template": "movies/click-zh", "examples": "shipped", "personas": "none"}
    chosen = settled(AgentConfig(model=str(folder), calibration="none", **given), "movies")
    assert {name: getattr(chosen, name) for name in given} == given
    assert chosen.calibration == "none"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"template": "movies/click-en"}, "the template movies/click-en"),
        ({"examples": "shipped"}, r"examples \(shipped\)"),
        ({"personas": "none"}, "one without personas"),
        ({"mode": "text"}, "answers as text"),
        ({"examples": "log:2", "personas": "none"}, r"examples \(log:2\) and one without personas"),
    ],
)
def test_a_calibration_is_left_out_where_the_agent_is_another(
    make: Make, given: dict[str, str], why: str
) -> None:
    folder = make()
    said: list[str] = []
    settings = AgentConfig(model=str(folder), **given)
    agent = agent_on(engine(folder), settings, over_time(), 0, said.append)
    assert agent.calibration is None
    assert re.search(f"^not calibrated by .* which is not for {why}$", said[-1])


def test_a_calibration_of_other_weights_is_left_out_unless_it_was_asked_for(make: Make) -> None:
    folder = make()
    (folder / "config.json").write_text('{"changed": 1}', encoding="utf-8")
    said: list[str] = []
    settings = AgentConfig(model=str(folder))
    agent = agent_on(engine(folder), settings, over_time(), 0, said.append)
    assert agent.calibration is None
    assert said[-1].endswith("which is not for weights that have changed since")
    asked_for = settings.model_copy(update={"calibration": str(folder / "calibration.json")})
    with pytest.raises(ConfigError, match="revision of the model"):
        agent_on(engine(folder), asked_for, over_time(), 0)


def test_the_own_template_by_its_path_is_the_own_template(make: Make) -> None:
    folder = make()
    settings = AgentConfig(model=str(folder), template=str(folder / "template.j2"))
    assert settled(settings, "movies").calibration == str(folder / "calibration.json")


def test_a_model_that_had_no_personas_gets_none(make: Make) -> None:
    folder = make(personas=False)
    agent = agent_on(engine(folder), AgentConfig(model=str(folder)), over_time(), 0)
    assert agent.personas is None
    assert agent.calibration is not None
    told = AgentConfig(model=str(folder), personas="log")
    said: list[str] = []
    agent = agent_on(engine(folder), told, over_time(), 0, said.append)
    assert agent.personas is not None
    assert agent.calibration is None
    assert said[-1].endswith("which is not for an agent with personas")


def test_a_folder_without_a_calibration_says_nothing_of_it(make: Make) -> None:
    folder = make(calibrated=False)
    said: list[str] = []
    chosen = settled(AgentConfig(model=str(folder)), "movies", say=said.append)
    assert chosen.calibration == "none"
    assert len(said) == 1


def test_titles_alone_tell_nothing_of_users(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make()
    monkeypatch.setattr("simulator.experiment.agents.start_engine", lambda *_: engine(folder))
    said: list[str] = []
    agent = open_agent(str(folder), domain="movies", say=said.append)
    assert agent.template.sha256 == OWN.sha256
    assert agent.personas is None
    assert agent.calibration is None
    assert any("one without personas" in line for line in said)
    with pytest.raises(ConfigError, match="titles alone tell nothing of them"):
        open_agent(str(folder), domain="movies", personas="log")


def test_the_lab_varies_what_the_folder_says_uncalibrated(make: Make) -> None:
    folder = make()
    data = over_time()
    lab = Lab(data, AgentConfig(model=str(folder)), engine=engine(folder))
    base = lab.variant()
    assert base.template.sha256 == OWN.sha256
    assert base.examples == ()
    assert base.personas is not None
    assert lab.settings.calibration == "none"
    assert base.agent(lab.engine, lab.settings).calibration is None
    with pytest.raises(ConfigError, match="a calibration belongs to one of them"):
        Lab(data, AgentConfig(model=str(folder), calibration="mine.json"), engine=engine(folder))


@pytest.mark.parametrize("text", ["", "[]", '{"settings": []}', "{}"])
def test_a_damaged_report_of_a_training_is_named(make: Make, text: str) -> None:
    folder = make()
    (folder / "training.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"training\.json.*train the model anew"):
        TrainedFolder.of(str(folder))


def test_a_prompt_shows_what_training_showed(make: Make) -> None:
    data = over_time()
    folder = make()
    agent = agent_on(engine(folder), AgentConfig(model=str(folder)), data, 0)
    prompt = agent.prompts(data.logged_exposures(np.arange(1)))[0]
    assert str(Personas(data).of(0)) in prompt.text
