"""Which lessons a training goes through, in which order and in which words.

Everything is drawn from generators that are named by the pass or the step, so that a training that
was interrupted goes on with the very lessons that it would have had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from prompts import Personas, draw_examples, shipped_examples
from simulator.domain import Dataset, IntArray
from simulator.errors import PromptError
from simulator.seeding import generator
from simulator.training.lessons import Lesson, favourite_lessons, lessons
from simulator.training.settings import TrainingSettings
from simulator.training.shuffled import ShuffledPasts
from simulator.training.teacher import Teacher
from simulator.training.wording import Manner, WordedLesson, Wording

_EXAMPLE_SETS = 24
_MOST_EXAMPLES = 4
_SHIPPED_SHARE = 0.5
_FRESH = 0.4
"""Share of the lessons whose persona is of the lesson's own moment."""
_MOST_REMEMBERED = 8_000_000
"""Tokens, some forty bytes each."""


class LessonPlan:
    """The batches of a training.

    Args:
        wordings: One for each template, the main one first.
        dataset: With logged exposures.
        users: Training users; also the only ones that few-shot examples are drawn from.
        settings: See `TrainingSettings`.
        personas: What prompts say of users, by what the log tells; None for nothing.
        teacher: Who teaches beside the log.

    Attributes:
        steps: How many batches there are.
        easy_steps: How many of them, the first, are about favourites.
    """

    def __init__(
        self,
        wordings: Sequence[Wording],
        dataset: Dataset,
        users: IntArray,
        settings: TrainingSettings,
        *,
        personas: Personas | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        self._personas = personas
        self._teacher = teacher
        history = wordings[0].template.history
        self._window = history.window, history.drop
        self._shuffled = None
        if settings.variety.shuffled:
            self._shuffled = ShuffledPasts(dataset, users, self._window)
        self._wordings = wordings
        self._dataset = dataset
        self._users = users
        self._settings = settings
        self.easy_steps = settings.bare_steps + settings.favourite_steps
        assert dataset.log is not None  # `train_agent` has refused such a data set
        rows = int(np.isin(dataset.log.user, users).sum())
        self._a_pass = max(1.0, rows / settings.batch_decisions)
        self.steps = self.easy_steps + max(1, round(settings.epochs * self._a_pass))
        # What is drawn never comes again.
        self._repeats = not (
            self.easy_steps
            or settings.slates
            or settings.variety.short_history
            or settings.variety.shuffled
            or settings.personas
            or teacher
        )
        self._worded: dict[tuple[str, str, str, bytes], WordedLesson | None] = {}
        self._remembered = 0
        self._statics = [[wording.static()] for wording in wordings]
        if settings.variety.examples:
            for wording, statics in zip(wordings, self._statics, strict=True):
                statics.extend(self._statics_with_examples(wording))

    @property
    def tokenizer(self) -> Any:
        """The model's."""
        return self._wordings[0].encoder.tokenizer

    def batches(self) -> Iterator[list[Lesson]]:
        """Favourites first, then pass after pass over the log; endless, and cheap to skip."""
        settings = self._settings
        if self.easy_steps:
            rng = generator(settings.seed, "favourites")
            favourites = favourite_lessons(self._dataset, self._users, rng=rng)
            for _ in range(self.easy_steps):
                yield self._batch(favourites)
        stream, surplus = self._passes(), 0
        while True:
            # Lessons are not cut, so a batch has some more; the next one has as many less.
            batch = self._batch(stream, surplus)
            surplus += sum(one.decisions for one in batch) - settings.batch_decisions
            yield batch

    def word(self, step: int, batch: Sequence[Lesson]) -> tuple[Wording, list[WordedLesson]]:
        """A step's batch in tokens, each branch with its answer; step counts from 1.

        Raises:
            PromptError: If no prompt fits into the model's window.
        """
        rng = generator(self._settings.seed, f"wording {step}")
        # An easy batch has no static part, whose examples only distract at first.
        bare = step <= self._settings.bare_steps
        wording, static = (self._wordings[0], "") if bare else self._draw_wording(rng)
        worded = [self._word(wording, one, static, self._draw_manner(rng), rng) for one in batch]
        fitting = [one for one in worded if one is not None]
        if not fitting:
            raise PromptError(
                f"None of a batch's {sum(len(one.items) for one in batch)} prompts fits into the "
                f"model's window of {wording.encoder.window} tokens. Shorten the template or its "
                "history window (--window), or take a base with a larger one."
            )
        return wording, fitting

    def looks_after(self, step: int) -> bool:
        """Whether a look at the users kept out is due after a step; always after the last."""
        on_the_log = step - self.easy_steps
        if on_the_log <= 0:
            return False
        each = max(1, round(self._settings.validate_every * self._a_pass))
        return on_the_log % each == 0 or step == self.steps

    def _word(
        self,
        wording: Wording,
        lesson: Lesson,
        static: str,
        manner: Manner,
        rng: np.random.Generator,
    ) -> WordedLesson | None:
        """A lesson in tokens; one that comes in the same words in every pass is remembered."""
        if manner in ("strange titles", "unknown titles") or not self._repeats:
            return wording.word(lesson, static, manner=manner, rng=rng, with_answers=True)
        key = (wording.template.sha256, static, manner, lesson.rows.tobytes())
        if key not in self._worded:
            made = wording.word(lesson, static, manner=manner, rng=rng, with_answers=True)
            self._remembered += 0 if made is None else made.tree.size()
            if self._remembered > _MOST_REMEMBERED:
                self._worded, self._remembered = {}, 0
            self._worded[key] = made
        return self._worded[key]

    def _batch(self, stream: Iterator[Lesson], decisions: int = 0) -> list[Lesson]:
        """The next lessons, at least one, until they hold a batch's decisions."""
        batch: list[Lesson] = []
        while not batch or decisions < self._settings.batch_decisions:
            batch.append(next(stream))
            decisions += batch[-1].decisions
        return batch

    def _passes(self) -> Iterator[Lesson]:
        for number in count():
            rng = generator(self._settings.seed, f"pass {number}, pasts")
            for lesson in lessons(
                self._dataset,
                self._users,
                window=self._window,
                slates=self._settings.slates,
                rng=generator(self._settings.seed, f"pass {number}"),
                short_history_share=self._settings.variety.short_history,
            ):
                made = self._with_past(lesson, rng)
                yield made if self._teacher is None else self._teacher.taught(made, rng)

    def _with_past(self, lesson: Lesson, rng: np.random.Generator) -> Lesson:
        """The lesson, or one of the same user on a shuffled past; with the persona of its past."""
        shuffled = None
        if rng.random() < self._settings.variety.shuffled and self._shuffled is not None:
            shuffled = self._shuffled.lesson(lesson.user, rng)
        if self._personas is None:
            return lesson if shuffled is None else shuffled[0]
        if shuffled is None:
            # A persona stays as it is while a history grows, so that it may be of any age.
            share = 1.0 if rng.random() < _FRESH else rng.random()
            persona = self._personas.before(lesson.user, lesson.time, share)
            return replace(lesson, persona=persona)
        made, past = shuffled
        return replace(made, persona=self._personas.told_by(made.user, past))

    def _draw_wording(self, rng: np.random.Generator) -> tuple[Wording, str]:
        which = 0
        if len(self._wordings) > 1 and rng.random() >= self._settings.main_share:
            which = int(rng.integers(1, len(self._wordings)))
        bare, *others = self._statics[which]
        if not others or rng.random() >= self._settings.variety.examples:
            return self._wordings[which], bare
        shipped, *drawn = others
        if rng.random() < _SHIPPED_SHARE:
            return self._wordings[which], shipped
        return self._wordings[which], drawn[int(rng.integers(len(drawn)))]

    def _draw_manner(self, rng: np.random.Generator) -> Manner:
        draw, variety = rng.random(), self._settings.variety
        if draw < variety.no_categories:
            return "no categories"
        draw -= variety.no_categories
        if draw < variety.strange_titles:
            return "strange titles"
        strange = variety.strange_titles + variety.unknown_titles
        return "unknown titles" if draw < strange else "plain"

    def _statics_with_examples(self, wording: Wording) -> Iterator[str]:
        yield wording.static(shipped_examples(wording.template))
        for number in range(_EXAMPLE_SETS):
            examples = draw_examples(
                self._dataset,
                users=self._users,
                n=2 + number % (_MOST_EXAMPLES - 1),
                seed=self._settings.seed + number,
            )
            yield wording.static(examples)
