"""What a run did to its users: hit rate, increase of interest, increase of rank, failures.

Every metric has one value a user, so that intervals can resample users (a user's episodes hang
together) and two runs can be paired user by user. A run's figure is the mean over users, which
equals the published definitions (ITMPRec, Lian et al., WWW 2025, Section 5.1.3) averaged over
targets, since every user meets the same targets.

A metric of your own is a function of the run: `def repeat_clicks(run: Run) -> pd.Series`, indexed
by user; pass it to `compare(runs, metrics=[repeat_clicks])` or `summarise(run, [repeat_clicks])`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from simulator.clicks.examination import EXAMINATION
from simulator.domain import BoolArray, FloatArray
from simulator.errors import ConfigError
from simulator.protocol import Measurement
from simulator.runlog import Run

Metric: TypeAlias = "Callable[[Run], pd.Series[float]]"
"""A value a user; NaN where it is not defined for a user."""

_WHOLE_NUMBER = re.compile(r"(?<![\d.])\d+(?!\.?\d)")

CUTOFFS = (5, 10, 15, 20)
"""The P of HR@P, IoI@P and IoR@P."""


def measurement_of(run: Run) -> Measurement:
    """How the run's own protocol reads its figures; as `fair` where it has none."""
    protocol = run.manifest.get("config", {}).get("protocol", {})
    return Measurement(**{name: protocol[name] for name in Measurement.model_fields if protocol})


def hit_rate(run: Run, measurement: Measurement | None = None) -> pd.DataFrame:
    """HR@P = clicks / (P |U|): each user's clicks an exposure over the first P rounds.

    With `measurement.hit_rate` "targets": over all rounds of the first P targets instead.

    Args:
        run: At least one round.
        measurement: See `Measurement`; the run's own by default.

    Returns:
        Values in [0, 1], one row a user, one column a P = 1 .. rounds. With slates of k items the
        denominator is the exposures, P k |U|.
    """
    every = np.ones(len(run.exposures), dtype=bool)
    clicked = run.exposures["clicked"].to_numpy(dtype=np.float64)
    steps = "round"
    if (measurement or measurement_of(run)).hit_rate == "targets":
        steps = "target"
    clicks, exposures = _sums(run, clicked, every, by=steps)
    with np.errstate(invalid="ignore"):
        rate = (clicks.cumsum(axis=1) / exposures.cumsum(axis=1)).astype(np.float64)
    if steps == "target":
        # Beyond the last target there is nothing more to average over.
        rate.columns = pd.RangeIndex(1, rate.shape[1] + 1)
        rate = rate.reindex(columns=range(1, run.rounds + 1)).ffill(axis=1)
    return rate


def increase_of_interest(run: Run, measurement: Measurement | None = None) -> pd.DataFrame:
    """IoI@P = mean_u(e_j . e_u^P - e_j . e_u^0), similarity after round P less that before round 1.

    Args:
        run: At least one round.
        measurement: See `Measurement`; the run's own by default.

    Returns:
        One row a user (the mean over the user's targets), one column a P = 1 .. rounds; NaN for
        users without vectors or target.
    """
    before = _at_start(run, "similarity")
    after = run.exposures["similarity"].to_numpy(dtype=np.float64)
    return _as_measured(_episode_mean(run, after - before), measurement or measurement_of(run))


def increase_of_rank(run: Run, measurement: Measurement | None = None) -> pd.DataFrame:
    """IoR@P = mean_u(rank_u^0(j) - rank_u^P(j)), places the target climbed; above 0 is better.

    Args:
        run: At least one round.
        measurement: See `Measurement`; the run's own by default.

    Returns:
        As `increase_of_interest`; a rank of -1 is no rank.
    """
    rule = measurement or measurement_of(run)
    before = _at_start(run, "rank")
    after = run.exposures["rank"].to_numpy(dtype=np.float64)
    ranked = (before >= 0) & (after >= 0)
    if rule.rank_cap is not None:
        before, after = (np.minimum(rank, rule.rank_cap - 1) for rank in (before, after))
    climbed = before - after
    if rule.rank_of_known == "zero":
        climbed = np.where(_at_start(run, "known") > 0, 0.0, climbed)
    return _as_measured(_episode_mean(run, np.where(ranked, climbed, np.nan)), rule)


def _as_measured(after: pd.DataFrame, rule: Measurement) -> pd.DataFrame:
    """Gains after each round, or those before it, where the first round has gained nothing yet."""
    if rule.measured == "after":
        return after
    before = after.shift(axis=1)
    before[1] = after[1] * 0  # NaN stays NaN
    return before


def click_rate(run: Run) -> pd.Series[float]:
    """Clicks an exposure over the whole run, in [0, 1]."""
    return _user_mean(run, run.exposures["clicked"].to_numpy(dtype=np.float64))


def click_rate_by_position(run: Run) -> pd.DataFrame:
    """Clicks an exposure in each place of the slate, over the whole run.

    Returns:
        Values in [0, 1], one row a user, one column a position from 0, the top.
    """
    every = np.ones(len(run.exposures), dtype=bool)
    clicked = run.exposures["clicked"].to_numpy(dtype=np.float64)
    clicks, exposures = _sums(run, clicked, every, by="position")
    return (clicks / exposures).astype(np.float64)


def slate_size(run: Run) -> int:
    """Items a slate; 1 where items are shown one at a time."""
    return int(run.exposures["position"].max()) + 1


def mean_probability(run: Run) -> pd.Series[float]:
    """Mean P(click) of the exposures that have one, in [0, 1]; NaN for users without any."""
    return _user_mean(run, run.exposures["probability"].to_numpy(dtype=np.float64))


def failure_rate(run: Run) -> pd.Series[float]:
    """Share of exposures that the first choice of click model failed to decide, in [0, 1]."""
    return _user_mean(run, failed(run).astype(np.float64))


def curves(run: Run, measurement: Measurement | None = None) -> dict[str, pd.DataFrame]:
    """HR, IoI and IoR over rounds, each user x P; one without any value is absent."""
    rule = measurement or measurement_of(run)
    frames = {
        "HR": hit_rate(run, rule),
        "IoI": increase_of_interest(run, rule),
        "IoR": increase_of_rank(run, rule),
    }
    return {name: frame for name, frame in frames.items() if frame.notna().to_numpy().any()}


def cutoffs(run: Run) -> tuple[int, ...]:
    """The P of `CUTOFFS` within the run; a shorter run is measured after its last round."""
    within = tuple(p for p in CUTOFFS if p <= run.rounds)
    return within or (run.rounds,)


def per_user(
    run: Run,
    metrics: Sequence[Metric] = (),
    *,
    over_rounds: dict[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """All metrics, one row a user, one column a metric: HR@5 .. IoR@20, click_rate, ...

    Args:
        run: At least one round.
        metrics: Further metrics, named by their functions.
        over_rounds: `curves(run)` where the caller has it already.

    Raises:
        ConfigError: If a further metric is not indexed by the run's users, or its name is taken.
    """
    frames = curves(run) if over_rounds is None else over_rounds
    columns = {f"{name}@{p}": frame[p] for name, frame in frames.items() for p in cutoffs(run)}
    for metric in (click_rate, mean_probability, failure_rate, *metrics):
        name = getattr(metric, "__name__", type(metric).__name__)
        if name in columns:
            raise ConfigError(f"Two metrics are called {name!r}; rename one of the functions.")
        columns[name] = _checked(run, name, metric(run))
    return pd.DataFrame(columns).dropna(axis="columns", how="all")


def failed(run: Run) -> BoolArray:
    """Exposures with a failure on record, shape (n_exposures,)."""
    return np.asarray(run.exposures["failure"].to_numpy(dtype=object) != "", dtype=bool)


def failures(run: Run) -> pd.Series[int]:
    """How many exposures failed for each reason, most frequent first.

    Reasons that differ in whole numbers only ("prompt of 2311 tokens ...") are one, with # for the
    numbers.
    """
    texts = run.exposures["failure"][failed(run)].astype(str)
    pattern = {text: _WHOLE_NUMBER.sub("#", text) for text in texts.unique()}
    variants = Counter(pattern.values())
    names = {t: masked if variants[masked] > 1 else t for t, masked in pattern.items()}
    return _counts(texts.map(names))


def sources(run: Run) -> pd.Series[int]:
    """How many exposures each click model decided, most frequent first.

    Those that were not examined come last: their no-clicks are the examination's, no model's.
    """
    counts = _counts(run.exposures["source"])
    unseen = counts.index == EXAMINATION
    return pd.concat([counts[~unseen], counts[unseen]])


def _counts(texts: pd.Series[str]) -> pd.Series[int]:
    """Occurrences of each text, most frequent first, ties by name."""
    counts = texts.astype(str).value_counts().sort_index()
    return counts.sort_values(ascending=False, kind="stable")


def _users(run: Run) -> pd.Index[int]:
    users: pd.Index[int] = pd.Index(np.unique(run.episodes["user"].to_numpy()), name="user")
    return users


def _sums(
    run: Run, values: FloatArray, rows: BoolArray, *, by: str = "round"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sum and number of `values` in `rows`, each user x round, position, or target as first met."""
    users = _users(run)
    if by == "round":
        names = pd.RangeIndex(1, run.rounds + 1, name="round")
    elif by == "position":
        names = pd.RangeIndex(slate_size(run), name="position")
    else:
        names = pd.Index(run.episodes["target"].unique(), name="target")
    shape = len(users), len(names)
    cell = users.get_indexer(pd.Index(run.exposures["user"].to_numpy())) * len(names)
    cell += names.get_indexer(pd.Index(run.exposures[by].to_numpy()))
    total = np.bincount(cell[rows], weights=values[rows], minlength=shape[0] * shape[1])
    count = np.bincount(cell[rows], minlength=shape[0] * shape[1])
    return (
        pd.DataFrame(total.reshape(shape), index=users, columns=names),
        pd.DataFrame(count.reshape(shape), index=users, columns=names),
    )


def _user_mean(run: Run, values: FloatArray) -> pd.Series[float]:
    """Each user's mean over the exposures with a value; NaN where there is none."""
    total, count = _sums(run, values, ~np.isnan(values))
    with np.errstate(invalid="ignore"):
        return (total.sum(axis=1) / count.sum(axis=1)).astype(np.float64)


def _episode_mean(run: Run, values: FloatArray) -> pd.DataFrame:
    """Mean over a user's episodes in each round, of one row a slate, since its rows repeat it."""
    first = run.exposures["position"].to_numpy() == 0
    total, count = _sums(run, values, first & ~np.isnan(values))
    with np.errstate(invalid="ignore"):
        return (total / count).astype(np.float64)


def _at_start(run: Run, column: str) -> FloatArray:
    """A column of the episodes for each exposure of the episode, shape (n_exposures,)."""
    keys = ["user", "target"]
    found = pd.MultiIndex.from_frame(run.episodes[keys]).get_indexer(
        pd.MultiIndex.from_frame(run.exposures[keys])
    )
    return np.asarray(run.episodes[column].to_numpy(dtype=np.float64)[found])


def _checked(run: Run, name: str, values: pd.Series[float]) -> pd.Series[float]:
    by_user = isinstance(values, pd.Series) and values.index.is_unique
    if not by_user or not values.index.isin(_users(run)).all():
        raise ConfigError(
            f"Metric {name!r} must return a pandas Series indexed by user, one value a user."
        )
    return values.reindex(_users(run))
