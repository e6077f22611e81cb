"""Decisions of the same exposures by several click models, for the report's table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import pandas as pd

from evals.agreement import EXPOSURE_KEY
from evals.compare import Comparison
from evals.judgement import Judgement
from simulator.domain import (
    BoolArray,
    Catalogue,
    Clicks,
    Exposures,
    FloatArray,
    IntArray,
    Ragged,
    TextArray,
)
from simulator.interfaces import Prompt
from simulator.runlog import Run

Prompts: TypeAlias = Callable[[Exposures], list[Prompt]]
"""What an agent asks of exposures, such as `AgentClicks.prompts`."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """n decisions, a row an exposure, a column a model.

    Attributes:
        shown: The exposures, each with its history.
        users: What each row's user is called, shape (n,).
        answers: By model its answers; an empty `source` without a `failure` is a row that the
            model was not asked about.
        titles: By catalogue row.
        categories: By catalogue row; empty where unknown.
        logged: What the user did, bool, shape (n,); None where nobody logged it.
        truth: The true P(click), shape (n,), where it is known.
        segments: By kind each row's segment, "" for none.
        prompts: By model what it asks.
        cautions: What a reader must know, in sentences.
    """

    shown: Exposures
    users: TextArray
    answers: Mapping[str, Clicks]
    titles: Sequence[str]
    categories: Sequence[tuple[str, ...]] = ()
    logged: BoolArray | None = None
    truth: FloatArray | None = None
    segments: Mapping[str, TextArray] = field(default_factory=dict)
    prompts: Mapping[str, Prompts] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def models(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(self.answers)

    def gap(self) -> FloatArray:
        """How far the models' probabilities lie apart, shape (n,); 0 with fewer than two."""
        table = np.stack([clicks.probability for clicks in self.answers.values()])
        known = ~np.isnan(table)
        highest = np.where(known, table, -np.inf).max(axis=0)
        lowest = np.where(known, table, np.inf).min(axis=0)
        return np.where(known.sum(axis=0) > 1, highest - lowest, 0.0)


def decisions_of(
    judgement: Judgement,
    catalogue: Catalogue,
    user_ids: Sequence[str],
    prompts: Mapping[str, Prompts] | None = None,
) -> Decisions:
    """Every model's answers to logged exposures.

    Args:
        judgement: Has the exposures and the answers.
        catalogue: The items' titles and categories.
        user_ids: By user row.
        prompts: By model what it asks; for models that ask nothing, leave it out.
    """
    log = judgement.log
    return Decisions(
        shown=replace(log.shown, catalogue=catalogue),
        users=np.array([str(u) for u in user_ids], dtype=object)[log.shown.user],
        answers=judgement.answers,
        titles=catalogue.titles,
        categories=catalogue.categories,
        logged=log.clicked,
        truth=log.truth,
        segments=log.segments,
        prompts=prompts or {},
    )


def decisions_of_runs(
    comparison: Comparison,
    catalogue: Catalogue | None = None,
    user_ids: Sequence[str] | None = None,
    histories: Ragged | None = None,
    prompts: Mapping[str, Prompts] | None = None,
) -> Decisions:
    """What each run's click model decided, and the models asked beside it.

    A run's own model goes by the run's name. Exposures that several runs made alike are one row.

    Args:
        comparison: The runs.
        catalogue: Titles and categories; the runs' own titles by default.
        user_ids: By user row; row numbers by default.
        histories: What users had accepted before round 1, by user row. Without it a history is
            what was clicked in the run, and `cautions` says so.
        prompts: By model what it asks; they need the whole histories and a catalogue.
    """
    parts = [
        _of_run(name, run) for name, run in zip(comparison.names, comparison.runs, strict=True)
    ]
    merged = _merged(parts)
    frame = merged.frame
    shown = Exposures(
        user=frame["user"].to_numpy(np.int32),
        item=frame["item"].to_numpy(np.int32),
        target=frame["target"].to_numpy(np.int32),
        round=frame["round"].to_numpy(np.int32),
        position=frame["position"].to_numpy(np.int32),
        history=merged.clicked_before,
        draw=frame["draw"].to_numpy(np.float64),
        catalogue=catalogue,
    )
    if histories is not None:
        shown = replace(shown, history=histories.take(shown.user).join(shown.history))
    rows = int(max(shown.item.max(initial=-1), shown.target.max(initial=-1))) + 1
    titles = comparison.runs[0].titles or [f"item {row}" for row in range(rows)]
    ids = [str(u) for u in user_ids or range(int(shown.user.max(initial=-1)) + 1)]
    whole = histories is not None and catalogue is not None
    return Decisions(
        shown=shown,
        users=np.array(ids, dtype=object)[shown.user],
        answers=merged.answers,
        titles=titles if catalogue is None else catalogue.titles,
        categories=() if catalogue is None else catalogue.categories,
        segments={"run": frame["run"].to_numpy(object)} if len(comparison.runs) > 1 else {},
        prompts=dict(prompts or {}) if whole else {},
        cautions=()
        if histories is not None
        else ("Histories are what users clicked in the run; what they knew before is not in it.",),
    )


@dataclass(frozen=True, eq=False)
class _Decided:
    """Exposures of runs (`EXPOSURE_KEY`, draw, run), what was clicked before, and the answers."""

    frame: pd.DataFrame
    clicked_before: Ragged
    answers: Mapping[str, Clicks]


def _of_run(name: str, run: Run) -> _Decided:
    frame = run.exposures.sort_values(["user", "target", "round", "position"], kind="stable")
    frame = frame.reset_index(drop=True)
    answers = {name: _clicks(frame, "", name)}
    answers |= {other: _clicks(frame, f"{other}:", other) for other in run.beside}
    return _Decided(frame.assign(run=name), _clicked_before(frame), answers)


def _clicks(frame: pd.DataFrame, prefix: str, source: str) -> Clicks:
    steering = prefix == ""
    asked = frame[f"{prefix}clicked"].notna().to_numpy()
    return Clicks.of(
        frame[f"{prefix}clicked"].eq(True).to_numpy(dtype=bool),
        probability=frame[f"{prefix}probability"].to_numpy(dtype=np.float32),
        source=np.where(asked, source, ""),
        failure=frame["failure"].astype(str).to_numpy(object) if steering else "",
        reason=frame["reason"].astype(str).to_numpy(object) if steering else "",
    )


def _clicked_before(frame: pd.DataFrame) -> Ragged:
    """What each row's user had clicked on the way to its target before its round."""
    clicked = frame["clicked"].to_numpy(dtype=bool)
    so_far = np.concatenate([[0], np.cumsum(clicked)])
    episode = frame[["user", "target"]].to_numpy()
    place = np.arange(len(frame))
    new = np.ones(len(frame), dtype=bool)
    new[1:] = (episode[1:] != episode[:-1]).any(axis=1)
    turn = new.copy()
    turn[1:] |= frame["round"].to_numpy()[1:] != frame["round"].to_numpy()[:-1]
    start = np.maximum.accumulate(np.where(new, place, 0))
    begin = np.maximum.accumulate(np.where(turn, place, 0))
    items = frame["item"].to_numpy(np.int32)[clicked]
    return Ragged(items, np.array([0, len(items)])).slices(so_far[start], so_far[begin])


def _merged(parts: Sequence[_Decided]) -> _Decided:
    """All parts in one, equal exposures after equal clicks in one row."""
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    values = np.concatenate([part.clicked_before.values for part in parts])
    lengths = np.concatenate([part.clicked_before.lengths for part in parts])
    history = Ragged(values, np.concatenate([[0], np.cumsum(lengths)]))
    key = frame[[*EXPOSURE_KEY, "draw"]].assign(before=_fingerprints(history))
    code = key.groupby(list(key.columns), sort=False, dropna=False).ngroup().to_numpy()
    first = np.unique(code, return_index=True)[1]
    runs = frame.groupby(code)["run"].agg(" and ".join)
    answers: dict[str, Clicks] = {}
    start = 0
    for part in parts:
        at = code[start : start + len(part.frame)]
        for name, clicks in part.answers.items():
            known = answers.get(name) or Clicks.of(np.zeros(len(first), dtype=bool), source="")
            rows = at[np.unique(at, return_index=True)[1]]
            answers[name] = known.replace(rows, clicks)
        start += len(part.frame)
    kept = frame.iloc[first].assign(run=runs.to_numpy())
    return _Decided(kept.reset_index(drop=True), history.take(first), answers)


def _fingerprints(rows: Ragged) -> IntArray:
    """A 64-bit number a row, equal for equal rows, shape (n,)."""
    place = np.arange(len(rows.values)) - np.repeat(rows.offsets[:-1], rows.lengths)
    mixed = pd.util.hash_array(rows.values.astype(np.int64) * 1_000_003 + place)
    total = np.concatenate([[np.uint64(0)], np.cumsum(mixed, dtype=np.uint64)])
    return np.asarray(total[rows.offsets[1:]] - total[rows.offsets[:-1]])
