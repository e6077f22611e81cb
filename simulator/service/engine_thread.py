"""The one thread that asks the engine: all that waits at once, again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import groupby
from typing import TypeVar

import numpy as np

from simulator.clicks import AgentClicks
from simulator.clicks.titles import shown_titles
from simulator.domain import Clicks
from simulator.errors import EngineError
from simulator.interfaces import LabelProbabilities
from simulator.service.meters import Meters
from simulator.service.waiting import Kind, Question, WaitingRoom

_REST = 10.0
"""Seconds that the service calls itself not ready after the engine failed."""

Answers = TypeVar("Answers", bound=Clicks | LabelProbabilities)


class EngineThread:
    """Answers questions in merged batches until the waiting room is closed and empty.

    A batch that fails because of the engine fails for all who are in it. Any other error may be
    one request's own, so each is then asked alone, and only the guilty one hears of it.

    Args:
        agent: What is asked; by this thread alone.
        room: Where questions wait.
        meters: Told of every batch.
    """

    def __init__(self, agent: AgentClicks, room: WaitingRoom, meters: Meters) -> None:
        self._agent = agent
        self._room = room
        self._meters = meters
        self._failed_at = -np.inf
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def finish(self) -> None:
        """Wait until every accepted question is answered; nobody gets in any more."""
        self._room.close()
        self._thread.join()

    @property
    def well(self) -> bool:
        """Whether it runs, and the engine has not failed in the last seconds."""
        return self._thread.is_alive() and time.monotonic() - self._failed_at > _REST

    def _run(self) -> None:
        while batch := self._room.next_batch():
            for kind, same in groupby(sorted(batch, key=_kind), key=_kind):
                self._answer(kind, list(same))

    def _answer(self, kind: Kind, questions: list[Question]) -> None:
        try:
            answers = self._ask(kind, questions)
        except EngineError as error:
            self._failed_at = time.monotonic()
            for question in questions:
                question.answer.set_exception(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller must hear of it
            if len(questions) == 1:
                questions[0].answer.set_exception(error)
                return
            for question in questions:
                self._answer(kind, [question])
        else:
            start = 0
            for question in questions:
                question.answer.set_result(_rows(answers, slice(start, start + len(question))))
                start += len(question)

    def _ask(self, kind: Kind, questions: Sequence[Question]) -> Clicks | LabelProbabilities:
        began = time.monotonic()
        shown = replace(
            shown_titles(
                [history for question in questions for history in question.histories],
                [title for question in questions for title in question.candidates],
            ),
            draw=np.concatenate([question.draw for question in questions]),
        )
        answers = (
            self._agent.decide(shown)
            if kind == "clicks"
            else self._agent.engine.label_probabilities(
                self._agent.prompts(shown), self._agent.template.labels.pair
            )
        )
        self._meters.batch(
            len(shown), [began - question.since for question in questions], answers.failure
        )
        return answers


def _kind(question: Question) -> Kind:
    return question.kind


def _rows(answers: Answers, rows: slice) -> Answers:
    """The given rows of all columns."""
    return replace(
        answers, **{column.name: getattr(answers, column.name)[rows] for column in fields(answers)}
    )
