"""Runs side by side: the same users, targets and luck, so that differences are paired by user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evals import metrics as m
from evals.agreement import agreement, beside, on_shared_exposures
from evals.bootstrap import Bootstrap, holm
from evals.pairing import cautions, check_paired, distinct_names, shared_part
from simulator.runlog import Run

COST_FIELDS = (
    "decisions",
    "seconds",
    "decisions_per_second",
    "calls",
    "prompt_tokens",
    "cached_tokens",
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Everything that `compare` found, as tables.

    Attributes:
        names: The runs' names, distinct, in order; differences are to the first.
        runs: The runs, cut to what all of them have where that was asked for.
        rounds: How many rounds they have.
        bootstrap: How intervals were made.
        values: For each run its metrics a user (`evals.metrics.per_user`).
        levels: Columns run, metric, mean, low, high.
        differences: Columns run, metric, difference, low, high, p, p_corrected (Holm, over all
            rows): the run less the first run, paired by user.
        curves: Columns run, metric (HR, IoI, IoR), round, mean, low, high.
        agreement: A row a pair of models that answered the same exposures with the same draws
            (`evals.agreement.agreement`): columns run, model, other, kind ("beside": both asked
            in one run; "shared": exposures that two runs both made), share (of the run's
            exposures), and the measures.
        failures: Columns run, reason, count, share.
        sources: Columns run, source, decisions, share.
        cost: A row a run; columns `COST_FIELDS`, those that some run has.
        cautions: What a reader must know, in sentences.
    """

    names: tuple[str, ...]
    runs: tuple[Run, ...]
    rounds: int
    bootstrap: Bootstrap
    values: tuple[pd.DataFrame, ...]
    levels: pd.DataFrame
    differences: pd.DataFrame
    curves: pd.DataFrame
    agreement: pd.DataFrame
    failures: pd.DataFrame
    sources: pd.DataFrame
    cost: pd.DataFrame
    cautions: tuple[str, ...]

    @property
    def level(self) -> float:
        """Coverage of the intervals, such as 0.95."""
        return self.bootstrap.level


def compare(
    runs: Sequence[Run],
    metrics: Sequence[m.Metric] = (),
    *,
    shared: bool = False,
    bootstrap: Bootstrap | None = None,
) -> Comparison:
    """Compare runs with the first of them.

    Args:
        runs: At least one, of the same data, seed, users, targets and rounds.
        metrics: Further metrics of your own.
        shared: Compare the users, targets and rounds that all runs have, where they differ, and
            whatever their seeds; the cautions say what was left out.
        bootstrap: Resampling of users; 1000 replicates and 95% by default.

    Raises:
        ConfigError: If the runs cannot be paired; the message names the field that differs.
    """
    names, resampling = distinct_names(runs), bootstrap or Bootstrap()
    if shared:
        cut, warnings = shared_part(runs, names)
    else:
        check_paired(runs, names)
        cut, warnings = list(runs), []
    warnings += cautions(cut, names)
    over_rounds = [m.curves(run) for run in cut]
    values = [
        m.per_user(run, metrics, over_rounds=frames)
        for run, frames in zip(cut, over_rounds, strict=True)
    ]
    return Comparison(
        names=tuple(names),
        runs=tuple(cut),
        rounds=cut[0].rounds,
        bootstrap=resampling,
        values=tuple(values),
        levels=_stack(names, (resampling.intervals(table) for table in values), "metric"),
        differences=_differences(names, values, resampling),
        curves=_curves(names, over_rounds, resampling),
        agreement=_agreements(names, cut, resampling),
        failures=_counted(names, cut, "reason", "count", [m.failures(run) for run in cut]),
        sources=_counted(names, cut, "source", "decisions", [m.sources(run) for run in cut]),
        cost=_cost(names, runs),
        cautions=tuple(warnings),
    )


def _stack(names: Sequence[str], tables: Iterable[pd.DataFrame], index: str) -> pd.DataFrame:
    """One long table, with the run's name in front."""
    parts = [
        table.rename_axis(index).reset_index().assign(run=name)
        for name, table in zip(names, tables, strict=True)
    ]
    whole = pd.concat(parts, ignore_index=True)
    return whole[["run", *whole.columns.drop("run")]]


def _differences(
    names: Sequence[str], values: Sequence[pd.DataFrame], resampling: Bootstrap
) -> pd.DataFrame:
    if len(values) == 1:
        columns = ["run", "metric", "difference", "low", "high", "p", "p_corrected"]
        return pd.DataFrame(columns=columns)
    tables = (resampling.differences(table, values[0]) for table in values[1:])
    out = _stack(names[1:], tables, "metric")
    return out.assign(p_corrected=holm(out["p"].to_numpy()))


def _curves(
    names: Sequence[str], over_rounds: Sequence[dict[str, pd.DataFrame]], resampling: Bootstrap
) -> pd.DataFrame:
    parts = []
    for name, frames in zip(names, over_rounds, strict=True):
        wide = pd.concat(frames, axis=1, names=["metric", "round"])
        parts.append(resampling.intervals(wide).reset_index().assign(run=name))
    whole = pd.concat(parts, ignore_index=True)
    return whole[["run", "metric", "round", "mean", "low", "high"]]


def _agreements(names: Sequence[str], runs: Sequence[Run], resampling: Bootstrap) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []

    def add(kind: str, run: str, model: str, other: str, decisions: pd.DataFrame, of: int) -> None:
        if len(decisions):
            labels = {"kind": kind, "run": run, "model": model, "other": other}
            measures = agreement(decisions, resampling)
            rows.append({**labels, "share": len(decisions) / of, **measures})

    for name, run in zip(names, runs, strict=True):
        for other in run.beside:
            add("beside", name, _steering(run), other, beside(run, other), len(run.exposures))
    for name, run in zip(names[1:], runs[1:], strict=True):
        shared = on_shared_exposures(runs[0], run)
        add("shared", names[0], names[0], name, shared, len(runs[0].exposures))
    return pd.DataFrame(rows)


def _steering(run: Run) -> str:
    """The model that decided most of the run."""
    return str(m.sources(run).index[0])


def _counted(
    names: Sequence[str],
    runs: Sequence[Run],
    what: str,
    how_many: str,
    counts: Sequence[pd.Series[int]],
) -> pd.DataFrame:
    rows = [
        {"run": name, what: text, how_many: int(count), "share": count / len(run.exposures)}
        for name, run, series in zip(names, runs, counts, strict=True)
        for text, count in series.items()
    ]
    return pd.DataFrame(rows, columns=["run", what, how_many, "share"])


def _cost(names: Sequence[str], runs: Sequence[Run]) -> pd.DataFrame:
    """What the runs cost, whole; decisions a second from the other two where it is not given."""
    table = pd.DataFrame([dict(run.cost) for run in runs], index=pd.Index(names, name="run"))
    if {"decisions", "seconds"} <= set(table.columns):
        speed = table["decisions"] / table["seconds"].where(table["seconds"] > 0)
        given = table.get("decisions_per_second", speed)
        table["decisions_per_second"] = given.fillna(speed)
    return table[[field for field in COST_FIELDS if field in table.columns]]
