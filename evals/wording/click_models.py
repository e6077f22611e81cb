"""What a judgement found, in sentences: which click model wins on which measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from evals.judgement import Judgement
from evals.measures import LOWER_IS_BETTER
from evals.tables import interval, records
from evals.wording.listing import listed

_SAYINGS = {
    "auc": ("tells clicks from no-clicks best", "AUC"),
    "log_loss": ("has the probabilities nearest to what users did", "log-loss"),
    "calibration_error": ("is calibrated best", "calibration error"),
}


def headline(judgement: Judgement, baselines: Sequence[str]) -> str:
    """The one sentence to remember: which model orders clicks best, and whether that is shown."""
    best, *others = _ranked(judgement, "auc")
    if not others:
        return f"{best} tells clicks from no-clicks with an AUC of {_value(judgement, best, 'auc')}"
    rivals = [m for m in baselines if m in others and best not in baselines]
    own = [m for m in judgement.models if m not in baselines]
    if best in baselines and own:
        ahead = [m for m in own if _compared(judgement, "auc", best, m) > 0]
        if len(ahead) == len(own):
            return f"No click model beats {best}, a baseline, at telling clicks from no-clicks"
        return (
            f"No click model is shown to beat {best}, a baseline, at telling clicks from no-clicks"
        )
    if rivals and all(_compared(judgement, "auc", best, m) > 0 for m in rivals):
        return f"{best} tells clicks from no-clicks better than every baseline"
    if all(_compared(judgement, "auc", best, m) > 0 for m in others):
        return f"{best} tells clicks from no-clicks better than every other model"
    if rivals:
        return f"{best} leads at telling clicks from no-clicks, but not beyond every baseline"
    return f"{best} leads at telling clicks from no-clicks, but not beyond doubt"


def lead(judgement: Judgement) -> str:
    """The headline's figures with their intervals, and how many clicks the best model expects."""
    best, *others = _ranked(judgement, "auc")
    text = f"Its AUC is {_value(judgement, best, 'auc')}"
    if others:
        text = f"The AUC is {_value(judgement, best, 'auc')} for {best} and "
        text += f"{_value(judgement, others[0], 'auc')} for {others[0]}, the next"
    log = judgement.log
    text += f", over {log.n_users:,} users and {len(log):,} logged exposures."
    row = _row(judgement, best, "click_rate_ratio")
    if row is not None:
        text += f" {best} expects {interval(row, 'value', 2)} clicks for each one logged."
    return text


def findings(judgement: Judgement, baselines: Sequence[str]) -> list[str]:
    """A sentence each: who leads on which measure, and what each model beats."""
    out = []
    for measure in _SAYINGS:
        order = _ranked(judgement, measure)
        if len(order) > 1:
            out.append(_leader(judgement, measure, order))
    rows = [
        (m, row)
        for m in judgement.models
        if (row := _row(judgement, m, "click_rate_ratio")) is not None
    ]
    off = [
        f"{m} {interval(row, 'value', 2)}" for m, row in rows if row["low"] > 1 or row["high"] < 1
    ]
    if off:
        out.append(f"For each logged click they expect too many or too few: {', '.join(off)}.")
    rivals = [b for b in baselines if b in judgement.models]
    own = [model for model in judgement.models if model not in rivals]
    return [*out, *(_against(judgement, model, rivals) for model in own if rivals)]


def _leader(judgement: Judgement, measure: str, order: list[str]) -> str:
    best, *others = order
    words, name = _SAYINGS[measure]
    equal = [m for m in others if _compared(judgement, measure, best, m) <= 0]
    text = f"{best} {words} ({name} {_value(judgement, best, measure)})"
    if equal:
        return f"{text}; {listed(equal)} may be as good."
    return f"{text}; next is {others[0]} ({_value(judgement, others[0], measure)})."


def _against(judgement: Judgement, model: str, rivals: list[str]) -> str:
    """How a model stands to the baselines in AUC."""
    signs = {b: _compared(judgement, "auc", model, b) for b in rivals}
    beats = [b for b in rivals if signs[b] > 0]
    level = [b for b in rivals if signs[b] == 0]
    loses = [b for b in rivals if signs[b] < 0]
    clauses = [
        f"{verb} {listed(names)}"
        for verb, names in (
            ("beats", beats),
            ("cannot be told from", level),
            ("is beaten by", loses),
        )
        if names
    ]
    if not level and not loses:
        return f"{model} beats every baseline in AUC: {listed(beats)}."
    return f"In AUC {model} {', '.join(clauses)}."


def _compared(judgement: Judgement, measure: str, model: str, other: str) -> int:
    """1 where the model is shown to be better, -1 where worse, 0 where neither can be told.

    By the corrected p-value where the two were compared; else by their intervals lying apart,
    which asks for more.
    """
    sign = -1 if measure in LOWER_IS_BETTER else 1
    table = judgement.differences
    for one, two, turn in ((model, other, 1), (other, model, -1)):
        pair = (table["measure"] == measure) & (table["model"] == one) & (table["base"] == two)
        for row in records(table[pair]):
            told = row["p_corrected"] < 0.05
            return int(np.sign(row["difference"])) * turn * sign if told else 0
    ours, theirs = _row(judgement, model, measure), _row(judgement, other, measure)
    if ours is None or theirs is None:
        return 0
    if ours["low"] > theirs["high"]:
        return sign
    return -sign if ours["high"] < theirs["low"] else 0


def _ranked(judgement: Judgement, measure: str) -> list[str]:
    """The models that have the measure, best first."""
    table = judgement.measures
    known = table[(table["measure"] == measure) & table["value"].notna()]
    best_first = known.sort_values("value", ascending=measure in LOWER_IS_BETTER, kind="stable")
    return [str(m) for m in best_first["model"]] or list(judgement.models[:1])


def _row(judgement: Judgement, model: str, measure: str) -> dict[str, Any] | None:
    table = judgement.measures
    rows = records(table[(table["model"] == model) & (table["measure"] == measure)])
    return rows[0] if rows and math.isfinite(rows[0]["value"]) else None


def _value(judgement: Judgement, model: str, measure: str) -> str:
    row = _row(judgement, model, measure)
    if row is None:
        return "unknown"
    return interval(row, "value", 3)
