"""What an engine has spent since its making."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass


@dataclass
class Usage:
    """Running totals.

    Attributes:
        calls: Calls of `label_probabilities` and `generate`.
        requests: Prompts handed to the model; retries are not counted again.
        decisions: Rows of `label_probabilities` that got an answer.
        prompt_tokens: Tokens of all prompts handed to the model.
        cached_tokens: Those of them that a prefix cache spared.
        generated_tokens: Tokens written by `generate`.
        failures: Rows without an answer.
        retries: HTTP attempts after the first; zero for local engines.
        seconds: Wall time inside the engine.
        model_seconds: That of it spent in the model itself, where it runs in this process.
    """

    calls: int = 0
    requests: int = 0
    decisions: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    failures: int = 0
    retries: int = 0
    seconds: float = 0.0
    model_seconds: float = 0.0

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count and time one call of the engine."""
        self.calls += 1
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start

    @contextmanager
    def model(self) -> Iterator[None]:
        """Time what the model itself does."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.model_seconds += time.perf_counter() - start

    def as_mapping(self) -> Mapping[str, float]:
        """The totals as plain numbers, for `Metered.usage`."""
        return {name: float(value) for name, value in asdict(self).items()}
