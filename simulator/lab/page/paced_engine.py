"""One engine, asked by one thread, in turns: an evaluation does not keep a preview waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from simulator.engines.loading import RunningEngine
from simulator.interfaces import LabelProbabilities, Prompt

_PORTION = 64
"""Prompts that are asked before somebody else has a turn."""


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

    def __getattr__(self, name: str) -> Any:
        """Its revision, settings, encoder, ...: all else that the engine has."""
        return getattr(self._thread.engine, name)

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        """The engine's own answers."""
        parts = []
        for start in range(0, max(len(prompts), 1), _PORTION):
            portion = prompts[start : start + _PORTION]
            parts.append(self._thread.label_probabilities(portion, labels))
            self._told(len(portion))
        return LabelProbabilities.joined(parts)

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int) -> list[str]:
        """The engine's own texts."""
        texts: list[str] = []
        for start in range(0, len(prompts), _PORTION):
            portion = prompts[start : start + _PORTION]
            texts += self._thread.generate(portion, max_tokens)
            self._told(len(portion))
        return texts

    def usage(self) -> Mapping[str, float]:
        """The engine's counters."""
        return self._thread.engine.usage()

    def close(self) -> None:
        """Nothing: the thread stays."""
