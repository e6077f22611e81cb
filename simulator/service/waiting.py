"""Questions that wait for the engine: first come, first served, in batches, and never too many."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from simulator.domain import Clicks, FloatArray
from simulator.interfaces import LabelProbabilities
from simulator.service.faults import LATER, SOON, ServiceFault
from simulator.service.limits import Limits

Kind = Literal["clicks", "probabilities"]


@dataclass(frozen=True, eq=False)
class Question:
    """One request's exposures, and the place where their answer will be.

    Attributes:
        kind: What is asked.
        histories: n rows of titles, oldest first.
        candidates: n titles.
        draw: float64 in [0, 1), shape (n,).
        answer: n rows, or the error that the request met.
        since: When it was asked, by the monotonic clock.
    """

    kind: Kind
    histories: Sequence[Sequence[str]]
    candidates: Sequence[str]
    draw: FloatArray
    answer: Future[Clicks | LabelProbabilities] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)

    def __len__(self) -> int:
        return len(self.candidates)


class WaitingRoom:
    """A queue with room for so many rows, between many requests and one engine.

    Args:
        limits: How many rows wait, and how many leave together.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._questions: deque[Question] = deque()
        self._rows = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._rows

    def enter(self, question: Question) -> None:
        """Accept a question; from now on it will be answered.

        Raises:
            ServiceFault: If there is no room, or the room is closed.
        """
        with self._changed:
            if self._closed:
                raise closing_fault()
            if self._rows + len(question) > self._limits.waiting_rows:
                raise ServiceFault(
                    503,
                    "Full",
                    f"{self._rows:,} exposures wait already, and {self._limits.waiting_rows:,} is "
                    "the most; come again after Retry-After seconds, or start more services.",
                    SOON,
                )
            self._questions.append(question)
            self._rows += len(question)
            self._changed.notify()

    def leave(self, question: Question) -> bool:
        """Give up a question; True if it had not begun, and its rows are free again."""
        with self._changed:
            if not question.answer.cancel() or question not in self._questions:
                return False
            self._questions.remove(question)
            self._rows -= len(question)
            return True

    def next_batch(self) -> list[Question]:
        """All that waits, as far as it fits into a batch; waits for a first one.

        Returns:
            Questions that have begun; none when the room is closed and empty.
        """
        with self._changed:
            batch: list[Question] = []
            rows = 0
            self._changed.wait_for(lambda: self._questions or self._closed)
            while self._questions and rows + len(self._questions[0]) <= self._limits.batch_rows:
                question = self._questions.popleft()
                self._rows -= len(question)
                if question.answer.set_running_or_notify_cancel():
                    rows += len(question)
                    batch.append(question)
            return batch

    def close(self) -> None:
        """Let nobody in any more; whoever is in will be answered."""
        with self._changed:
            self._closed = True
            self._changed.notify()


def closing_fault() -> ServiceFault:
    """What a request hears from a service that is about to end."""
    return ServiceFault(
        503,
        "ShuttingDown",
        "The service is shutting down and takes no new requests; ask another instance, or come "
        "again after Retry-After seconds.",
        LATER,
    )
