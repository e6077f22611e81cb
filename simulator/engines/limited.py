"""A limit on what a language model may spend: past it the run stops, and can go on later."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.engines.loading import RunningEngine
from simulator.errors import BudgetSpentError, ConfigError
from simulator.interfaces import LabelProbabilities, Prompt

_HOUR = 3600.0


@dataclass(frozen=True)
class Budget:
    """What one sitting may spend; the next one, started by the same command, has as much again.

    Attributes:
        tokens: Prompt tokens sent and tokens written; None for no limit. Answers that the decision
            cache knows cost nothing.
        hours: Wall time since the engine was started; None for no limit.
    """

    tokens: int | None = None
    hours: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("tokens", self.tokens), ("hours", self.hours)):
            if value is not None and not value > 0:
                raise ConfigError(f"max {name} = {value} must be above 0.")

    def spent(self, tokens: float, seconds: float) -> str:
        """What of it is spent, in words, or ""."""
        if self.tokens is not None and tokens >= self.tokens:
            return f"{tokens:,.0f} tokens are spent of {self.tokens:,}"
        if self.hours is not None and seconds >= self.hours * _HOUR:
            return f"{seconds / _HOUR:.2f} hours are over of {self.hours:g}"
        return ""


NO_LIMIT = Budget()


class LimitedEngine:
    """Passes every call on to an engine until the budget is spent.

    The budget is looked at before each call, so a call that has begun is finished: a click agent
    asks some thousand prompts at a time (`simulator.clicks.agent.ASKED_TOGETHER`), and by so much
    the budget may be passed.

    Args:
        engine: What does the work; closed with this one.
        budget: What it may spend from now on.
    """

    def __init__(self, engine: RunningEngine, budget: Budget) -> None:
        self.engine = engine
        self.budget = budget
        self.name, self.model, self.why = engine.name, engine.model, engine.why
        self._began = time.monotonic()
        self._tokens_before = tokens_of(engine.usage())

    def __getattr__(self, name: str) -> Any:
        """Its revision, settings, encoder, ...: all else that the engine has."""
        return getattr(self.engine, name)

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        """The engine's own answers.

        Raises:
            BudgetSpentError: If nothing is left.
        """
        self._check()
        return self.engine.label_probabilities(prompts, labels)

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int) -> list[str]:
        """The engine's own texts.

        Raises:
            BudgetSpentError: If nothing is left.
        """
        self._check()
        return self.engine.generate(prompts, max_tokens=max_tokens)

    def usage(self) -> Mapping[str, float]:
        """The engine's counters."""
        return self.engine.usage()

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def _check(self) -> None:
        tokens = tokens_of(self.engine.usage()) - self._tokens_before
        spent = self.budget.spent(tokens, time.monotonic() - self._began)
        if spent:
            raise BudgetSpentError(spent)


def tokens_of(usage: Mapping[str, float]) -> float:
    """Prompt tokens sent and tokens written, out of what an engine or a run has spent."""
    return usage.get("prompt_tokens", 0.0) + usage.get("generated_tokens", 0.0)
