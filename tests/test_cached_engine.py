"""The engine behind the decision cache: asked only what is new; its answers are kept exactly."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from engine_prompts import LABELS, PROMPTS, STATIC, TOO_LONG

from simulator.engines import ScriptedEngine, TransformersEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.digests import digest
from simulator.errors import CacheError, LabelError
from simulator.interfaces import Engine, Metered, Prompt


def by_length(text: str) -> float:
    return (len(text) % 97) / 100 + 0.013


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.sqlite"


@pytest.fixture
def scripted() -> ScriptedEngine:
    return ScriptedEngine(by_length, mass=lambda text: 0.5 + by_length(text) / 3)


@pytest.fixture
def engine(scripted: ScriptedEngine, path: Path) -> Iterator[CachedEngine]:
    engine = CachedEngine(scripted, DecisionCache(path))
    yield engine
    engine.close()


def test_a_second_call_asks_nothing_and_answers_to_the_last_bit(
    engine: CachedEngine, scripted: ScriptedEngine
) -> None:
    plain = ScriptedEngine(by_length, mass=scripted.mass).label_probabilities(PROMPTS, LABELS)
    first = engine.label_probabilities(PROMPTS, LABELS)
    second = engine.label_probabilities(PROMPTS[::-1], LABELS)
    assert scripted.prompts == [prompt.text for prompt in PROMPTS]
    for answers, step in ((first, 1), (second, -1)):
        assert np.array_equal(answers.probabilities, plain.probabilities[::step])
        assert np.array_equal(answers.mass, plain.mass[::step])
        assert answers.probabilities.dtype == answers.mass.dtype == np.float32
        assert answers.failure.tolist() == [""] * len(PROMPTS)
    assert engine.usage()["decisions_from_cache"] == len(PROMPTS)
    assert engine.usage()["decisions"] == len(PROMPTS)


def test_only_what_is_new_is_asked_once_and_in_order(
    engine: CachedEngine, scripted: ScriptedEngine
) -> None:
    engine.label_probabilities(PROMPTS[2:4], LABELS)
    scripted.prompts.clear()
    mixed = [PROMPTS[5], PROMPTS[2], PROMPTS[1], PROMPTS[5], PROMPTS[3], PROMPTS[0], PROMPTS[1]]
    answers = engine.label_probabilities(mixed, LABELS)
    assert scripted.prompts == [PROMPTS[k].text for k in (5, 1, 0)]
    plain = ScriptedEngine(by_length).label_probabilities(mixed, LABELS)
    assert np.array_equal(answers.probabilities, plain.probabilities)
    assert engine.usage()["decisions_from_cache"] == 2


def test_failures_are_asked_again(path: Path) -> None:
    failing = ScriptedEngine(0.7, failure=lambda text: "timed out" if "Heat" in text else "")
    cached = CachedEngine(failing, DecisionCache(path))
    twice = [*PROMPTS, *PROMPTS]
    answers = cached.label_probabilities(twice, LABELS)
    heat = np.array(["Heat" in prompt.text for prompt in twice])
    assert np.array_equal(answers.failure == "timed out", heat)
    assert np.array_equal(np.isnan(answers.mass), heat)
    assert np.array_equal(np.isnan(answers.probabilities).all(axis=1), heat)
    failing.failure = None
    failing.prompts.clear()
    again = cached.label_probabilities(PROMPTS, LABELS)
    assert len(failing.prompts) == heat.sum() / 2
    assert again.failure.tolist() == [""] * len(PROMPTS)
    cached.close()


def test_other_labels_modes_models_and_precisions_are_asked_anew(path: Path) -> None:
    cache = DecisionCache(path)
    asked = 0
    for model, precision, labels in (
        ("a", "float32", ("yes", "no")),
        ("a", "float32", ("no", "yes")),
        ("a", "float32", ("yes, no", "maybe")),
        ("a", "bfloat16", ("yes", "no")),
        ("b", "float32", ("yes", "no")),
        ("b", "float32", ("yes", "no", "maybe")),
    ):
        engine = ScriptedEngine(0.4, model=model)
        engine.precision = precision  # type: ignore[misc]
        assert CachedEngine(engine, cache).label_probabilities(PROMPTS, labels).mass.all()
        asked += len(engine.prompts)
    for length in (8, 16):
        engine = ScriptedEngine(0.4)
        CachedEngine(engine, cache).generate(PROMPTS, max_tokens=length)
        asked += len(engine.prompts)
    assert asked == 8 * len(PROMPTS)
    cache.close()


def test_texts_are_kept_whole_and_empty_ones_are_not(path: Path) -> None:
    long = "Yes — 是的, because " + "it is good; " * 500
    scripted = ScriptedEngine(text=lambda text: "" if "Heat" in text else long + text)
    cached = CachedEngine(scripted, DecisionCache(path))
    first = cached.generate([*PROMPTS, PROMPTS[0]], max_tokens=16)
    assert len(scripted.prompts) == len(PROMPTS)
    scripted.prompts.clear()
    assert cached.generate([*PROMPTS, PROMPTS[0]], max_tokens=16) == first
    assert first[0] == first[-1] == long + PROMPTS[0].text
    assert scripted.prompts == [prompt.text for prompt in PROMPTS if "Heat" in prompt.text]
    assert cached.usage()["decisions_from_cache"] == len(PROMPTS) + 1 - len(scripted.prompts)
    cached.close()


def test_labels_are_checked_by_the_engine(engine: CachedEngine) -> None:
    for prompts in (PROMPTS, []):
        with pytest.raises(LabelError, match="two or more"):
            engine.label_probabilities(prompts, ["yes"])
    assert engine.label_probabilities([], LABELS).probabilities.shape == (0, 2)
    assert engine.generate([], max_tokens=3) == []


def test_what_the_engine_says_of_itself_passes_through(path: Path) -> None:
    scripted = ScriptedEngine(model="mine")
    scripted.revision = "abc"  # type: ignore[attr-defined]
    scripted.settings = {"threads": 2}  # type: ignore[attr-defined]
    cached = CachedEngine(scripted, DecisionCache(path))
    assert isinstance(cached, Engine)
    assert isinstance(cached, Metered)
    assert (cached.name, cached.model, cached.revision) == ("scripted", "mine", "abc")
    assert (cached.why, cached.settings) == (scripted.why, {"threads": 2})
    assert cached.encoder is None
    cached.close()


def test_answers_that_cannot_be_any_are_refused(engine: CachedEngine, path: Path) -> None:
    engine.label_probabilities(PROMPTS, LABELS)
    other = sqlite3.connect(path, isolation_level=None)
    for nonsense in (b"\xff" * 12, b"short", "text"):
        other.execute("UPDATE decisions SET answer = ?", (nonsense,))
        with pytest.raises(CacheError, match="no probabilities"):
            engine.label_probabilities(PROMPTS, LABELS)
    other.close()


class Spelling:
    """An encoder of a few tokens: one a word."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}

    def digests(self, prompts: list[Prompt]) -> list[bytes]:
        return [
            digest([self.words.setdefault(word, len(self.words)) for word in prompt.text.split()])
            for prompt in prompts
        ]


def test_tokens_are_the_key_where_the_engine_has_them(path: Path) -> None:
    scripted = ScriptedEngine(by_length)
    scripted.encoder = Spelling()  # type: ignore[attr-defined]
    cached = CachedEngine(scripted, DecisionCache(path))
    cached.label_probabilities([Prompt("You liked", " Heat.", " Alien?")], LABELS)
    # The same tokens, cut into other parts: the model would receive the same.
    cached.label_probabilities([Prompt("You", " liked  Heat. ", "Alien?")], LABELS)
    assert len(scripted.prompts) == 1
    cached.label_probabilities([Prompt("You liked", " Heat.", " Aliens?")], LABELS)
    assert len(scripted.prompts) == 2
    cached.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_real_engine_repeats_to_the_last_bit_without_being_asked(path: Path) -> None:
    prompts = [*PROMPTS, TOO_LONG, Prompt(STATIC, "", "film Alien. Answer:")]
    cached = CachedEngine(TransformersEngine("pocket"), DecisionCache(path))
    first = cached.label_probabilities(prompts, LABELS)
    texts = cached.generate(prompts, max_tokens=4)
    spent = cached.usage()["requests"]
    cached.close()
    # Another process would find the same; so does another engine here.
    again = CachedEngine(TransformersEngine("pocket"), DecisionCache(path))
    second = again.label_probabilities(prompts, LABELS)
    assert again.generate(prompts, max_tokens=4) == texts
    assert np.array_equal(first.probabilities, second.probabilities, equal_nan=True)
    assert np.array_equal(first.mass, second.mass, equal_nan=True)
    assert spent == 2 * (len(prompts) - 1)
    assert again.usage()["requests"] == sum(text == "" for text in texts[:-2] + texts[-1:])
    assert first.failure[-2] == second.failure[-2] != ""
    again.close()
    with pytest.raises(LabelError):
        CachedEngine(TransformersEngine("pocket"), DecisionCache(path)).label_probabilities(
            prompts, ["absolutely", "no"]
        )
