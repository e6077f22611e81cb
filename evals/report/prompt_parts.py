"""Exact prompts in little room: an agent's static text once, every other line once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.report.decisions import Decisions
from simulator.domain import IntArray, Ragged


@dataclass(frozen=True, eq=False)
class PromptParts:
    """Prompts of some decisions, taken apart.

    Attributes:
        texts: "prompts", by agent: the model's place and its static texts; and "lines".
        columns: By agent a: `a{a}s`, `a{a}u`, `a{a}c` say for every decision which static text,
            user part and candidate part it has, from 1; 0 is no prompt. `a{a}ul` and `a{a}us` are
            the user parts' lines and where each part starts; `a{a}cl`, `a{a}cs` the candidates'.
    """

    texts: dict[str, Any]
    columns: dict[str, IntArray]


def prompt_parts(decisions: Decisions, rows: IntArray) -> PromptParts:
    """The prompts of the given rows, of every model that asks something."""
    lines: dict[str, int] = {}
    columns: dict[str, IntArray] = {}
    agents = []
    shown = decisions.shown.take(rows)
    for agent, (model, ask) in enumerate(decisions.prompts.items()):
        prompts = ask(shown)
        statics, static = _distinct(p.static for p in prompts)
        agents.append([decisions.models.index(model), statics])
        columns[f"a{agent}s"] = _spread(static, rows, len(decisions))
        for letter, texts in (
            ("u", (p.user for p in prompts)),
            ("c", (p.candidate for p in prompts)),
        ):
            parts, part = _distinct(texts)
            taken = Ragged.from_rows(
                [
                    [lines.setdefault(x, len(lines)) for x in p.splitlines(keepends=True)]
                    for p in parts
                ]
            )
            columns[f"a{agent}{letter}"] = _spread(part, rows, len(decisions))
            columns[f"a{agent}{letter}l"] = taken.values.astype(np.uint32)
            columns[f"a{agent}{letter}s"] = taken.offsets.astype(np.uint32)
    return PromptParts({"prompts": agents, "lines": list(lines)}, columns)


def _distinct(texts: Iterable[str]) -> tuple[list[str], IntArray]:
    index: dict[str, int] = {}
    code = np.array([index.setdefault(text, len(index)) for text in texts], dtype=np.int64)
    return list(index), code


def _spread(code: IntArray, rows: IntArray, n: int) -> IntArray:
    out = np.zeros(n, dtype=np.uint32)
    out[rows] = code + 1
    return out
