"""The tables of a `Judgement`, made of the models' figures and their replicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from evals.bootstrap import Bootstrap, holm, t_test
from evals.model_figures import Ground, ModelFigures
from simulator.domain import FloatArray

MEASURES = (
    "auc",
    "user_auc",
    "pr_auc",
    "log_loss",
    "brier",
    "calibration_error",
    "click_rate_ratio",
    "kappa",
    "f1",
    "total_variation",
    "jensen_shannon",
    "possible_auc",
    "auc_reached",
    "truth_gap",
)
"""In the order of the tables; those after a colon, as in `total_variation:category`, by name."""

_OF_THE_LOG = "possible_auc"
"""A measure of the log rather than of a model: it has no differences."""

_LIFTED = ("calibration_error", "total_variation", "jensen_shannon")
"""Distances, which chance alone lifts above zero. Resampling adds chance to chance, so replicates
lie above the value; their intervals are moved down by the mean of that, to zero at most."""


def all_figures(
    models: Mapping[str, ModelFigures],
    levels: Sequence[FloatArray],
    replicates: Sequence[FloatArray],
    resampling: Bootstrap,
) -> pd.DataFrame:
    """Every figure of every model with its interval.

    Args:
        models: By name.
        levels: Each model's figures, shape (k,).
        replicates: And in all replicates, shape (k, replicates).
        resampling: How intervals are made.

    Returns:
        Columns model, table, measure, kind, part, value, low, high.
    """
    out = []
    for (name, model), level, draws in zip(models.items(), levels, replicates, strict=True):
        named = [figure.measure for figure in model.figures]
        low, high = _bounds(named, level, draws, resampling, len(model.own_auc))
        described = pd.DataFrame(
            [(f.table, f.measure, f.kind, f.part) for f in model.figures],
            columns=["table", "measure", "kind", "part"],
        )
        out.append(described.assign(model=name, value=level, low=low, high=high))
    return pd.concat(out, ignore_index=True)


def measures(
    found: pd.DataFrame, ground: Ground, models: Mapping[str, ModelFigures]
) -> pd.DataFrame:
    """`Judgement.measures`."""
    rows = found[found["table"] == "measures"]
    rows = rows.iloc[_in_order(rows["measure"])].sort_values(
        "model", kind="stable", key=lambda names: names.map(list(models).index)
    )
    ranked = {name: int(np.isfinite(model.own_auc).sum()) for name, model in models.items()}
    inside = {kind: segments.code >= 0 for kind, segments in ground.kinds.items()}
    exposures, users = [], []
    for name, measure, kind in rows[["model", "measure", "kind"]].itertuples(index=False):
        belong = inside.get(kind, np.ones(len(ground.user), dtype=bool))
        if measure == "user_auc":
            belong = np.isfinite(models[name].own_auc)[ground.user]
        exposures.append(int(belong.sum()))
        users.append(ranked[name] if measure == "user_auc" else _count(ground.user[belong]))
    columns = ["model", "measure", "value", "low", "high", "exposures", "users"]
    return rows.assign(exposures=exposures, users=users)[columns].reset_index(drop=True)


def differences(
    models: Mapping[str, ModelFigures],
    levels: Sequence[FloatArray],
    replicates: Sequence[FloatArray],
    bases: Sequence[str],
    resampling: Bootstrap,
) -> pd.DataFrame:
    """`Judgement.differences`: each model's measures less each base's, in the same replicates."""
    names = list(models)
    columns = ["model", "base", "measure", "difference", "low", "high", "p", "p_corrected"]
    out = []
    for at, base in enumerate(bases):
        for name in names:
            if name in bases[: at + 1]:  # itself, or a pair that is in the table already
                continue
            ours, theirs = (_measure_rows(models[who]) for who in (name, base))
            gap, draws = (
                found[names.index(name)][list(ours.values())]
                - found[names.index(base)][list(theirs.values())]
                for found in (levels, replicates)
            )
            n_users = len(models[name].own_auc)
            low, high = _bounds(list(ours), gap, draws, resampling, n_users)
            p = t_test(gap, _spread(draws), n_users)
            found = pd.DataFrame(
                {"measure": list(ours), "difference": gap, "low": low, "high": high}
            ).assign(model=name, base=base, p=p)
            out.append(found.iloc[_in_order(found["measure"])])
    if not out:
        return pd.DataFrame(columns=columns)
    table = pd.concat(out, ignore_index=True)
    return table.assign(p_corrected=holm(table["p"].to_numpy()))[columns]


def calibration(found: pd.DataFrame, models: Mapping[str, ModelFigures]) -> pd.DataFrame:
    """`Judgement.calibration`: by model, bins from the lowest probability up."""
    out = []
    for name, model in models.items():
        rows = found[(found["table"] == "calibration") & (found["model"] == name)]
        _, index = np.unique(model.rows.bin, return_inverse=True)
        exposures = np.bincount(index)
        mean = np.bincount(index, weights=model.rows.probability) / exposures
        out.append(rows.assign(probability=mean, exposures=exposures))
    table = pd.concat(out, ignore_index=True).rename(columns={"value": "clicked"})
    return table[["model", "probability", "clicked", "low", "high", "exposures"]]


def segments(found: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """`Judgement.segments`; what a segment is too small for is NaN, with a note."""
    rows = found[found["table"] == "segments"].reset_index(drop=True)
    extra: dict[str, list[object]] = {
        name: [] for name in ("segment", "exposures", "users", "clicks", "note")
    }
    for kind, part, measure in rows[["kind", "part", "measure"]].itertuples(index=False):
        of = ground.kinds[kind]
        extra["segment"].append(of.names[part])
        extra["exposures"].append(int(of.exposures[part]))
        extra["users"].append(int(of.users[part]))
        extra["clicks"].append(int(of.clicks[part]))
        extra["note"].append(of.note(part, measure))
    table = rows.assign(**{name: pd.Series(values) for name, values in extra.items()})
    table.loc[table["note"] != "", ["value", "low", "high"]] = np.nan
    counts, texts = ["exposures", "users", "clicks"], ["model", "kind", "segment", "measure"]
    return table[[*texts, "value", "low", "high", *counts, "note"]]


def alignment(found: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """`Judgement.alignment`; a ratio that no user has items for is NaN, with zero users."""
    rows = found[found["table"] == "alignment"].rename(columns={"part": "ratio"})
    exposures = {ratio: len(trial.row) for ratio, trial in ground.trials.items()}
    users = {ratio: int(trial.users.sum()) for ratio, trial in ground.trials.items()}
    rows = rows.assign(exposures=rows["ratio"].map(exposures), users=rows["ratio"].map(users))
    columns = ["model", "ratio", "measure", "value", "low", "high", "exposures", "users"]
    return rows[columns].reset_index(drop=True)


def _measure_rows(model: ModelFigures) -> dict[str, int]:
    """Where each measure is among the model's figures."""
    return {
        figure.measure: k
        for k, figure in enumerate(model.figures)
        if figure.table == "measures" and figure.measure != _OF_THE_LOG
    }


def _in_order(names: pd.Series[str]) -> list[int]:
    """Places of the measures in the order of `MEASURES`, those of segments by their kind."""
    keys = [
        (MEASURES.index(base), kind) for base, _, kind in (name.partition(":") for name in names)
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _bounds(
    measures: Sequence[str],
    level: FloatArray,
    draws: FloatArray,
    resampling: Bootstrap,
    n_users: int,
) -> tuple[FloatArray, FloatArray]:
    """Intervals of figures with replicates of shape (k, replicates); none for one user alone."""
    if n_users < 2:
        nothing = np.full(len(draws), np.nan)
        return nothing, nothing
    low, high = resampling.bounds(draws.T)
    lifted = np.isin([name.partition(":")[0] for name in measures], _LIFTED)
    down = np.where(lifted, _mean(draws) - level, 0.0)
    return np.where(lifted, np.maximum(low - down, 0.0), low), high - down


def _mean(draws: FloatArray) -> FloatArray:
    """Mean over the replicates that have a value; NaN where none has."""
    known = ~np.isnan(draws)
    count = known.sum(axis=1)
    sums = np.where(known, draws, 0.0).sum(axis=1)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def _spread(draws: FloatArray) -> FloatArray:
    """Standard deviation over the replicates that have a value."""
    known = ~np.isnan(draws)
    count = np.maximum(known.sum(axis=1), 2)
    squares = np.where(known, (draws - _mean(draws)[:, None]) ** 2, 0.0).sum(axis=1)
    return np.asarray(np.sqrt(squares / (count - 1)))


def _count(user: np.ndarray) -> int:
    return len(np.unique(user))
