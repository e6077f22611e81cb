"""A log in which even-numbered films are liked, and an engine whose prompts half know it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from simulator.config import AgentConfig
from simulator.domain import Dataset
from simulator.engines import ScriptedEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.lab import Book, Lab

LIKED, DISLIKED = 0.8, 0.2


def liked(item: np.ndarray) -> np.ndarray:
    """Whether the world's users tend to click an item."""
    return item % 2 == 0


def world(data: Dataset) -> Dataset:
    """The small world of the tests, with clicks that follow `liked`."""
    assert data.log is not None
    luck = np.random.default_rng(5).random(len(data.log))
    probability = np.where(liked(data.log.item), LIKED, DISLIKED)
    return replace(data, log=replace(data.log, clicked=luck < probability))


def knowing(strengths: Mapping[str, float], otherwise: float = 0.5) -> Callable[[str], float]:
    """A rule for P(first label): the truth, drawn towards 0.5 as far as the prompt's words say.

    Args:
        strengths: By a phrase in the prompt how much of the truth comes through, in [0, 1].
        otherwise: Where no phrase occurs.
    """

    def answer(text: str) -> float:
        shown = int(re.findall(r"Film (\d+)", text)[-1])
        truth = LIKED if shown % 2 == 0 else DISLIKED
        strength = next((s for phrase, s in strengths.items() if phrase in text), otherwise)
        return 0.5 + strength * (truth - 0.5)

    return answer


def open_lab(
    data: Dataset,
    folder: Path,
    answer: Callable[[str], float] | float = 0.5,
    *,
    book: bool = True,
    seed: int = 0,
    **script: object,
) -> tuple[Lab, ScriptedEngine]:
    """A lab with a scripted engine behind a decision cache of its own."""
    scripted = ScriptedEngine(answer, **script)  # type: ignore[arg-type]  # fields of the engine
    engine = CachedEngine(scripted, DecisionCache(folder / "decisions.sqlite"))
    kept = Book(folder / "book.sqlite") if book else None
    settings = AgentConfig(template="movies/click-en")
    return Lab(world(data), settings, seed=seed, book=kept, engine=engine), scripted
