"""A log with a known law, and agents with one planted bias each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evals.labelled import LabelledExposures
from prompts import Example, ShownItem, load_template
from simulator.clicks import AgentClicks
from simulator.domain import Catalogue, Exposures, Ragged
from simulator.engines.scripted import ScriptedEngine

N_USERS, N_SLATES, SLATE, N_ITEMS = 40, 3, 4, 240

_LABELS = re.compile(r"word, (\S+) to click or")
_ANSWERS = re.compile(r"^(?:Answer|Reply): (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Asked:
    """A prompt, taken apart as a reader would."""

    text: str

    @cached_property
    def click(self) -> str:
        """The word for a click."""
        found = _LABELS.search(self.text)
        assert found is not None
        return found.group(1)

    @cached_property
    def answers(self) -> list[bool]:
        """Whether each example is a click."""
        return [word == self.click for word in _ANSWERS.findall(self.text)]

    @cached_property
    def item(self) -> str:
        """The candidate's line."""
        return self.text.splitlines()[-2]

    @cached_property
    def number(self) -> int:
        """The number in the candidate's title; -1 without one."""
        found = re.search(r"(?:Film|Zoo) (\d+)", self.item)
        return int(found.group(1)) if found else -1


def lawful(asked: Asked) -> float:
    """The users' own law, which knows nothing but the category."""
    return 0.65 if "(Bright)" in asked.item else 0.35


def agent(bias: Callable[[Asked], float] = lambda _: 0.0, **settings: object) -> AgentClicks:
    """An agent who answers by the law, plus a bias that is nothing on average as it is."""
    template = load_template("movies/click-en")

    def answer(text: str) -> float:
        asked = Asked(text)
        return lawful(asked) + bias(asked)

    def example(number: int, clicked: bool) -> Example:
        bright = ShownItem(f"Film {number}", ("Bright",))
        return Example((bright,), ShownItem(f"Film {number + 1}", ("Dark",)), clicked)

    examples = [example(0, True), example(2, True), example(4, False), example(6, False)]
    return AgentClicks(ScriptedEngine(answer), template, examples=examples, **settings)


def log(
    clicks: Callable[[Exposures, np.ndarray], np.ndarray] = lambda _, p: p,
) -> LabelledExposures:
    """Slates of items that are bright or dark, even in everything else; clicked by the law.

    Args:
        clicks: From the exposures and the lawful P(click), the true one.
    """
    draws = np.random.default_rng(3)
    n = N_USERS * N_SLATES * SLATE
    item = draws.integers(0, N_ITEMS, n).astype(np.int32)
    catalogue = Catalogue(
        item_ids=[f"i{k}" for k in range(N_ITEMS)],
        titles=[f"{'Zoo' if k % 8 in (0, 3, 5, 6) else 'Film'} {k}" for k in range(N_ITEMS)],
        categories=[("Bright",) if k % 2 else ("Dark",) for k in range(N_ITEMS)],
        domain="movies",
        attributes={"year": [1980 + k // 2 % 40 for k in range(N_ITEMS)]},
    )
    shown = Exposures(
        user=np.repeat(np.arange(N_USERS, dtype=np.int32), N_SLATES * SLATE),
        item=item,
        target=np.full(n, -1, dtype=np.int32),
        round=np.zeros(n, dtype=np.int32),
        position=np.tile(np.arange(SLATE, dtype=np.int32), N_USERS * N_SLATES),
        history=Ragged.from_rows([[k % N_ITEMS, (k + 1) % N_ITEMS] for k in range(n)]),
        draw=np.full(n, 0.5),
        catalogue=catalogue,
    )
    law = np.where(item % 2 == 1, 0.65, 0.35)
    return LabelledExposures(
        shown,
        clicked=draws.random(n) < clicks(shown, law),
        slate=np.repeat(np.arange(N_USERS * N_SLATES), SLATE),
        observed=True,
        rule="drawn",
        segments={
            "popularity": np.array([f"{k // 24 + 1} of 10" for k in item.tolist()], dtype=object),
            "position": np.array([str(k) for k in shown.position], dtype=object),
        },
    )
