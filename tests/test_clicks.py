from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prompts import load_template
from simulator.clicks import AgentClicks, DistributionClicks
from simulator.clicks.answers import parse_answer
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.engines import ScriptedEngine
from simulator.errors import ConfigError, DataError, UndecidedError, UnknownNameError

TEMPLATE = load_template("movies/click-en")


def test_distribution_is_the_logistic_curve(data: Dataset, vectors: Vectors) -> None:
    shown = data.logged_exposures().with_vectors(vectors)
    clicks = DistributionClicks(w=3.0, b=0.2).decide(shown)
    similarity = np.array(
        [vectors.user[u] @ vectors.item[i] for u, i in zip(shown.user, shown.item, strict=True)]
    )
    assert clicks.probability == pytest.approx(1 / (1 + np.exp(-3 * (similarity - 0.2))), abs=1e-6)
    assert np.array_equal(clicks.clicked, shown.draw < clicks.probability)
    assert set(clicks.source) == {"distribution"}


def test_released_code_preset_squeezes_probabilities(data: Dataset, vectors: Vectors) -> None:
    shown = data.logged_exposures().with_vectors(vectors)
    p = DistributionClicks.preset("released-code").decide(shown).probability
    assert p.min() > 0.14
    assert p.max() < 0.56


def test_fit_recovers_the_parameters(data: Dataset, vectors: Vectors) -> None:
    generator = np.random.default_rng(3)
    rows = np.repeat(np.arange(len(data.log or [])), 100)
    shown = data.logged_exposures(rows).with_vectors(vectors)
    truth = DistributionClicks(w=4.0, b=0.3)
    clicked = generator.random(len(rows)) < truth.decide(shown).probability
    fitted = DistributionClicks.fit(shown, clicked)
    assert fitted.w == pytest.approx(4.0, rel=0.05)
    assert fitted.b == pytest.approx(0.3, abs=0.02)


def test_distribution_errors_say_what_to_do(data: Dataset, vectors: Vectors) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'paper'"):
        DistributionClicks.preset("papr")
    with pytest.raises(ConfigError, match="finite"):
        DistributionClicks(w=np.inf)
    with pytest.raises(ConfigError, match="needs user and item vectors"):
        DistributionClicks().decide(data.logged_exposures())
    shown = data.logged_exposures().with_vectors(vectors)
    with pytest.raises(DataError, match="both clicks and no-clicks"):
        DistributionClicks.fit(shown, np.ones(len(shown), dtype=bool))


def test_an_agent_reads_history_and_candidate(data: Dataset) -> None:
    def answer(text: str) -> float:
        history, _, candidate = text.rpartition("Recommended:")
        return 0.8 if "(Even)" in candidate else 0.1 * history.count('"Film')

    shown = data.logged_exposures(np.arange(40, 80))
    clicks = AgentClicks(ScriptedEngine(answer), TEMPLATE).decide(shown)
    lengths = shown.history.lengths
    expected = np.where(shown.item % 2 == 0, 0.8, 0.1 * lengths)
    assert clicks.probability == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(clicks.clicked, shown.draw < clicks.probability)
    assert set(clicks.source) == {"agent"}


def test_identical_prompts_are_asked_once(data: Dataset) -> None:
    engine = ScriptedEngine(0.5)
    shown = data.logged_exposures(np.repeat(np.arange(10), 7))
    clicks = AgentClicks(engine, TEMPLATE).decide(shown)
    assert len(clicks) == 70
    assert engine.usage()["requests"] <= 10


def test_argmax_ignores_luck(data: Dataset) -> None:
    shown = data.logged_exposures(draw=0.99)
    sampled, argmax = (
        AgentClicks(ScriptedEngine(0.6), TEMPLATE, mode=mode).decide(shown)
        for mode in ("sample", "argmax")
    )
    assert not sampled.clicked.any()
    assert argmax.clicked.all()


def test_low_mass_is_a_failure_and_no_answer(data: Dataset) -> None:
    agent = AgentClicks(ScriptedEngine(0.9, mass=0.2), TEMPLATE)
    clicks = agent.decide(data.logged_exposures())
    assert clicks.undecided.all()
    assert not clicks.clicked.any()
    assert np.isnan(clicks.probability).all()
    assert set(clicks.failure) == {"label mass below 0.5"}
    with pytest.raises(UndecidedError, match="--fallback distribution"):
        clicks.require_decided()


def test_a_missing_probability_is_a_failure_and_no_skip(data: Dataset) -> None:
    agent = AgentClicks(ScriptedEngine(float("nan")), TEMPLATE)
    clicks = agent.decide(data.logged_exposures())
    assert clicks.undecided.all()
    assert set(clicks.failure) == {"no probability"}


def test_text_mode_parses_strictly(data: Dataset) -> None:
    shown = data.logged_exposures(np.arange(30))
    texts = {"yes": True, "No.": False, "I think yes, because": None, "": None}

    for text, expected in texts.items():
        engine = ScriptedEngine(0.5, text=lambda _, said=text: said)
        clicks = AgentClicks(engine, TEMPLATE, mode="text").decide(shown)
        assert clicks.undecided.all() == (expected is None)
        assert np.isnan(clicks.probability).all()
        assert set(clicks.reason) == {text}
        if expected is not None:
            assert (clicks.clicked == expected).all()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("yes", 0),
        (" Yes.\n", 0),
        ("**no**", 1),
        ("Answer: no", 1),
        ("\n\n“yes”", 0),
        ("yes and no", None),
        ("yesterday", None),
        ("not sure", None),
        ("", None),
    ],
)
def test_answers(text: str, label: int | None) -> None:
    assert parse_answer(text, ("yes", "no")) == label


def test_chinese_answers() -> None:
    assert parse_answer("回答：是。", ("是", "否")) == 0
    assert parse_answer("不是", ("是", "否")) is None


def test_bad_agent_settings_are_named(data: Dataset) -> None:
    with pytest.raises(ConfigError, match="mode = 'guess'"):
        AgentClicks(ScriptedEngine(0.5), TEMPLATE, mode="guess")  # type: ignore[arg-type]  # the point
    with pytest.raises(ConfigError, match="minimum_mass = 2"):
        AgentClicks(ScriptedEngine(0.5), TEMPLATE, minimum_mass=2)


def test_a_probability_is_never_invented() -> None:
    with pytest.raises(DataError, match=r"P\(click\) = nan in row 1"):
        Clicks.from_probability(np.array([0.5, np.nan]), np.zeros(2), source="mine")


def test_no_exposures_no_clicks(data: Dataset, vectors: Vectors) -> None:
    nothing: Exposures = data.logged_exposures(np.empty(0, dtype=int)).with_vectors(vectors)
    assert len(AgentClicks(ScriptedEngine(0.5), TEMPLATE).decide(nothing)) == 0
    assert len(DistributionClicks().decide(nothing)) == 0


def test_titles_alone_are_enough() -> None:
    engine = ScriptedEngine(lambda text: 0.9 if "Alien" in text else 0.1)
    agent = AgentClicks(engine, TEMPLATE)
    clicks = agent.click([["Alien", "Blade Runner"], [], ["Alien"]], ["Solaris", "Solaris", "Heat"])
    assert clicks.probability == pytest.approx([0.9, 0.1, 0.9])
    assert 'Recommended: "Heat"' in engine.prompts[2]
    again = agent.click([["Alien"]] * 200, ["Solaris"] * 200, seed=3)
    assert 0.8 < again.clicked.mean() < 1  # everyone has luck of their own
    assert len(agent.click([], [])) == 0
    agent.click([["Alien"]], ["Heat"], categories={"Heat": ["Crime"], "Other": ["Drama"]})
    assert engine.prompts[-1].endswith('Recommended: "Heat" (Crime)\nAnswer:')
    for histories, candidates, words in (
        ([["Alien"]], ["Solaris", "Heat"], "repeat a history"),
        ([["Alien"]] * 4, "Heat", "two lists"),
        ([["Alien"]], [" "], "has no title"),
    ):
        with pytest.raises(DataError, match=words):
            agent.click(histories, candidates)


def test_an_agent_without_titles_says_what_to_do(data: Dataset) -> None:
    bare = replace(data.logged_exposures(), catalogue=None)
    with pytest.raises(DataError, match=r"agent\.click"):
        AgentClicks(ScriptedEngine(0.5), TEMPLATE).decide(bare)


def test_an_agent_reads_the_catalogue_of_the_exposures(data: Dataset) -> None:
    agent = AgentClicks(ScriptedEngine(lambda text: float("Renamed" in text)), TEMPLATE)
    shown = data.logged_exposures(np.arange(10))
    renamed = replace(data.catalogue, titles=[f"Renamed {k}" for k in range(len(data.catalogue))])
    assert not agent.decide(shown).clicked.any()
    assert agent.decide(replace(shown, catalogue=renamed)).clicked.all()
    assert not agent.decide(shown).clicked.any()
