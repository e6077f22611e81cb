"""Where a prompt is wrong: the segments, and the worst decisions with their exact prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evals.judging import judge_answers
from simulator.domain import BoolArray, FloatArray
from simulator.errors import ConfigError, UnknownNameError
from simulator.lab.evaluation import Evaluation
from simulator.lab.laboratory import Lab
from simulator.lab.tables import SEGMENT_MEASURES

_SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1, as in judging."""


@dataclass(frozen=True)
class WrongDecision:
    """One decision that went against the log.

    Attributes:
        user: The source's identifier.
        title: The item shown.
        clicked: What the user did.
        probability: P(click) that the agent gave.
        loss: Log-loss of the row, in nats.
        click_share: Probability of the click label among all tokens.
        skip_share: Of the skip label; the rest went to tokens that are neither.
        segments: The row's, by kind.
        prompt: Exactly what the model received, as text.
    """

    user: str
    title: str
    clicked: bool
    probability: float
    loss: float
    click_share: float
    skip_share: float
    segments: Mapping[str, str]
    prompt: str


def read_segment(text: str) -> tuple[str, str]:
    """A segment from "kind=segment", such as "category=Horror".

    Raises:
        ConfigError: If it is written otherwise.
    """
    kind, equals, segment = text.partition("=")
    if not equals or not kind:
        raise ConfigError(f"{text!r}: write a segment as KIND=SEGMENT, such as category=Horror.")
    return kind, segment


def worst_decisions(
    lab: Lab,
    evaluation: Evaluation,
    variant: str,
    *,
    n: int = 10,
    segment: tuple[str, str] | None = None,
) -> list[WrongDecision]:
    """The decisions of largest log-loss, worst first; the earlier row of equals first.

    Args:
        lab: That made the evaluation.
        evaluation: With the variant's answers.
        variant: Its name.
        n: How many at most.
        segment: Only of this kind and segment.

    Raises:
        UnknownNameError: If there is no such variant, kind or segment.
    """
    if variant not in evaluation.answers:
        raise UnknownNameError("variant", variant, evaluation.answers)
    loss = _losses(evaluation, variant)
    loss[~_within(evaluation, segment)] = np.nan
    order = np.argsort(-loss, kind="stable")[:n]  # NaN last
    rows = order[~np.isnan(loss[order])]
    shown = evaluation.log.shown.take(rows)
    prompts, shares = lab.label_shares(evaluation.variants[variant], shown)
    catalogue, segments = lab.data.catalogue, evaluation.log.segments
    return [
        WrongDecision(
            user=str(lab.data.user_ids[int(shown.user[k])]),
            title=catalogue.titles[int(shown.item[k])],
            clicked=bool(evaluation.log.clicked[row]),
            probability=float(evaluation.answers[variant].probability[row]),
            loss=float(loss[row]),
            click_share=float(shares[k, 0]),
            skip_share=float(shares[k, 1]),
            segments={kind: str(of[row]) for kind, of in segments.items() if of[row]},
            prompt=prompts[k],
        )
        for k, row in enumerate(rows.tolist())
    ]


def by_segment(evaluation: Evaluation, variant: str) -> pd.DataFrame:
    """How wrong a prompt is in each segment, the worst log-loss of each kind first.

    Returns:
        Columns kind, segment, those of `SEGMENT_MEASURES`, exposures, users, note; a segment too
        small to tell has a note and no log-loss.

    Raises:
        UnknownNameError: If there is no such variant.
    """
    if variant not in evaluation.answers:
        raise UnknownNameError("variant", variant, evaluation.answers)
    judged = judge_answers({variant: evaluation.answers[variant]}, evaluation.log)
    found = judged.segments
    keys = ["kind", "segment"]
    values = found.pivot(index=keys, columns="measure", values="value")
    counts = found.groupby(keys)[["exposures", "users"]].max()
    notes = found[found["measure"] == "log_loss"].set_index(keys)["note"]
    out = values[list(SEGMENT_MEASURES)].join(counts).join(notes).reset_index()
    return out.sort_values(["kind", "log_loss"], ascending=[True, False], kind="stable")


def _losses(evaluation: Evaluation, variant: str) -> FloatArray:
    """Log-loss of each row, NaN where undecided, shape (n,)."""
    answers = evaluation.answers[variant]
    p = np.clip(answers.probability.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    loss = -np.log(np.where(evaluation.log.clicked, p, 1 - p))
    return np.asarray(np.where(answers.undecided, np.nan, loss))


def _within(evaluation: Evaluation, segment: tuple[str, str] | None) -> BoolArray:
    """The rows of a segment, shape (n,)."""
    if segment is None:
        return np.ones(len(evaluation.log), dtype=bool)
    kind, name = segment
    segments = evaluation.log.segments
    if kind not in segments:
        raise UnknownNameError("kind of segment", kind, segments)
    rows: BoolArray = segments[kind] == name
    if not rows.any():
        raise UnknownNameError(f"{kind} segment", name, set(segments[kind]) - {""})
    return rows
