"""Axis two: do the conclusions about nudging methods survive another click model?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evals.bootstrap import Bootstrap, holm
from evals.conclusions_outcomes import Outcomes
from evals.kendall import kendall_tau
from evals.metrics import failed
from evals.pairing import cautions, check_paired
from simulator.errors import ConfigError, UnknownNameError
from simulator.runlog import Run

FEW_USERS = 20
"""Below this, a reader is warned."""

_DECIDED = 0.05
"""A difference is decided where its corrected p-value is below this."""


@dataclass(frozen=True, eq=False)
class Conclusions:
    """The same nudging methods played before each click model, with the same draws.

    Attributes:
        methods: Names of the recommenders.
        models: Names of the click models, "agent", "distribution (w 5, b 0.2)", ...
        base: The click model whose conclusions the others' are held against.
        users: Users in each run.
        values: Columns model, method, metric ("HR@20", "IoI@20", "IoR@20"), value, low, high.
        winners: Columns model, metric, winner, runner_up, margin, low, high (of winner less
            runner-up), p_corrected (that the winner is not better than every other method: the
            largest of its p-values, an intersection-union test, Berger 1982; Holm over all rows),
            decided (whether that is below 0.05).
        agreement: Columns model, metric, tau (of the methods' ranking to the base model's), low,
            high.
        pairs: Columns metric, method, other, base_difference, holds, reversed, undecided (numbers
            of the other click models in which `method` less `other` keeps its sign, turns it, or
            cannot be told from zero); a row for each pair that the base model decides, `method`
            the better one there. Holm over all pairs, metrics and click models.
        cautions: What a reader must know, in sentences.
    """

    methods: tuple[str, ...]
    models: tuple[str, ...]
    base: str
    users: int
    values: pd.DataFrame
    winners: pd.DataFrame
    agreement: pd.DataFrame
    pairs: pd.DataFrame
    cautions: tuple[str, ...]


def conclude(
    runs: Mapping[tuple[str, str], Run], *, base: str, bootstrap: Bootstrap | None = None
) -> Conclusions:
    """Hold the conclusions under each click model against those under one of them.

    Every difference of two methods is paired by user, and so is every ranking with the base's: a
    resample of the users is the same for all.

    Args:
        runs: By (click model, method), every method before every click model; all of the same
            data, seed, users, targets and rounds.
        base: The click model to hold against.
        bootstrap: Resampling of users; 1000 replicates and 95% by default.

    Raises:
        ConfigError: If a run is missing, or the runs cannot be paired; names what differs.
        UnknownNameError: If no run is by `base`.
    """
    models = tuple(dict.fromkeys(model for model, _ in runs))
    methods = tuple(dict.fromkeys(method for _, method in runs))
    if base not in models:
        raise UnknownNameError("click model", base, models)
    if len(methods) < 2:
        raise ConfigError("A conclusion is about two methods or more; play another recommender.")
    keys = [(model, method) for model in models for method in methods]
    for model, method in keys:
        if (model, method) not in runs:
            raise ConfigError(
                f"{method} was not played before {model}; play every method before every click "
                "model."
            )
    check_paired(
        [runs[key] for key in keys], [f"{method} before {model}" for model, method in keys]
    )
    outcomes = Outcomes.of(
        [[runs[model, method] for method in methods] for model in models], bootstrap or Bootstrap()
    )
    place = models.index(base)
    return Conclusions(
        methods,
        models,
        base,
        users=len(outcomes.values),
        values=_values(outcomes, models, methods),
        winners=_winners(outcomes, models, methods),
        agreement=_agreement(outcomes, models, place),
        pairs=_pairs(outcomes, methods, place),
        cautions=tuple(_cautions(runs, models, methods, len(outcomes.values))),
    )


def _values(outcomes: Outcomes, models: tuple[str, ...], methods: tuple[str, ...]) -> pd.DataFrame:
    low, high = outcomes.bounds(outcomes.replicates)
    index = pd.MultiIndex.from_product(
        [models, methods, outcomes.metrics], names=["model", "method", "metric"]
    )
    columns = {"value": outcomes.level.ravel(), "low": low.ravel(), "high": high.ravel()}
    return pd.DataFrame(columns, index=index).reset_index()


def _winners(outcomes: Outcomes, models: tuple[str, ...], methods: tuple[str, ...]) -> pd.DataFrame:
    low, high = outcomes.difference_bounds
    order = np.argsort(-outcomes.level, axis=1, kind="stable")
    rows: list[dict[str, Any]] = []
    for m, model in enumerate(models):
        for q, metric in enumerate(outcomes.metrics):
            best, *others = order[m, :, q].tolist()
            pair, sign = outcomes.pair(best, others[0])
            ends = sorted((sign * low[m, pair, q], sign * high[m, pair, q]))
            rows.append(
                {
                    "model": model,
                    "metric": metric,
                    "winner": methods[best],
                    "runner_up": methods[others[0]],
                    "margin": sign * outcomes.differences[m, pair, q],
                    "low": ends[0],
                    "high": ends[1],
                    # Better than all others: the weakest of the claims decides.
                    "p": max(outcomes.p_values[m, outcomes.pair(best, k)[0], q] for k in others),
                }
            )
    table = pd.DataFrame(rows)
    table["p_corrected"] = holm(table.pop("p").to_numpy(dtype=np.float64))
    table["decided"] = table["p_corrected"] < _DECIDED
    return table


def _agreement(outcomes: Outcomes, models: tuple[str, ...], base: int) -> pd.DataFrame:
    """Tau of each other click model's ranking of the methods to the base's, a row a metric."""
    # Equal figures are ties, whatever their sums' last bits say.
    level, replicates = (
        np.moveaxis(np.round(x, 9), -2, -1) for x in (outcomes.level, outcomes.replicates)
    )
    tau = kendall_tau(level, level[base])
    low, high = outcomes.bounds(kendall_tau(replicates, replicates[:, base, None]))
    return pd.DataFrame(
        [
            {
                "model": model,
                "metric": metric,
                "tau": tau[m, q],
                "low": low[m, q],
                "high": high[m, q],
            }
            for m, model in enumerate(models)
            for q, metric in enumerate(outcomes.metrics)
            if m != base
        ],
        columns=["model", "metric", "tau", "low", "high"],
    )


def _pairs(outcomes: Outcomes, methods: tuple[str, ...], base: int) -> pd.DataFrame:
    corrected = holm(outcomes.p_values.ravel()).reshape(outcomes.p_values.shape)
    side = np.where(corrected < _DECIDED, np.sign(outcomes.differences), 0.0)
    others = np.delete(side, base, axis=0) * side[base]
    counts = {"holds": others > 0, "reversed": others < 0, "undecided": others == 0}
    first, second = outcomes.pairs
    rows = []
    for q, metric in enumerate(outcomes.metrics):
        for pair in np.flatnonzero(side[base, :, q]):
            names = methods[first[pair]], methods[second[pair]]
            better, other = names if side[base, pair, q] > 0 else names[::-1]
            rows.append(
                {
                    "metric": metric,
                    "method": better,
                    "other": other,
                    "base_difference": abs(outcomes.differences[base, pair, q]),
                    **{name: int(count[:, pair, q].sum()) for name, count in counts.items()},
                }
            )
    columns = ["metric", "method", "other", "base_difference", *counts]
    return pd.DataFrame(rows, columns=columns)


def _cautions(
    runs: Mapping[tuple[str, str], Run],
    models: tuple[str, ...],
    methods: tuple[str, ...],
    users: int,
) -> list[str]:
    out = []
    if users < FEW_USERS:
        out.append(f"Only {users} users are behind these conclusions; intervals say little.")
    # How users change may differ by method, never by click model.
    first = [runs[models[0], method] for method in methods]
    out += cautions(first, list(methods))
    for model in models:
        played = [runs[model, method] for method in methods]
        share = np.mean(np.concatenate([failed(run) for run in played]))
        if share:
            out.append(f"{share:.1%} of the decisions of {model} failed; a fallback decided them.")
    return out
