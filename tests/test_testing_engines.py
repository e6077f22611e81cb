"""The engine contract passes what keeps to it, and bites what does not, check by check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts import checks_of, failures, require_only

from simulator.engines import CachedEngine, DecisionCache, ScriptedEngine, TransformersEngine
from simulator.errors import LabelError
from simulator.interfaces import LabelProbabilities, Prompt
from simulator.testing import EngineContract


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


class FailingTogether(Words):
    def label_probabilities(self, prompts: Any, labels: Any) -> Any:
        answers = super().label_probabilities(prompts, labels)
        if answers.failure.any():
            answers.failure[:] = "too long"
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


BROKEN: list[tuple[Any, str, str]] = [
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
    (FailingTogether, "an_overlong_prompt_fails_alone", "fail with it"),
]


@pytest.mark.parametrize(("engine", "check", "words"), BROKEN)
def test_a_broken_engine_fails_one_check(engine: Any, check: str, words: str) -> None:
    require_only(failures(opened_by(engine)), f"test_{check}", words)


def test_every_check_has_been_seen_to_bite() -> None:
    assert {f"test_{check}" for _, check, _ in BROKEN} == checks_of(EngineContract)


@pytest.mark.slow
def test_the_pocket_agent_passes_through_transformers() -> None:
    def engine() -> TransformersEngine:
        return TransformersEngine("pocket")

    assert failures(opened_by(engine, overlong=20_000)) == {}
