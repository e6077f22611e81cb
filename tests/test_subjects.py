"""Click models named on a command line."""

from __future__ import annotations

import pytest

from simulator.errors import ConfigError, UnknownNameError
from simulator.experiment.subjects import read_subject, read_subjects

FLAGS = {"data": "demo", "seed": 3, "agent.template": "movies/click-zh"}


def test_a_plain_name_takes_the_shared_settings() -> None:
    subject = read_subject("agent", FLAGS)
    assert (subject.name, subject.kind) == ("agent", "agent")
    assert subject.config.agent.template == "movies/click-zh"
    assert subject.config.seed == 3


def test_own_settings_go_over_the_shared_ones() -> None:
    text = "agent:model=qwen3-4b,template=movies/click-en,mode=argmax,minimum_mass=0.2"
    agent = read_subject(text, FLAGS).config.agent
    assert (agent.model, agent.template, agent.mode) == ("qwen3-4b", "movies/click-en", "argmax")
    assert agent.minimum_mass == 0.2
    served = read_subject("agent:engine=openai,urls=http://localhost:9", FLAGS).config.agent
    assert served.urls == ("http://localhost:9",)


def test_an_unnamed_value_is_the_model_or_the_preset() -> None:
    assert read_subject("agent:pocket", FLAGS).config.agent.model == "pocket"
    assert read_subject("distribution:paper", FLAGS).config.distribution.preset == "paper"
    given = read_subject("distribution:w=5,b=0.2", FLAGS).config.distribution
    assert (given.w, given.b) == (5, 0.2)


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("agnet", UnknownNameError, "Did you mean 'agent'"),
        ("agent:templte=x", UnknownNameError, "Did you mean 'template'"),
        ("distribution:papr", UnknownNameError, "Did you mean 'paper'"),
        ("distribution:w=wide,b=0", ConfigError, "distribution.w"),
        ("agent:minimum_mass=2", ConfigError, "minimum_mass"),
        ("agent:mode=sample,mode=text", ConfigError, "gives mode twice"),
    ],
)
def test_a_wrong_name_says_what_is_wrong(text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        read_subject(text, FLAGS)


def test_a_name_of_ones_own_stands_in_front() -> None:
    plain, mine = read_subjects(["agent", "mine=agent:template=movies/click-en"], FLAGS)
    assert (plain.name, mine.name) == ("agent", "mine")
    assert mine.config.agent.template == "movies/click-en"
    with pytest.raises(ConfigError, match="called 'a'"):
        read_subjects(["a=agent", "a=distribution:paper"], FLAGS)


def test_the_same_model_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="Two click models are called"):
        read_subjects(["agent", "distribution:paper", "agent"], FLAGS)
