"""From a lesson to tokens, by the very template and encoder that the agent is asked with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from prompts import Example, ShownItem, Template
from simulator.domain import BoolArray, Catalogue, FloatArray, IntArray
from simulator.engines.batches import batches_by_length
from simulator.engines.encoding import Encoder
from simulator.engines.labels import LabelTokens, label_tokens
from simulator.interfaces import Prompt
from simulator.training.branches import Tree, grow_tree
from simulator.training.lessons import Lesson

Manner = Literal["plain", "strange titles", "unknown titles", "no categories"]


@dataclass(frozen=True, eq=False)
class WordedLesson:
    """A lesson in tokens.

    Attributes:
        tree: Its prompts.
        clicked: What the user did, a row a branch, shape (k,).
        target: P(click) to be learnt, float64, shape (k,).
        rows: The branches' log rows, shape (k,).
        too_long: Candidates left out, because their prompts do not fit into the model's window.
    """

    tree: Tree
    clicked: BoolArray
    target: FloatArray
    rows: IntArray
    too_long: int = 0


@dataclass(frozen=True, eq=False)
class Wording:
    """A template over a catalogue, in tokens.

    Attributes:
        template: What to say.
        catalogue: The items.
        encoder: The model's.
    """

    template: Template
    catalogue: Catalogue
    encoder: Encoder

    @cached_property
    def labels(self) -> LabelTokens:
        """The label tokens that the engines read, click first."""
        return label_tokens(self.encoder.tokenize, self.template.labels.pair)

    @cached_property
    def answers(self) -> tuple[int, int]:
        """The token that spells (skip, click) where the answer stands."""
        # "Answer: yes" has a blank before the word; a full-width colon and a chat have none.
        raw = not self.encoder.has_chat_template
        blank = raw and self.template.render_candidate(ShownItem("x")).endswith(":")
        click, skip = (ids[-1] if blank else ids[0] for ids in self.labels.spellings)
        return skip, click

    @cached_property
    def _items(self) -> list[ShownItem]:
        return [
            ShownItem(title, tuple(categories))
            for title, categories in zip(
                self.catalogue.titles, self.catalogue.categories, strict=True
            )
        ]

    def static(self, examples: Sequence[Example] = ()) -> str:
        """The static part's text."""
        return self.template.render_static(examples)

    def word(
        self,
        lesson: Lesson,
        static: str,
        *,
        manner: Manner = "plain",
        rng: np.random.Generator | None = None,
        with_answers: bool = False,
    ) -> WordedLesson | None:
        """The lesson's prompts as a tree; None if none of them fits into the model's window.

        Args:
            lesson: What to word.
            static: The static part.
            manner: "strange titles" gives every item another item's title, and keeps the
                categories; "unknown titles" puts the words of another title in another order, so
                that it is nobody's; "no categories" leaves the categories out.
            rng: Needed for strange and unknown titles.
            with_answers: Each branch ends with the token of the true answer.
        """
        prompts = self.prompts(lesson, static, manner=manner, rng=rng)
        encoded = self.encoder.encode(prompts)
        keep = np.flatnonzero(self.encoder.window_failures(encoded, answer_tokens=1) == "")
        if not len(keep):
            return None
        clicked = lesson.clicked[keep]
        tails = [[self.answers[click]] for click in clicked.tolist()] if with_answers else []
        tree = grow_tree([encoded[k] for k in keep.tolist()], tails)
        rows, left_out = lesson.rows[keep], len(encoded) - len(keep)
        return WordedLesson(tree, clicked, lesson.targets[keep], rows, left_out)

    def prompts(
        self,
        lesson: Lesson,
        static: str,
        *,
        manner: Manner = "plain",
        rng: np.random.Generator | None = None,
    ) -> list[Prompt]:
        """One prompt a candidate, as the agent renders it; arguments as of `word`."""
        history, items = self._shown(lesson, manner, rng)
        users = {
            size: self.template.render_user(history[:size], lesson.persona)
            for size in dict.fromkeys(lesson.seen.tolist())
        }
        return [
            Prompt(static, users[size], self.template.render_candidate(item))
            for size, item in zip(lesson.seen.tolist(), items, strict=True)
        ]

    def _shown(
        self, lesson: Lesson, manner: Manner, rng: np.random.Generator | None
    ) -> tuple[list[ShownItem], list[ShownItem]]:
        rows = np.concatenate([lesson.history, lesson.items]).tolist()
        shown = [self._items[row] for row in rows]
        if manner in ("strange titles", "unknown titles") and rng is not None:
            owner = rng.permutation(len(self.catalogue))
            made = str if manner == "strange titles" else _nobodys
            shown = [
                replace(item, title=made(self._items[owner[row]].title))
                for row, item in zip(rows, shown, strict=True)
            ]
        elif manner == "no categories":
            shown = [replace(item, categories=()) for item in shown]
        return shown[: len(lesson.history)], shown[len(lesson.history) :]


def _nobodys(title: str) -> str:
    """A title's words backwards: "Seven (1995)" becomes "1995 Seven"."""
    return " ".join(word.strip("(),:") for word in reversed(title.split()))


def in_parts(batch: Sequence[WordedLesson], most_tokens: int) -> Iterator[list[WordedLesson]]:
    """A batch in parts of like shape, each of so many tokens at most, padding included."""
    lengths = np.asarray([one.tree.size() for one in batch], dtype=np.int64)
    for rows in batches_by_length(lengths, most_tokens):
        yield [batch[row] for row in rows.tolist()]
