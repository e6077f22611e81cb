"""Axis two: does a click model rank recommenders as the log does?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evals.bootstrap import Bootstrap
from evals.kendall import kendall_tau
from evals.labelled import LabelledExposures
from evals.slates import picks, slates_of, tie_order
from simulator.domain import BoolArray, FloatArray, IntArray
from simulator.errors import ConfigError, DataError

LOG = "log"
"""The name of the log among those who value recommenders."""

_DIGITS = 12
"""Decimals of a value: equal picks are ties, whatever the last bits of their sums."""

FEW_USERS = 30
"""Below this number of users the report says that there are few."""


@dataclass(frozen=True, eq=False)
class RecommenderRanking:
    """Recommenders ranked by the log, and by each click model in its place.

    A recommender picks its best `k` of every logged slate; its value is the click rate of what it
    picked: by the log's own answers, or by a click model's probabilities.

    Attributes:
        recommenders: Names.
        models: Names of the click models; "log" is not among them.
        k: Items picked a slate.
        slates: Slates with something to choose (more than k rows).
        users: Users behind them.
        values: Columns model ("log" for the log itself), recommender, value, low, high.
        agreement: Columns model, tau (Kendall's tau-b to the log's ranking), low, high,
            same_best (share of the bootstrap resamples in which the model's best is the log's;
            where several are a model's best, which of these are).
        cautions: What a reader must know, in sentences.
    """

    recommenders: tuple[str, ...]
    models: tuple[str, ...]
    k: int
    slates: int
    users: int
    values: pd.DataFrame
    agreement: pd.DataFrame
    cautions: tuple[str, ...]


def rank_recommenders(
    scores: Mapping[str, FloatArray],
    log: LabelledExposures,
    probabilities: Mapping[str, FloatArray],
    *,
    k: int = 1,
    bootstrap: Bootstrap | None = None,
) -> RecommenderRanking:
    """Rank recommenders by the log and by click models, on the same picks.

    Of each slate with more than `k` rows a recommender picks the `k` that it scores best; equal
    scores are told by a seeded order that is the same for all. Its value is the mean over users of
    the share of a user's picked rows that were clicked; by a click model, of their mean P(click).
    Slates are `slates_of`. Rows that a click model left without a probability are taken out for
    all, before anything is picked; a model that has none at all (an agent in text mode) is left out
    itself.

    Intervals resample users, each replicate the same ones for the log and for every model, so that
    the tau of a replicate compares two rankings of one world.

    Args:
        scores: Each recommender's, higher is better, finite, shape (n,).
        log: What was shown and clicked; n rows.
        probabilities: Each click model's P(click), shape (n,), NaN where it gave none.
        k: Items picked a slate.
        bootstrap: How intervals are made.

    Raises:
        ConfigError: If there are fewer than two recommenders, no click model, one called "log", a
            score that is not finite, a probability outside [0, 1], or lengths that differ.
        DataError: If no slate has more than `k` rows, or no click model has a probability.
    """
    bootstrap = bootstrap or Bootstrap()
    _check(scores, log, probabilities, k)
    silent = [name for name, p in probabilities.items() if np.isnan(p).all()]
    probabilities = {name: p for name, p in probabilities.items() if name not in silent}
    if not probabilities:
        raise DataError(
            "No click model gave a probability, so there is nothing to rank recommenders by; an "
            'agent gives them with mode="sample" or mode="argmax".'
        )
    slate, kind = slates_of(log)
    answered = ~np.any([np.isnan(p) for p in probabilities.values()], axis=0)
    rows = _with_a_choice(slate, answered, k)
    order = tie_order(log, bootstrap.seed)
    picked = [rows[picks(slate[rows], s[rows], order[rows], k)] for s in scores.values()]
    by_user = _values(log, picked, [log.clicked, *probabilities.values()])
    values = np.round(by_user.mean(axis=0), _DIGITS)
    replicates = bootstrap.means(by_user.reshape(len(by_user), -1)).reshape(-1, *values.shape)
    replicates = np.round(replicates, _DIGITS)
    if len(by_user) < 2:
        replicates[:] = np.nan
    return RecommenderRanking(
        recommenders=tuple(scores),
        models=tuple(probabilities),
        k=k,
        slates=len(np.unique(slate[rows])),
        users=len(by_user),
        values=_value_table((LOG, *probabilities), tuple(scores), values, replicates, bootstrap),
        agreement=_agreement_table(tuple(probabilities), values, replicates, bootstrap),
        cautions=(
            *(f"{name} gave no probabilities and ranks nothing." for name in silent),
            *_cautions(kind, len(by_user), int((~answered).sum()), len(log)),
            *_undecided(tuple(scores), values[0], replicates[:, 0], bootstrap),
        ),
    )


def _check(
    scores: Mapping[str, FloatArray],
    log: LabelledExposures,
    probabilities: Mapping[str, FloatArray],
    k: int,
) -> None:
    if len(scores) < 2 or not probabilities or LOG in probabilities or k < 1:
        raise ConfigError(
            f"{len(scores)} recommenders, {len(probabilities)} click models, k = {k}: give two "
            f"recommenders or more, one click model or more, none called {LOG!r}, and k >= 1."
        )
    for name, values in (*scores.items(), *probabilities.items()):
        if len(values) != len(log):
            raise ConfigError(f"{name!r} has {len(values)} values for {len(log)} exposures.")
    for name, values in scores.items():
        if not np.isfinite(values).all():
            raise ConfigError(
                f"{name!r} scored row {int(np.flatnonzero(~np.isfinite(values))[0])} with no "
                "finite number; every row needs a score (the lowest, for one it would never show)."
            )
    for name, values in probabilities.items():
        if ((values < 0) | (values > 1)).any():
            raise ConfigError(f"{name!r} has values outside [0, 1]; give P(click).")


def _with_a_choice(slate: IntArray, answered: BoolArray, k: int) -> IntArray:
    """Answered rows of slates that have more than k of them."""
    size = np.bincount(slate[answered], minlength=int(slate.max()) + 1)
    rows: IntArray = np.flatnonzero(answered & (size[slate] > k))
    if not len(rows):
        raise DataError(
            f"No slate of this log has more than {k} answered rows, so there is nothing for a "
            "recommender to choose; take a smaller k, or a log of slates."
        )
    return rows


def _values(
    log: LabelledExposures, picked: Sequence[IntArray], judged: Sequence[FloatArray | BoolArray]
) -> FloatArray:
    """Each user's mean over the rows picked, by each who judges them.

    All recommenders pick from the same slates, so all have the same users.

    Returns:
        float64, shape (users, judges, recommenders).
    """
    users = np.unique(log.shown.user[picked[0]])
    out = np.empty((len(users), len(judged), len(picked)))
    for column, rows in enumerate(picked):
        user = np.searchsorted(users, log.shown.user[rows])
        size = np.bincount(user, minlength=len(users))
        for line, answers in enumerate(judged):
            total = np.bincount(user, weights=answers[rows], minlength=len(users))
            out[:, line, column] = total / size
    return out


def _value_table(
    judges: tuple[str, ...],
    recommenders: tuple[str, ...],
    values: FloatArray,
    replicates: FloatArray,
    bootstrap: Bootstrap,
) -> pd.DataFrame:
    low, high = bootstrap.bounds(replicates.reshape(len(replicates), -1))
    names = pd.MultiIndex.from_product([judges, recommenders], names=["model", "recommender"])
    columns = {"value": values.ravel(), "low": low, "high": high}
    return pd.DataFrame(columns, index=names).reset_index()


def _agreement_table(
    models: tuple[str, ...], values: FloatArray, replicates: FloatArray, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Tau, and how often the winners are the same; the first judge is the log."""
    tau = kendall_tau(values[1:], values[:1])
    low, high = bootstrap.bounds(kendall_tau(replicates[:, 1:], replicates[:, :1]))
    by_log, by_model = replicates[:, :1], replicates[:, 1:]
    wins = by_model == by_model.max(axis=2, keepdims=True)
    right = wins & (by_log == by_log.max(axis=2, keepdims=True))
    with np.errstate(invalid="ignore"):
        share = (right.sum(axis=2) / wins.sum(axis=2)).mean(axis=0)
    return pd.DataFrame({"model": models, "tau": tau, "low": low, "high": high, "same_best": share})


def _cautions(kind: str, users: int, unanswered: int, n: int) -> Iterator[str]:
    if kind == "user":
        yield (
            "Most exposures of this log stand alone at their moment, so recommenders choose among "
            "all of a user's judged exposures, whenever they were."
        )
    if users < FEW_USERS:
        yield f"Only {users} users have slates to choose from; intervals are rough."
    if unanswered:
        yield (
            f"{unanswered:,} of {n:,} exposures are out, since a click model gave no probability "
            "there."
        )


def _undecided(
    recommenders: tuple[str, ...], values: FloatArray, replicates: FloatArray, bootstrap: Bootstrap
) -> Iterator[str]:
    """Whether the log itself tells its best recommender from its worst."""
    best, worst = int(values.argmax()), int(values.argmin())
    low, _ = bootstrap.bounds((replicates[:, best] - replicates[:, worst])[:, None])
    if not low[0] > 0:
        yield (
            f"The log itself does not tell its best recommender ({recommenders[best]}) from its "
            f"worst ({recommenders[worst]}), so agreement with its ranking says little."
        )
