"""The seams: what a click model, a recommender, a preference evolution and an engine must offer.

All are duck-typed: a user's own class needs to inherit and import nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from simulator.domain import (
    BoolArray,
    Clicks,
    Exposures,
    FloatArray,
    IntArray,
    Ragged,
    TextArray,
)


@dataclass(frozen=True)
class Prompt:
    """A prompt in the three parts that a prefix cache likes, most constant first.

    Attributes:
        static: Instructions and few-shot examples; the same for every decision of a run.
        user: The user's history; the same for all candidates of a user in a round.
        candidate: The item and the question.
    """

    static: str
    user: str
    candidate: str

    @property
    def text(self) -> str:
        """The whole prompt."""
        return self.static + self.user + self.candidate


@dataclass(frozen=True, eq=False)
class LabelProbabilities:
    """What a model makes of the answer labels at the next token.

    Attributes:
        probabilities: Renormalised over the labels, float32, shape (n, n_labels); a row sums to 1.
        mass: The labels' share of the full distribution, float32 in [0, 1], shape (n,). Low mass
            means that the model was not answering the question.
        failure: Why a row has no answer (an over-long prompt, a timeout), or ""; such a row's
            numbers are NaN.
    """

    probabilities: FloatArray
    mass: FloatArray
    failure: TextArray

    @classmethod
    def joined(cls, parts: Sequence[LabelProbabilities]) -> LabelProbabilities:
        """The rows of all parts, at least one, end to end."""
        return cls(
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.mass for part in parts]),
            np.concatenate([part.failure for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class RoundView:
    """What a recommender may look at: all episodes of a block at the start of a round.

    Attributes:
        round: From 1.
        seed: The run's seed, for draws of the recommender's own (`simulator.seeding.uniforms`).
        user: int32, shape (n,).
        target: int32, shape (n,); -1 for none.
        history: n rows, the accepted items, oldest first.
        seen: bool, shape (n, n_items): items in the history or shown before.
        preference: float32, shape (n, d), the users' present vectors; None without vectors.
    """

    round: int
    seed: int
    user: IntArray
    target: IntArray
    history: Ragged
    seen: BoolArray
    preference: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: IntArray | BoolArray) -> RoundView:
        """The given episodes, by index or mask."""
        index: IntArray = np.arange(len(self))[rows]
        return RoundView(
            round=self.round,
            seed=self.seed,
            user=self.user[index],
            target=self.target[index],
            history=self.history.take(index),
            seen=self.seen[index],
            preference=None if self.preference is None else self.preference[index],
        )


@runtime_checkable
class ClickModel(Protocol):
    """Decides which exposures are clicked."""

    def decide(self, shown: Exposures) -> Clicks:
        """Answer row for row; rows it cannot decide are left undecided with a failure."""
        ...


@runtime_checkable
class Recommender(Protocol):
    """Chooses what to show."""

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows to show: shape (n,), or (n, k) for slates of k items."""
        ...


@runtime_checkable
class Learner(Protocol):
    """A recommender that learns from what happens in the run."""

    def learn(self, user: IntArray, shown: IntArray, clicked: BoolArray) -> None:
        """Take in the run so far; called before every round but the first.

        After a resume the first call brings all rounds before it, so what is learnt must depend on
        what is given here alone.

        Args:
            user: int32, shape (n_episodes,).
            shown: Catalogue rows, int32, shape (n_episodes, rounds so far, k); read-only.
            clicked: bool, of the same shape; read-only.
        """
        ...


@runtime_checkable
class PreferenceEvolution(Protocol):
    """Says how much of their old preference users keep when they click."""

    def kept_weight(self, view: RoundView) -> FloatArray:
        """beta_u in [0, 1], float32, shape (n,): e_u <- beta_u e_u + (1 - beta_u) e_i."""
        ...


@runtime_checkable
class Engine(Protocol):
    """A language model behind two methods."""

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        """The next token's probabilities of the labels, one row a prompt.

        Raises:
            LabelError: If a label is not one token of the model's tokenizer.
        """
        ...

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int) -> list[str]:
        """Greedy continuations, one a prompt, prompt not included."""
        ...


@runtime_checkable
class Metered(Protocol):
    """Something that counts what it spends (an engine, a click model around one)."""

    def usage(self) -> Mapping[str, float]:
        """Counters since its making: prompt_tokens, cached_tokens, calls, seconds, ..."""
        ...


def usage_of(part: object) -> Mapping[str, float]:
    """What a part has spent since its making; nothing where it does not count."""
    return part.usage() if isinstance(part, Metered) else {}
