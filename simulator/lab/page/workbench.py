"""What happens on the page: drafts are previewed, evaluated and saved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from prompts import Template
from simulator.domain import FloatArray
from simulator.errors import ConfigError, LabelError
from simulator.lab.laboratory import Lab
from simulator.lab.page.anatomy import anatomy
from simulator.lab.page.evaluating import Evaluator, Trial
from simulator.lab.page.faults import located
from simulator.lab.page.paced_engine import EngineThread, PacedEngine
from simulator.lab.page.pool import Case, Pool
from simulator.lab.page.rendering import FaultyDraftError, Rendered, render_draft
from simulator.lab.page.template_file import TemplateFile
from simulator.lab.variants import Variant

_MOST_ROWS = 100_000
"""Logged exposures from which users are chosen."""


@dataclass(frozen=True, eq=False)
class _Answers:
    """What the model makes of a draft, for each case.

    Attributes:
        probability: P(click), shape (n,); NaN where there is none.
        mass: Of the labels, shape (n,).
        failure: Why the agent would not decide, or "".
    """

    probability: FloatArray
    mass: FloatArray
    failure: Sequence[str]


class Workbench:
    """A template's file, an engine that stays up, and users to try drafts on.

    Threads may share it. It closes the lab's engine.

    Args:
        lab: Whose data, engine, settings and seed are used; nobody else asks its engine meanwhile.
        file: What is edited.
        users: How many are shown at first.
    """

    def __init__(self, lab: Lab, file: TemplateFile, *, users: int = 6) -> None:
        self.file = file
        self._lab = lab
        self._pool = Pool(lab.data, lab.rows("development", _MOST_ROWS))
        self._cases = self._pool.draw(users, lab.seed)
        shipped = lab.settings.examples == "shipped"
        self._examples = None if shipped else lab.variant().examples
        self._personas = lab.personas(lab.settings.personas)
        self._thread = EngineThread(lab.engine)
        self._engine = PacedEngine(self._thread)
        self.evaluator = Evaluator(lab)
        lab.engine = PacedEngine(self._thread, self.evaluator.told)
        self._incumbent = 0
        self._compared: tuple[object, _Answers | None] = (None, None)
        self._comparing = Lock()

    def close(self) -> None:
        """End what runs, and stop the engine."""
        self.evaluator.close()
        self._thread.close()

    def describe(self) -> dict[str, Any]:
        """What the page shows when it is opened."""
        lab = self._lab
        return {
            "file": self.describe_file(),
            "text": self.file.text,
            "data": lab.data.name,
            "engine": self._engine.name,
            "model": Path(str(self._engine.model)).name,
            "examples": lab.settings.examples,
            "seed": lab.seed,
            "cases": [self._described(case) for case in self._cases],
        }

    def describe_file(self) -> dict[str, Any]:
        """The file's name, and where it may go."""
        return {
            "place": self.file.place,
            "shipped": self.file.shipped,
            "folder": str(self.file.folder),
        }

    def draw(self, users: int, seed: int) -> list[dict[str, Any]]:
        """Other users."""
        return [self._described(case) for case in self._pool.draw(users, seed)]

    def user(self, user_id: str, item_id: str = "") -> dict[str, Any]:
        """One user by id, before a candidate by id or before one that was logged.

        Raises:
            UnknownNameError: If there is no such user.
            ConfigError: If it is a test user.
            DataError: If there is no such item.
        """
        case = self._pool.of_user(user_id, self._lab.seed)
        return self._described(self._pool.with_item(case, item_id) if item_id else case)

    def candidate(self, row: int, item: int, item_id: str) -> dict[str, Any]:
        """The user of a case before another candidate.

        Raises:
            DataError: If there is no such case or item.
        """
        return self._described(self._pool.with_item(self._pool.case(row, item), item_id))

    def find_items(self, words: str) -> list[dict[str, str]]:
        """Candidates by a part of their title."""
        catalogue = self._lab.data.catalogue
        return [
            {"id": str(catalogue.item_ids[row]), "title": catalogue.titles[row]}
            for row in self._pool.find_items(words)
        ]

    def preview(self, text: str, numbers: Sequence[tuple[int, int]], shown: int) -> dict[str, Any]:
        """What a draft says to the model, and what the model makes of it.

        Args:
            text: The whole file.
            numbers: (row, item) of each case.
            shown: Which case's prompt is shown in full.

        Raises:
            FaultyDraftError: If the draft is faulty.
            DataError: If there is no such case.
            EngineError: If the engine cannot answer.
        """
        cases = [self._pool.case(row, item) for row, item in numbers]
        rendered = self._render(text, cases)
        answers = self._ask(rendered, text)
        before = self._compare(text, cases, answers)
        template, prompt = rendered.template, rendered.prompts[min(shown, len(cases) - 1)]
        encoder = getattr(self._engine, "encoder", None)
        return {
            "name": template.name,
            "version": template.version,
            "labels": template.labels.pair,
            "window": template.history.window,
            "sha256": template.sha256,
            "cases": _rows(answers, before),
            "parts": [asdict(part) for part in anatomy(prompt, encoder)],
            "room": None if encoder is None else encoder.window - 1,
        }

    def save(self, text: str, name: str, *, overwrite: bool) -> dict[str, Any]:
        """Save the text; a question if that needs a word of the author's first.

        Raises:
            ConfigError: If the file may not be written.
        """
        question = self.file.save(text, name, overwrite=overwrite)
        return {"question": question, "file": self.describe_file()}

    def evaluate(self, text: str, exposures: int) -> None:
        """Begin to evaluate a draft against the incumbent.

        Raises:
            FaultyDraftError: If the draft is faulty.
            ConfigError: If an evaluation is under way.
        """
        if self.evaluator.running:
            raise ConfigError("An evaluation is under way; wait for it, or cancel it.")
        template = self._render(text, self._cases).template
        variant = self._variant(text)
        trial = Trial(
            number=len(self.evaluator.trials) + 1,
            text=text,
            name=template.name,
            version=template.version,
            sha256=template.sha256,
            exposures=exposures,
            against=self._incumbent,
        )
        self.evaluator.start(trial, variant, self._incumbent_beside(text))

    def evaluations(self) -> dict[str, Any]:
        """All trials of the sitting, and which is the incumbent."""
        return {
            "incumbent": self._incumbent,
            "trials": [asdict(trial) for trial in self.evaluator.trials],
        }

    def choose_incumbent(self, number: int) -> None:
        """Take differences to a trial's template from now on; 0 for the text that was opened.

        Raises:
            ConfigError: If there is no such trial.
        """
        if number > len(self.evaluator.trials):
            raise ConfigError(f"There is no evaluation {number} in this sitting.")
        self._incumbent = number

    def _incumbent_text(self) -> str:
        if not self._incumbent:
            return self.file.opened
        return self.evaluator.trials[self._incumbent - 1].text

    def _incumbent_beside(self, text: str) -> Variant | None:
        """What this text is held against; None if that is itself, or was opened with a fault."""
        base = self._incumbent_text()
        if base == text:
            return None
        try:
            self._render(base, self._cases)
        except FaultyDraftError:
            return None
        return self._variant(base)

    def _variant(self, text: str) -> Variant:
        file = self.file
        return self._lab.variant(Template.parse(text, file.path, place=file.place))

    def _render(self, text: str, cases: Sequence[Case]) -> Rendered:
        shown = self._pool.exposures(cases)
        return render_draft(text, self.file.place, shown, self._examples, self._personas)

    def _ask(self, rendered: Rendered, text: str) -> _Answers:
        try:
            answers = self._engine.label_probabilities(
                rendered.prompts, rendered.template.labels.pair
            )
        except LabelError as error:
            what = f"field 'labels': {error}"
            raise FaultyDraftError(located(what, self.file.place, text)) from error
        minimum = self._lab.settings.minimum_mass
        low = ~(answers.mass >= minimum)
        failure = [
            str(why) or (f"label mass below {minimum:g}" if little else "")
            for why, little in zip(answers.failure, low, strict=True)
        ]
        return _Answers(answers.probabilities[:, 0], answers.mass, failure)

    def _compare(self, text: str, cases: Sequence[Case], answers: _Answers) -> _Answers | None:
        """The incumbent's answers for the same cases, asked once; None where it has none."""
        base = self._incumbent_text()
        if base == text:
            return answers
        key = (base, tuple(cases))
        with self._comparing:
            if self._compared[0] != key:
                try:
                    found = self._ask(self._render(base, cases), base)
                except FaultyDraftError:
                    found = None
                self._compared = (key, found)
            return self._compared[1]

    def _described(self, case: Case) -> dict[str, Any]:
        catalogue = self._lab.data.catalogue
        return {
            "row": case.row,
            "item": case.item,
            "user": self._pool.user_id(case),
            "item_id": str(catalogue.item_ids[case.item]),
            "title": catalogue.titles[case.item],
            "history": int(self._pool.exposures([case]).history.lengths[0]),
            "clicked": self._pool.logged(case),
        }


def _rows(answers: _Answers, before: _Answers | None) -> list[dict[str, Any]]:
    was = np.full(len(answers.mass), np.nan) if before is None else before.probability
    return [
        {
            "probability": _number(probability),
            "mass": _number(mass),
            "failure": failure,
            "incumbent": _number(old),
            "delta": _number(probability - old),
        }
        for probability, mass, failure, old in zip(
            answers.probability, answers.mass, answers.failure, was, strict=True
        )
    ]


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else float(value)
