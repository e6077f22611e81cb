"""What every engine owes: label probabilities row for row, failures in words, texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from unittest import SkipTest

import numpy as np

from simulator.domain import BoolArray
from simulator.errors import LabelError
from simulator.interfaces import Engine, LabelProbabilities, Metered, Prompt

_HISTORY = "Watched so far: {0}.\n"
_QUESTION = 'Would they watch "{0}" next? Reply with yes or no.\nAnswer:'
_SEEN = ("Alien (1979)", "Heat (1995)", "Amélie (2001)")
_NEXT = ("Solaris (1972)", "Big (1988)", "Alien (1979)", "Ran (1985)")
_TEXT_TOKENS = (1, 4)


class EngineContract:
    """Inherit, say how the engine is opened, and run pytest.

    The engine is opened once and closed at the end.

    Attributes:
        labels: Two answers that are single tokens of the model's tokenizer.
        not_one_token: A label that is not, in any tokenizer.
        overlong: Words of a prompt that is longer than the model's window.
        tolerance: How far a probability may move with the batch; raise it for bfloat16.
    """

    labels: tuple[str, str] = ("yes", "no")
    not_one_token: str = "neither one nor the other"
    overlong: int = 300_000
    tolerance: float = 1e-3

    _opened: ClassVar[Engine]

    def engine(self) -> Engine:
        """The engine under test."""
        raise NotImplementedError("Define engine(self) and return your engine.")

    @classmethod
    def setup_class(cls) -> None:
        """Open the engine; pytest calls it."""
        cls._opened = cls().engine()

    @classmethod
    def teardown_class(cls) -> None:
        """Close the engine; pytest calls it."""
        close = getattr(cls._opened, "close", None)
        if callable(close):
            close()

    def prompts(self) -> list[Prompt]:
        """What it is asked: three histories with four items each."""
        return [
            Prompt(
                "You play a user of a film service.\n",
                _HISTORY.format(past),
                _QUESTION.format(item),
            )
            for past in _SEEN
            for item in _NEXT
        ]

    def test_every_prompt_gets_a_row(self) -> None:
        """Shapes (n, labels), (n,) and (n,); texts in `failure`."""
        for n in (len(self.prompts()), 1, 0):
            answers = self._opened.label_probabilities(self.prompts()[:n], self.labels)
            shapes = {
                "probabilities": (answers.probabilities, (n, len(self.labels))),
                "mass": (answers.mass, (n,)),
                "failure": (answers.failure, (n,)),
            }
            for name, (array, shape) in shapes.items():
                assert np.shape(array) == shape, (
                    f"`{name}` has shape {np.shape(array)} for {n} prompts and "
                    f"{len(self.labels)} labels, and must have {shape}: are failed rows left out, "
                    "or prompts merged? Answer row for row."
                )
            for name in ("probabilities", "mass"):
                kind = np.asarray(getattr(answers, name)).dtype
                assert kind == np.float32, f"`{name}` is {kind} and must be float32."

    def test_a_row_sums_to_one(self) -> None:
        """Probabilities are renormalised over the labels, and lie in [0, 1]."""
        answers, whole = self._answers(self.prompts())
        p = answers.probabilities[whole]
        outside = np.flatnonzero(~((p >= 0) & (p <= 1)).all(axis=1))
        assert not len(outside), (
            f"Row {_first(outside)} holds {p[outside[:1]]}, outside [0, 1]: are these logits or "
            "logarithms? Take the softmax over the labels."
        )
        wrong = np.flatnonzero(np.abs(p.sum(axis=1) - 1) > 1e-3)
        assert not len(wrong), (
            f"Row {_first(wrong)} sums to {p[wrong[:1]].sum():.4f}: are these shares of the whole "
            "vocabulary? Divide by their sum, and give that sum as `mass`."
        )

    def test_mass_is_a_share(self) -> None:
        """The labels' total probability in the full distribution lies in [0, 1]."""
        answers, whole = self._answers(self.prompts())
        mass = answers.mass[whole]
        wrong = np.flatnonzero(~((mass >= 0) & (mass <= 1)))
        assert not len(wrong), (
            f"Row {_first(wrong)} has mass {mass[wrong[:1]]}, outside [0, 1]: is a spelling "
            "counted twice, or is it a logarithm? It is the labels' share of the full distribution."
        )

    def test_the_same_prompts_get_the_same_answers(self) -> None:
        """Asked twice."""
        first, second = (self._answers(self.prompts())[0] for _ in range(2))
        rows = self._unlike(first, second)
        assert not len(rows), (
            f"Row {_first(rows)} is answered differently the second time: is the answer sampled "
            "(temperature above 0), or the model in training mode (dropout)? Probabilities are "
            "read, not drawn."
        )

    def test_neither_batch_nor_order_matters(self) -> None:
        """In the opposite order, and one by one."""
        prompts = self.prompts()
        whole = self._steady()
        backwards = self._answers(prompts[::-1])[0]
        alone = LabelProbabilities.joined([self._answers([prompt])[0] for prompt in prompts])
        for answers, company in ((_reversed(backwards), "in the opposite order"), (alone, "alone")):
            rows = self._unlike(whole, answers)
            assert not len(rows), (
                f"Row {_first(rows)} is answered differently {company}: are answers returned in "
                "the order in which they finish, or is padding not masked? Where bfloat16 is the "
                "reason, raise `tolerance`."
            )

    def test_columns_follow_the_labels(self) -> None:
        """Labels the other way round swap the columns."""
        there = self._steady().probabilities
        back, _ = self._answers(self.prompts(), self.labels[::-1])
        apart = np.abs(there - back.probabilities[:, ::-1]) > self.tolerance
        rows = np.flatnonzero(apart.any(axis=1))
        assert not len(rows), (
            f"Row {_first(rows)} does not follow when the labels change places: are columns in the "
            "order of token ids, or of probability? Return them in the order of `labels`."
        )

    def test_one_label_is_refused(self) -> None:
        """A choice needs two answers; LabelError says so."""
        self._require_label_error(
            self.labels[:1], "with one label every probability is 1, and says nothing"
        )

    def test_a_label_of_several_tokens_is_refused(self) -> None:
        """Its first token's probability would be another word's."""
        self._require_label_error(
            (self.labels[0], self.not_one_token),
            "is only its first token scored? Other words begin with the same one",
        )

    def test_an_overlong_prompt_fails_alone(self) -> None:
        """A prompt longer than the window is a failed row; its neighbours are answered."""
        prompts = self.prompts()[:3]
        prompts[1] = Prompt(prompts[1].static, "word " * self.overlong, prompts[1].candidate)
        try:
            answers = self._opened.label_probabilities(prompts, self.labels)
        except Exception as error:  # whatever an engine raises is what the message tells
            raise AssertionError(
                f"One prompt longer than the window takes the whole batch down "
                f"({type(error).__name__}: {str(error)[:200]}): fail that row, and answer the rest."
            ) from error
        self._require_rows(answers, 3)
        assert answers.failure[1], (
            "A prompt longer than the window is answered: is it cut? Then the model was asked "
            "something else; say so in `failure` instead."
        )
        numbers = [*answers.probabilities[1], answers.mass[1]]
        assert np.isnan(numbers).all(), (
            f"A failed row holds {numbers}: leave NaN there, so that nobody takes it for an answer."
        )
        assert not answers.failure[[0, 2]].any(), (
            f"The neighbours of an overlong prompt fail with it ({answers.failure[0]!r})."
        )

    def test_what_is_spent_is_counted(self) -> None:
        """Counters only grow, and prompts are counted; an engine without `usage` passes."""
        if not isinstance(self._opened, Metered):
            return
        before = dict(self._opened.usage())
        # A prompt that no check asks, so that a cache has no answer to it.
        self._answers([Prompt("", "", "Is this prompt counted? Answer:")])
        after = dict(self._opened.usage())
        lost = [name for name, number in before.items() if not after.get(name, -1) >= number]
        assert not lost, (
            f"usage() went down in {', '.join(lost)}: are counters of one call? They add up since "
            "the engine was made."
        )
        assert after.get("prompt_tokens", 0) > before.get("prompt_tokens", 0), (
            "usage() does not count a new prompt in `prompt_tokens`: reports and budgets read it."
        )

    def test_texts_are_one_a_prompt(self) -> None:
        """`generate` writes a text for each prompt, the same one again, and none for none."""
        prompts = self.prompts()
        for n in (len(prompts), 0):
            texts = self._opened.generate(prompts[:n], max_tokens=_TEXT_TOKENS[-1])
            written = sum(isinstance(text, str) for text in texts)
            assert (len(texts), written) == (n, n), (
                f"generate gave {len(texts)} answers, {written} of them texts, to {n} prompts; "
                'write one text for each, and "" where there is none.'
            )
            again = self._opened.generate(prompts[:n], max_tokens=_TEXT_TOKENS[-1])
            assert list(texts) == list(again), (
                "generate writes other texts the second time: is the temperature above 0? "
                "Continuations are greedy."
            )

    def test_texts_keep_to_their_length(self) -> None:
        """No text has more words than it may have tokens, nor holds its prompt."""
        for most in _TEXT_TOKENS:
            for prompt, text in zip(
                self.prompts(), self._opened.generate(self.prompts(), max_tokens=most), strict=False
            ):
                words = len(text.split())
                assert words <= most, (
                    f"generate(max_tokens={most}) wrote {words} words: {text[:80]!r}. "
                    + (
                        "Leave the prompt out."
                        if prompt.candidate[:20] in text
                        else "Pass max_tokens on to the model."
                    )
                )

    def _require_label_error(self, labels: Sequence[str], why: str) -> None:
        try:
            self._opened.label_probabilities(self.prompts()[:2], labels)
        except LabelError:
            return
        raise AssertionError(f"The labels {list(labels)} are answered: {why}. Raise LabelError.")

    def _answers(
        self, prompts: Sequence[Prompt], labels: Sequence[str] | None = None
    ) -> tuple[LabelProbabilities, BoolArray]:
        """Answers of the right shape, and which rows did not fail."""
        answers = self._opened.label_probabilities(prompts, labels or self.labels)
        self._require_rows(answers, len(prompts))
        return answers, np.asarray(answers.failure == "", dtype=bool)

    def _steady(self) -> LabelProbabilities:
        """The answers, of an engine that gives them again."""
        first, second = (self._answers(self.prompts())[0] for _ in range(2))
        if len(self._unlike(first, second)):
            raise SkipTest("test_the_same_prompts_get_the_same_answers fails; mend that first.")
        return first

    def _require_rows(self, answers: LabelProbabilities, n: int) -> None:
        shapes = [np.shape(part) for part in (answers.probabilities, answers.mass, answers.failure)]
        if shapes != [(n, len(self.labels)), (n,), (n,)]:
            raise SkipTest("test_every_prompt_gets_a_row fails; mend that first.")

    def _unlike(self, one: LabelProbabilities, other: LabelProbabilities) -> np.ndarray:
        """Rows that differ by more than the tolerance, or of which one failed."""
        apart = np.abs(one.probabilities - other.probabilities) > self.tolerance
        return np.flatnonzero(apart.any(axis=1) | ((one.failure == "") != (other.failure == "")))


def _reversed(answers: LabelProbabilities) -> LabelProbabilities:
    return LabelProbabilities(
        answers.probabilities[::-1], answers.mass[::-1], answers.failure[::-1]
    )


def _first(rows: np.ndarray) -> str:
    return "" if not len(rows) else f"{rows[0]} ({len(rows)} such rows)"
