"""The contract tests pass what keeps to them, and bite what does not, each in its own place."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest

from prompts import load_template
from recommender import (
    IPG,
    GeneratedItems,
    ITMPRec,
    NextItem,
    PopularItems,
    PresentPreference,
    RandomItems,
    TopK,
)
from simulator.clicks import (
    AgentClicks,
    Cascade,
    CascadeExamination,
    DistributionClicks,
    Fallback,
    PositionExamination,
    inverse_rank,
)
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.engines import CachedEngine, DecisionCache, ScriptedEngine, TransformersEngine
from simulator.errors import LabelError
from simulator.interfaces import LabelProbabilities, Prompt
from simulator.seeding import generator, uniforms
from simulator.testing import ClickModelContract, EngineContract, RecommenderContract


def failures(contract: Any) -> dict[str, str]:
    """The checks that fail, and what they say; pytest's own way through a class."""
    found = {}
    opens = hasattr(contract, "setup_class")
    if opens:
        contract.setup_class()
    for name in dir(contract):
        check = getattr(contract(), name)
        if name.startswith("test_") and check is not None:
            try:
                check()
            except SkipTest:
                continue
            except AssertionError as error:
                found[name] = str(error)
    if opens:
        contract.teardown_class()
    return found


def require_only(found: dict[str, str], check: str, words: str) -> None:
    assert list(found) == [check], found
    assert words in found[check]


# --- click models


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


@pytest.mark.parametrize(
    ("model", "check", "words"),
    [
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
    ],
)
def test_a_broken_click_model_fails_one_check(model: Any, check: str, words: str) -> None:
    found = failures(clicked_by(model))
    if check == "every_row_gets_an_answer":
        found.pop("test_no_rows_get_no_answers", None)
    require_only(found, f"test_{check}", words)


def test_undecided_rows_are_no_fault() -> None:
    assert failures(clicked_by(lambda: Deciding(partly))) == {}


# --- recommenders


def recommended_by(make: Callable[[Dataset], Any], **attributes: Any) -> Any:
    made = {"recommender": lambda self, data: make(data), **attributes}
    return type("TestRecommender", (RecommenderContract,), made)


def vectors_of(data: Dataset) -> Vectors:
    draws = generator(0, "test")
    return Vectors(
        draws.normal(size=(data.n_users, 8)).astype(np.float32),
        draws.normal(size=(data.n_items, 8)).astype(np.float32),
    ).normalised()


def liking(users: Any, items: Any) -> Any:
    return (7 * users + 3 * items) % 101


def written(histories: Any) -> Any:
    return [range(len(row[-1]), 400) for row in histories]


@pytest.mark.parametrize(
    "make",
    [
        lambda data: RandomItems(),
        lambda data: PopularItems(data.interactions),
        lambda data: NextItem(PresentPreference(vectors_of(data))),
        lambda data: IPG(vectors_of(data)),
        lambda data: ITMPRec(vectors_of(data)),
        lambda data: lambda view: view.seen.argmin(axis=1),
        lambda data: lambda view: np.argsort(view.seen, axis=1, kind="stable")[:, :4],
        lambda data: liking,
        lambda data: TopK(liking, 5),
        lambda data: GeneratedItems(
            written, data.catalogue, 3, fallback=PopularItems(data.interactions)
        ),
    ],
)
def test_our_recommenders_pass(data: Dataset, make: Any) -> None:
    contract = recommended_by(
        make, data=lambda self: data, vectors=lambda self, data: vectors_of(data)
    )
    assert failures(contract) == {}


def test_the_demo_world_is_the_default() -> None:
    assert failures(recommended_by(lambda data: PopularItems(data.interactions))) == {}


def first_unseen(view: Any) -> Any:
    return view.seen.argmin(axis=1)


class Forgetful:
    """Draws among unseen items from a generator of its own."""

    def __init__(self) -> None:
        self.draws = np.random.default_rng(0)

    def recommend(self, view: Any) -> Any:
        return np.where(view.seen, -1, self.draws.random(view.seen.shape)).argmax(axis=1)


def crowd(view: Any) -> Any:
    """The item that fewest of the block have seen."""
    return np.where(view.seen, -1.0, 1 + (~view.seen).mean(axis=0)).argmax(axis=1)


def shortlist(view: Any) -> Any:
    return np.where(view.seen[:, :20], -1, 1).argmax(axis=1)


def marking(view: Any) -> Any:
    items = first_unseen(view)
    view.seen[np.arange(len(view)), items] = True
    return items


class Learning:
    """Shows what was clicked most so far."""

    def __init__(self, n_items: int) -> None:
        self.clicks = np.zeros(n_items)

    def learn(self, user: Any, shown: Any, clicked: Any) -> None:
        self.clicks = np.bincount(shown[clicked], minlength=len(self.clicks))

    def recommend(self, view: Any) -> Any:
        return np.where(view.seen, -1, self.clicks).argmax(axis=1)


class LearningTwice(Learning):
    """What it learnt in a round it learns again in the next."""

    def learn(self, user: Any, shown: Any, clicked: Any) -> None:
        self.clicks = self.clicks + np.bincount(shown[clicked], minlength=len(self.clicks))


class LearningInPlace(Learning):
    def learn(self, user: Any, shown: Any, clicked: Any) -> None:
        shown[~clicked] = 0


@pytest.mark.parametrize(
    ("make", "check", "words"),
    [
        (lambda view: view.seen * 1.0, "what_it_answers_can_be_shown", "scores, it seems"),
        (
            lambda view: np.where(view.seen, 0, 99).max(axis=1),
            "what_it_answers_can_be_shown",
            "0..",
        ),
        (
            lambda view: view.history.values[:1].repeat(len(view)),
            "what_it_answers_can_be_shown",
            "",
        ),
        (lambda view: first_unseen(view)[1:], "what_it_answers_can_be_shown", "shape"),
        (
            lambda view: first_unseen(view)[:, None].repeat(2, axis=1),
            "what_it_answers_can_be_shown",
            "twice",
        ),
        (Forgetful(), "the_same_view_gets_the_same_items", "generator of its own"),
        (crowd, "neither_block_nor_order_matters", "over the whole block"),
        (shortlist, "the_last_unseen_items_are_found", "list of candidates"),
        (marking, "the_view_stays_as_it_is", "changed view.seen"),
    ],
)
def test_a_broken_recommender_fails_one_check(
    data: Dataset, make: Any, check: str, words: str
) -> None:
    contract = recommended_by(lambda _: make, data=lambda self: data)
    found = failures(contract)
    if check == "what_it_answers_can_be_shown":
        found.pop("test_the_last_unseen_items_are_found", None)
    require_only(found, f"test_{check}", words)


def test_learning_must_not_add_up(data: Dataset) -> None:
    def contract(kind: Any) -> Any:
        return recommended_by(lambda data: kind(data.n_items), data=lambda self: data)

    check = "test_what_is_learnt_depends_on_the_run_alone"
    assert failures(contract(Learning)) == {}
    require_only(failures(contract(LearningTwice)), check, "does learn add to what it knew")
    require_only(failures(contract(LearningInPlace)), check, "They are read-only")


# --- engines


class Words:
    """A sound engine whose tokens are words: longer labels and prompts are refused."""

    def __init__(self) -> None:
        self.counts = Counter[str]()

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        if len(labels) < 2 or any(" " in label for label in labels):
            raise LabelError("Labels are two words or more.")
        long = np.array([len(prompt.text) > 10_000 for prompt in prompts], dtype=bool)
        p = np.array([len(prompt.text) % 7 / 10 for prompt in prompts], dtype=np.float32)
        yes = p if labels[0] < labels[1] else 1 - p
        both = np.stack([yes, 1 - yes], axis=1)
        both[long] = np.nan
        self.counts["prompt_tokens"] += sum(len(prompt.text.split()) for prompt in prompts)
        failure = np.where(long, "too long", "").astype(object)
        return LabelProbabilities(both, np.where(long, np.nan, 0.9).astype(np.float32), failure)

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int) -> list[str]:
        return [" ".join(prompt.candidate.split()[:max_tokens]) for prompt in prompts]

    def usage(self) -> dict[str, float]:
        return dict(self.counts)


def opened_by(engine: Any, **attributes: Any) -> Any:
    made = {"engine": lambda self: engine(), **attributes}
    return type("TestEngine", (EngineContract,), made)


# The scripted engine has neither a tokenizer nor a window.
SCRIPTED = {
    "test_a_label_of_several_tokens_is_refused": None,
    "test_an_overlong_prompt_fails_alone": None,
}


def test_sound_engines_pass(tmp_path: Path) -> None:
    def scripted() -> ScriptedEngine:
        return ScriptedEngine(lambda text: len(text) % 7 / 10)

    def cached() -> CachedEngine:
        return CachedEngine(Words(), DecisionCache(tmp_path / "answers.sqlite"))

    assert failures(opened_by(Words)) == {}
    assert failures(opened_by(cached)) == {}
    one_way = {**SCRIPTED, "test_columns_follow_the_labels": None}
    assert failures(opened_by(scripted, **one_way)) == {}


class Sampling(Words):
    """Draws answers."""

    def __init__(self) -> None:
        super().__init__()
        self.draws = np.random.default_rng(0)

    def label_probabilities(self, prompts: Any, labels: Any) -> Any:
        answers = super().label_probabilities(prompts, labels)
        p = answers.probabilities[:, 0] * self.draws.random(len(prompts)).astype(np.float32)
        if labels[0] == "no":  # the labels' order is not what this one is about
            return answers
        return replace(answers, probabilities=np.stack([p, 1 - p], axis=1))


def changing(change: Callable[[LabelProbabilities, Any], LabelProbabilities]) -> Any:
    class Changed(Words):
        def label_probabilities(self, prompts: Any, labels: Any) -> Any:
            return change(super().label_probabilities(prompts, labels), labels)

    return Changed


def finishing(answers: LabelProbabilities, labels: Any) -> LabelProbabilities:
    """In the order in which they finish."""
    if len(answers.mass) <= 3:  # what a failed row does to its neighbours is another check's
        return answers
    order = np.argsort(answers.probabilities[:, int(labels[0] == "no")], kind="stable")
    return LabelProbabilities(
        answers.probabilities[order], answers.mass[order], np.sort(answers.failure)
    )


def by_token_id(answers: LabelProbabilities, labels: Any) -> LabelProbabilities:
    swapped = labels[0] > labels[1]
    return replace(answers, probabilities=answers.probabilities[:, :: -1 if swapped else 1])


class AnyLabel(Words):
    def label_probabilities(self, prompts: Any, labels: Any) -> Any:
        return super().label_probabilities(prompts, [label.split()[0] for label in labels])


class OneLabel(Words):
    def label_probabilities(self, prompts: Any, labels: Any) -> Any:
        return super().label_probabilities(prompts, ["yes", "no"] if len(labels) == 1 else labels)


class Cutting(Words):
    def label_probabilities(self, prompts: Any, labels: Any) -> Any:
        cut = [replace(prompt, user=prompt.user[:100]) for prompt in prompts]
        return super().label_probabilities(cut, labels)


class Raising(Words):
    def label_probabilities(self, prompts: Any, labels: Any) -> Any:
        answers = super().label_probabilities(prompts, labels)
        if answers.failure.any():
            raise ValueError("too long")
        return answers


class CountingACall(Words):
    def label_probabilities(self, prompts: Any, labels: Any) -> Any:
        self.counts.clear()
        return super().label_probabilities(prompts, labels)


class CountingNothing(Words):
    def usage(self) -> Any:
        return {"prompt_tokens": 0.0}


def writing_so(generate: Any) -> Any:
    return type("Writing", (Words,), {"generate": generate})


class Babbling(Words):
    said = 0

    def generate(self, prompts: Any, *, max_tokens: int) -> Any:
        self.said += 1
        return [str(self.said)] * len(prompts)


@pytest.mark.parametrize(
    ("engine", "check", "words"),
    [
        (
            changing(lambda a, _: LabelProbabilities(a.probabilities, a.mass[1:], a.failure)),
            "every_prompt_gets_a_row",
            "Answer row for row",
        ),
        (
            changing(lambda a, _: replace(a, mass=a.mass.astype(np.float64))),
            "every_prompt_gets_a_row",
            "must be float32",
        ),
        (
            changing(lambda a, _: replace(a, probabilities=np.log(a.probabilities + 0.01))),
            "a_row_sums_to_one",
            "logits or logarithms",
        ),
        (
            changing(lambda a, _: replace(a, probabilities=a.probabilities * np.float32(0.9))),
            "a_row_sums_to_one",
            "shares of the whole",
        ),
        (changing(lambda a, _: replace(a, mass=a.mass * 2)), "mass_is_a_share", "counted twice"),
        (Sampling, "the_same_prompts_get_the_same_answers", "temperature"),
        (changing(finishing), "neither_batch_nor_order_matters", "in which they finish"),
        (changing(by_token_id), "columns_follow_the_labels", "order of token ids"),
        (OneLabel, "one_label_is_refused", "every probability is 1"),
        (AnyLabel, "a_label_of_several_tokens_is_refused", "only its first token"),
        (Cutting, "an_overlong_prompt_fails_alone", "is it cut?"),
        (Raising, "an_overlong_prompt_fails_alone", "takes the whole batch down"),
        (
            changing(lambda a, _: replace(a, mass=np.nan_to_num(a.mass, nan=0.5))),
            "an_overlong_prompt_fails_alone",
            "leave NaN there",
        ),
        (CountingACall, "what_is_spent_is_counted", "counters of one call"),
        (CountingNothing, "what_is_spent_is_counted", "does not count a new prompt"),
        (
            writing_so(lambda self, prompts, max_tokens: ["yes"] * (len(prompts) + 1)),
            "texts_are_one_a_prompt",
            "one text for each",
        ),
        (Babbling, "texts_are_one_a_prompt", "other texts the second time"),
        (
            writing_so(lambda self, prompts, max_tokens: ["a b c d e f"] * len(prompts)),
            "texts_keep_to_their_length",
            "Pass max_tokens on",
        ),
        (
            writing_so(lambda self, prompts, max_tokens: [p.text for p in prompts]),
            "texts_keep_to_their_length",
            "Leave the prompt out",
        ),
    ],
)
def test_a_broken_engine_fails_one_check(engine: Any, check: str, words: str) -> None:
    require_only(failures(opened_by(engine)), f"test_{check}", words)


@pytest.mark.slow
def test_the_pocket_agent_passes_through_transformers() -> None:
    def engine() -> TransformersEngine:
        return TransformersEngine("pocket")

    assert failures(opened_by(engine, overlong=20_000)) == {}


@pytest.mark.slow
def test_three_lines_are_enough_for_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import numpy as np\n"
        "from simulator import Clicks\n"
        "from simulator.testing import ClickModelContract\n"
        "class Mine:\n"
        "    def decide(self, shown):\n"
        "        p = np.random.random(len(shown))\n"
        "        return Clicks.from_probability(p, shown.draw, source='mine')\n"
        "class TestMine(ClickModelContract):\n"
        "    def click_model(self):\n"
        "        return Mine()\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "1 failed, 4 passed, 2 skipped" in done.stdout, done.stdout
    assert "does it draw from a generator of its own" in " ".join(done.stdout.split())
