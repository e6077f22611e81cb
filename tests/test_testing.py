"""The click-model contract passes what keeps to it, and bites what does not, check by check."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts import checks_of, failures, require_only

from prompts import load_template
from simulator.clicks import (
    AgentClicks,
    Cascade,
    CascadeExamination,
    DistributionClicks,
    Fallback,
    PositionExamination,
    inverse_rank,
)
from simulator.domain import Clicks, Exposures
from simulator.engines import ScriptedEngine, TransformersEngine
from simulator.seeding import uniforms
from simulator.testing import ClickModelContract


def clicked_by(model: Any, **attributes: Any) -> Any:
    """A contract's class for a model's maker."""
    made = {"click_model": lambda self: model(), **attributes}
    return type("TestModel", (ClickModelContract,), made)


class Deciding:
    """A click model from a function of the exposures."""

    def __init__(self, decide: Callable[[Exposures], Any]) -> None:
        self.decide = decide


def half(shown: Exposures) -> Any:
    return np.where(shown.item % 2, 0.7, 0.2)


def sound(shown: Exposures) -> Clicks:
    return Clicks.from_probability(half(shown), shown.draw, source="mine")


def test_a_sound_click_model_passes() -> None:
    assert failures(clicked_by(lambda: Deciding(sound))) == {}


def agent(**settings: Any) -> AgentClicks:
    engine = ScriptedEngine(
        lambda text: 0.9 if "Drama" in text.rpartition("Recommended")[2] else 0.1,
        mass=lambda text: 0.2 if "War" in text.rpartition("Recommended")[2] else 1.0,
    )
    return AgentClicks(engine, load_template("movies/click-en"), **settings)


@pytest.mark.parametrize(
    "model",
    [
        DistributionClicks,
        lambda: DistributionClicks(w=1, b=0.8, noise=0.01),
        agent,
        lambda: agent(mode="text"),
        lambda: Fallback(agent(), DistributionClicks()),
        lambda: Cascade(DistributionClicks(w=3, b=0), agent(), band=(0.3, 0.7), audit=0.3),
    ],
)
def test_our_click_models_pass(model: Any) -> None:
    assert failures(clicked_by(model)) == {}


@pytest.mark.parametrize(
    "model",
    [
        lambda: PositionExamination(DistributionClicks(w=1, b=0), inverse_rank(3)),
        lambda: CascadeExamination(DistributionClicks(w=1, b=0), after_click=0.3),
    ],
)
def test_examination_has_luck_of_its_own(model: Any) -> None:
    found = failures(clicked_by(model))
    assert list(found) == ["test_clicks_follow_the_shared_draws"]


def test_an_agent_that_takes_the_likelier_answer_ignores_luck() -> None:
    found = failures(clicked_by(lambda: agent(mode="argmax")))
    assert list(found) == ["test_clicks_follow_the_shared_draws"]
    declared = clicked_by(lambda: agent(mode="argmax"), test_clicks_follow_the_shared_draws=None)
    assert failures(declared) == {}


class OwnGenerator:
    """Its probabilities are drawn, anew with each call, from a generator with a seed."""

    def __init__(self) -> None:
        self.draws = np.random.default_rng(0)

    def decide(self, shown: Exposures) -> Clicks:
        p = self.draws.random(len(shown))
        return Clicks.from_probability(p, shown.draw, source="mine")


class FreshGenerator:
    """Its probabilities are drawn, the same with each call, whatever is asked."""

    def decide(self, shown: Exposures) -> Clicks:
        p = np.random.default_rng(0).random(len(shown))
        return Clicks.from_probability(p, shown.draw, source="mine")


def by_rank(shown: Exposures) -> Clicks:
    p = shown.item.argsort().argsort() / max(len(shown), 1)
    return Clicks.from_probability(p, shown.draw, source="mine")


def own_coin(shown: Exposures) -> Clicks:
    p = half(shown)
    return Clicks.of(uniforms(5, "mine", shown.user, shown.item) < p, source="x", probability=p)


def lucky(shown: Exposures) -> Clicks:
    p = np.where(shown.draw < 0.5, 0.9, 0.1)
    return Clicks.from_probability(p, shown.draw, source="mine")


def partly(shown: Exposures, **undecided: Any) -> Clicks:
    """Odd items are undecided."""
    clicks, odd = sound(shown), shown.item % 2 == 1
    values = {"clicked": False, "probability": np.nan, "failure": "no answer", **undecided}
    for column, value in values.items():
        getattr(clicks, column)[odd] = value
    clicks.source[odd] = ""
    return clicks


def writing(shown: Exposures) -> Clicks:
    shown.draw[:] = np.sort(shown.draw) if len(shown) == 1 else shown.draw[::-1].copy()[::-1]
    shown.history.values[:1] = 0
    return sound(shown)


def needs_a_row(shown: Exposures) -> Clicks:
    assert shown.item.max() >= 0
    return sound(shown)


BROKEN: list[tuple[Any, str, str]] = [
    (
        lambda: Deciding(lambda shown: half(shown)),
        "every_row_gets_an_answer",
        "must return Cli",
    ),
    (
        lambda: Deciding(lambda shown: sound(shown.take(shown.item % 2 == 0))),
        "every_row_gets_an_answer",
        "of shape",
    ),
    (
        lambda: Deciding(lambda s: Clicks.of(half(s) > 0, source="x", probability=3 * half(s))),
        "every_row_gets_an_answer",
        "before its sigmoid",
    ),
    (
        lambda: Deciding(lambda s: replace(sound(s), source=np.full(len(s), None))),
        "every_row_gets_an_answer",
        "holds None",
    ),
    (
        lambda: Deciding(lambda s: replace(sound(s), clicked=half(s))),
        "every_row_gets_an_answer",
        "is it a probability",
    ),
    (lambda: Deciding(needs_a_row), "no_rows_get_no_answers", "a maximum"),
    (OwnGenerator, "the_same_question_gets_the_same_answer", "a generator of its own"),
    (FreshGenerator, "neither_batch_nor_order_matters", "use shown.draw"),
    (lambda: Deciding(by_rank), "neither_batch_nor_order_matters", "others of its batch"),
    (lambda: Deciding(own_coin), "clicks_follow_the_shared_draws", "a coin of its own"),
    (lambda: Deciding(lucky), "clicks_follow_the_shared_draws", "depends on its draw"),
    (
        lambda: Deciding(lambda shown: partly(shown, clicked=True)),
        "a_failure_is_no_click_and_says_why",
        "has a click",
    ),
    (
        lambda: Deciding(lambda shown: partly(shown, probability=0.5)),
        "a_failure_is_no_click_and_says_why",
        "has P(click)",
    ),
    (
        lambda: Deciding(lambda shown: partly(shown, failure="")),
        "a_failure_is_no_click_and_says_why",
        "neither a source nor a failure",
    ),
    (lambda: Deciding(writing), "exposures_stay_as_they_are", "shown.history.values"),
]


@pytest.mark.parametrize(("model", "check", "words"), BROKEN)
def test_a_broken_click_model_fails_one_check(model: Any, check: str, words: str) -> None:
    found = failures(clicked_by(model))
    require_only(found, f"test_{check}", words)


def test_every_check_has_been_seen_to_bite() -> None:
    assert {f"test_{check}" for _, check, _ in BROKEN} == checks_of(ClickModelContract)


def test_undecided_rows_are_no_fault() -> None:
    assert failures(clicked_by(lambda: Deciding(partly))) == {}


@pytest.mark.slow
def test_the_pocket_agent_passes() -> None:
    engine = TransformersEngine("pocket")
    template = load_template("movies/click-en")
    shown = ClickModelContract().exposures().take(np.arange(6))
    contract = clicked_by(lambda: AgentClicks(engine, template), exposures=lambda self: shown)
    assert failures(contract) == {}
    engine.close()


MINE = """
import numpy as np
from recommender import RandomItems
from simulator import Clicks
from simulator.engines import ScriptedEngine
from simulator.testing import ClickModelContract, EngineContract, RecommenderContract

class Mine:
    def decide(self, shown):
        p = np.random.random(len(shown))
        return Clicks.from_probability(p, shown.draw, source="mine")

class TestMine(ClickModelContract):
    def click_model(self):
        return Mine()

class TestRandomItems(RecommenderContract):
    def recommender(self, data):
        return RandomItems()

class TestScripted(EngineContract):
    test_a_label_of_several_tokens_is_refused = None
    test_an_overlong_prompt_fails_alone = None
    def engine(self):
        return ScriptedEngine(0.5)
"""


@pytest.mark.slow
def test_three_lines_are_enough_for_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(MINE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "1 failed, 20 passed, 2 skipped" in done.stdout, done.stdout
    assert "does it draw from a generator of its own" in " ".join(done.stdout.split())
