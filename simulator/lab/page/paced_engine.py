"""One engine, asked by one thread, in turns: an evaluation does not keep a preview waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from simulator.engines.loading import RunningEngine
from simulator.interfaces import LabelProbabilities, Prompt

_TURN = 0.5
"""Seconds, about, for which somebody else waits for a turn."""
_FIRST, _LEAST = 64, 8
"""Prompts in a turn: engines like large batches, and slow models make even small ones long."""


class EngineThread:
    """The thread that asks an engine; what it is given it does one after the other.

    Engines are used by one thread all their life, since their arithmetic keeps threads of its own
    for each thread that it meets.

    Args:
        engine: Closed with this.
    """

    def __init__(self, engine: RunningEngine) -> None:
        self.engine = engine
        self._thread = ThreadPoolExecutor(1, "engine")

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        """The engine's answers, once it is these prompts' turn."""
        return self._thread.submit(self.engine.label_probabilities, prompts, labels).result()

    def generate(self, prompts: Sequence[Prompt], max_tokens: int) -> list[str]:
        """The engine's texts, once it is these prompts' turn."""
        return self._thread.submit(self.engine.generate, prompts, max_tokens=max_tokens).result()

    def close(self) -> None:
        """Drop what waits, and close the engine."""
        self._thread.shutdown(cancel_futures=True)
        self.engine.close()


class PacedEngine:
    """Asks in portions, so that others have their turn in between.

    Args:
        thread: Who asks; it outlives this engine.
        told: Told the number of prompts after each portion; what it raises ends the call.
    """

    def __init__(
        self, thread: EngineThread, told: Callable[[int], None] = lambda prompts: None
    ) -> None:
        engine = thread.engine
        self.name, self.model, self.why = engine.name, engine.model, engine.why
        self._thread = thread
        self._told = told
        self._size = _FIRST

    def __getattr__(self, name: str) -> Any:
        """Its revision, settings, encoder, ...: all else that the engine has."""
        return getattr(self._thread.engine, name)

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        """The engine's own answers."""
        parts = [
            self._thread.label_probabilities(portion, labels) for portion in self._portions(prompts)
        ]
        return LabelProbabilities.joined(parts)

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int) -> list[str]:
        """The engine's own texts."""
        return [
            text
            for portion in self._portions(prompts)
            for text in self._thread.generate(portion, max_tokens)
        ]

    def usage(self) -> Mapping[str, float]:
        """The engine's counters."""
        return self._thread.engine.usage()

    def close(self) -> None:
        """Nothing: the thread stays."""

    def _portions(self, prompts: Sequence[Prompt]) -> Iterator[Sequence[Prompt]]:
        """The prompts, turn by turn; one empty turn where there are none.

        Each call begins small again: what the decision cache answered fast tells nothing of the
        model.
        """
        size = min(self._size, _FIRST)
        start = 0
        while start < max(len(prompts), 1):
            portion = prompts[start : start + size]
            began = time.monotonic()
            yield portion
            slow = time.monotonic() - began > _TURN
            size = max(size // 2, _LEAST) if slow else size * 2
            start += max(len(portion), 1)
            self._told(len(portion))
        self._size = size
