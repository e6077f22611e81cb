"""Where requests hand in their questions and get their answers, or hear why not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from simulator.clicks import AgentClicks
from simulator.domain import Clicks
from simulator.interfaces import LabelProbabilities, usage_of
from simulator.service.engine_thread import EngineThread
from simulator.service.faults import ServiceFault
from simulator.service.limits import USUAL, Limits
from simulator.service.meters import Meters
from simulator.service.waiting import Question, WaitingRoom, closing_fault

_CALLER_GONE = 499
"""The status, nginx's own, under which a request is counted whose caller has gone."""


class Desk:
    """An agent, the thread that asks it, and the queue before it.

    As a context manager it answers while it is open, and at its end finishes every accepted
    question. The agent stays open; whoever opened it closes it.

    Args:
        agent: The click agent.
        limits: What is taken at most.

    Attributes:
        accepted: Questions that were let in.
        answered: Those of them that the engine answered, or failed at.
        closing: Whether new requests are sent away because the service is about to end.
    """

    def __init__(self, agent: AgentClicks, limits: Limits = USUAL) -> None:
        self.agent = agent
        self.limits = limits
        self.accepted = 0
        self.answered = 0
        self.closing = False
        self._room = WaitingRoom(limits)
        self.meters = Meters(self._usage, lambda: self._room.rows)
        self._engine = EngineThread(agent, self._room, self.meters)

    def __enter__(self) -> Self:
        self._engine.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing = True
        self._engine.finish()

    @property
    def ready(self) -> bool:
        """Whether new requests are welcome."""
        return self._engine.well and not self.closing

    async def answer(
        self, question: Question, caller_gone: Callable[[], Awaitable[Any]]
    ) -> Clicks | LabelProbabilities:
        """The question's answer, as soon as the engine has it.

        Args:
            question: Is let in, or refused at once.
            caller_gone: Waits until nobody wants the answer any more.

        Raises:
            ServiceFault: If there is no room, the wait is too long, or the caller has gone; rows
                that have not begun leave the queue then.
            EngineError: If the engine fails.
        """
        self._room.enter(question)
        self.accepted += 1
        answer = asyncio.wrap_future(question.answer)
        gone = asyncio.ensure_future(caller_gone())
        try:
            await asyncio.wait(
                {answer, gone},
                timeout=self.limits.seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not answer.done():
                raise self._give_up(question, gone.done())
            self.answered += 1
            return answer.result()
        except asyncio.CancelledError:
            # A second Ctrl-C: the server drops what is under way.
            raise closing_fault() from None
        finally:
            gone.cancel()
            answer.cancel()

    def _usage(self) -> Mapping[str, float]:
        return usage_of(self.agent.engine)

    def _give_up(self, question: Question, caller_has_gone: bool) -> ServiceFault:
        dropped = self._room.leave(question)
        if caller_has_gone:
            return ServiceFault(_CALLER_GONE, "CallerGone", "Nobody waits for this answer.")
        stage = "It had not begun and was dropped." if dropped else "It had begun."
        return ServiceFault(
            504,
            "Timeout",
            f"No answer within {self.limits.seconds:g} seconds. {stage} Send fewer exposures at a "
            "time or fewer requests at once, or start the service with a longer --timeout.",
        )
