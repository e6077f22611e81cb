"""Asking about many exposures: in portions, so that progress can be told, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.clicks import AgentClicks
from simulator.domain import Clicks, Exposures
from simulator.errors import LabelError
from simulator.interfaces import usage_of
from simulator.lab.variants import Variant

Advance = Callable[[str, int, int], None]
"""Told the variant's name, the decisions so far and those to come in all."""

PORTION = 512
"""Rows between two words of progress: neighbours in the log, which share histories."""

_TOO_LONG = r"prompt of (\d+) tokens exceeds the window of (\d+)"
"""How engines say that a prompt does not fit."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Answers, and what the engine's counters say that they cost.

    Attributes:
        answers: Row for row.
        tokens: Mean tokens of a prompt as the model receives it; NaN where nobody can tell.
        spent: What the engine's counters grew by.
    """

    answers: Clicks
    tokens: float
    spent: Mapping[str, float]


def ask(
    agent: AgentClicks, shown: Exposures, advance: Callable[[int], None] = lambda rows: None
) -> Asked:
    """Answers to exposures.

    Args:
        agent: Who is asked; its engine stays open.
        shown: About what.
        advance: Told the number of rows answered.
    """
    before = usage_of(agent.engine)
    parts, tokens = [], []
    encoder = getattr(agent.engine, "encoder", None)
    for start in range(0, len(shown), PORTION):
        portion = shown.take(np.arange(start, min(start + PORTION, len(shown))))
        parts.append(agent.decide(portion))
        if encoder is not None:
            tokens.append(encoder.count_tokens(agent.prompts(portion)))
        advance(start + len(portion))
    after = usage_of(agent.engine)
    return Asked(
        answers=Clicks.joined(parts),
        tokens=float(np.concatenate(tokens).mean()) if tokens else float("nan"),
        spent={name: after[name] - before.get(name, 0.0) for name in after},
    )


def ask_all(
    variants: Mapping[str, Variant],
    shown: Exposures,
    ask_one: Callable[[Variant, Exposures, Callable[[int], None]], Asked],
    progress: Advance | None = None,
) -> tuple[dict[str, Asked], dict[str, str]]:
    """Ask variants in turn about the same exposures.

    Args:
        variants: By name.
        shown: About what.
        ask_one: Asks one of them, and tells the rows answered.
        progress: See `Advance`.

    Returns:
        Each variant's answers; and, by name, why a variant cannot be asked with its labels.
    """
    asked: dict[str, Asked] = {}
    refused: dict[str, str] = {}
    for number, (name, variant) in enumerate(variants.items()):

        def advance(rows: int, name: str = name, number: int = number) -> None:
            if progress is not None:
                progress(name, number * len(shown) + rows, len(variants) * len(shown))

        try:
            asked[name] = ask_one(variant, shown, advance)
        except LabelError as error:
            refused[name] = str(error)
            advance(len(shown))
    return asked, refused


def failure_reasons(answers: Clicks) -> list[str]:
    """Why decisions failed, the commonest first; prompts over the window are one reason."""
    given = pd.Series(answers.failure[answers.undecided], dtype=object)
    long = given.str.extract(_TOO_LONG).dropna().astype(int)
    reasons = given.drop(long.index).value_counts()
    out = {str(reason): int(count) for reason, count in reasons.items()}
    if len(long):
        out[
            f"{len(long):,} prompts exceed the model's window, which has room for "
            f"{long[1].iloc[0]:,} tokens; the longest has {long[0].max():,}. Show a shorter "
            "history (history: window) or fewer examples"
        ] = len(long)
    return sorted(out, key=lambda reason: -out[reason])


def costs_table(asked: Mapping[str, Asked]) -> pd.DataFrame:
    """The columns `costs` of an `Evaluation`."""
    return pd.DataFrame({name: _costs(one) for name, one in asked.items()}).T.infer_objects()


def _costs(one: Asked) -> dict[str, object]:
    spent = one.spent
    requests = spent.get("requests", spent.get("decisions", 0.0))
    prompt = spent.get("prompt_tokens", 0.0)
    computed = prompt - spent.get("cached_tokens", 0.0)
    each = requests or float("nan")
    return {
        "tokens": one.tokens,
        "new_tokens": computed / each,
        "seconds": spent.get("seconds", 0.0) / each,
        "asked": int(requests),
        "from_cache": int(spent.get("decisions_from_cache", 0.0)),
        "prompt_tokens": int(prompt),
        "computed_tokens": int(computed),
        "failures": int(one.answers.undecided.sum()),
        "failure": "; ".join(failure_reasons(one.answers)[:3]),
    }
