"""Does a click model order headlines as people did? Randomised tests of headlines, without users.

Two headlines of one test, shown with the same image to people drawn at random, differ in nothing
but their words. The model is asked about each, for a user of whom nothing is known, and agrees
where it gives the more clicked one the higher probability; equal probabilities count one half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evals.bootstrap import Bootstrap, holm, t_test
from evals.headline_pairs import HeadlinePairs, rank_correlations
from evals.headline_words import scores_by_words
from simulator.data.upworthy import HeadlineTests
from simulator.domain import BoolArray, Catalogue, Exposures, FloatArray, IntArray, Ragged
from simulator.errors import DataError
from simulator.interfaces import ClickModel

LONGER = "longer headline"
"""A baseline: the headline of more characters."""
WORDS = "words (fitted)"
"""A baseline that has seen how people clicked: words, fitted to the other tests."""
CEILING = "true click rates"
"""The most that can be expected: how often they would agree with what was counted."""


@dataclass(frozen=True, eq=False)
class HeadlineJudgement:
    """Click models held against headline tests.

    Attributes:
        models: Names, in order; then the baselines, `LONGER` and `WORDS`.
        probability: Each model's P(click) of each headline, NaN where it failed.
        measures: Columns model, measure, value, low, high, pairs, tests. Measures: ordered (share
            of the pairs that differ significantly), ordered_all (of all pairs), spearman (rank
            correlation within groups of three and more, averaged over groups; `pairs` counts the
            groups). The rows of `CEILING` say what true click rates would reach.
        differences: Columns model, base, measure, difference, low, high, p, p_corrected (Holm, over
            the whole table); to each baseline. p is that of a t-test with the spread of the
            resamples as standard error. What rests on one test has no interval and no p.
        cautions: What a reader must know, in sentences.
    """

    models: tuple[str, ...]
    probability: Mapping[str, FloatArray]
    measures: pd.DataFrame
    differences: pd.DataFrame
    cautions: tuple[str, ...]


def headline_exposures(tests: HeadlineTests) -> Exposures:
    """Each headline, shown alone to a user without a history, shape (n,)."""
    n = len(tests)
    return Exposures(
        user=np.zeros(n, dtype=np.int32),
        item=np.arange(n, dtype=np.int32),
        target=np.full(n, -1, dtype=np.int32),
        round=np.ones(n, dtype=np.int32),
        position=np.zeros(n, dtype=np.int32),
        history=Ragged.empty(n),
        draw=np.full(n, 0.5),
        catalogue=Catalogue(
            item_ids=[str(k) for k in range(n)],
            titles=tests.titles,
            categories=[()] * n,
            domain="news",
        ),
    )


def judge_headlines(
    models: Mapping[str, ClickModel],
    tests: HeadlineTests,
    *,
    significance: float = 0.05,
    bootstrap: Bootstrap | None = None,
) -> HeadlineJudgement:
    """Hold click models against headline tests.

    All models are judged on the headlines that every one of them answered with a probability.
    Intervals resample tests.

    Args:
        models: By name.
        tests: Headlines with their impressions and clicks.
        significance: A pair differs where the two-proportion z-test (pooled, two-sided) has a
            p-value below this.
        bootstrap: How intervals are made; 2,000 resamples by default.

    Raises:
        DataError: If no two headlines of a group have other click rates, or no model answered.
    """
    shown = headline_exposures(tests)
    probability = {name: model.decide(shown).probability for name, model in models.items()}
    return judge_headline_answers(
        probability, tests, significance=significance, bootstrap=bootstrap
    )


def judge_headline_answers(
    probability: Mapping[str, FloatArray],
    tests: HeadlineTests,
    *,
    significance: float = 0.05,
    bootstrap: Bootstrap | None = None,
) -> HeadlineJudgement:
    """Hold answers that were given before against headline tests, as `judge_headlines` does.

    Args:
        probability: By model, its P(click) of each of `headline_exposures(tests)`, NaN where it has
            none, shape (n,).
        tests: Headlines with their impressions and clicks.
        significance: As for `judge_headlines`.
        bootstrap: As for `judge_headlines`.

    Raises:
        DataError: If no two headlines of a group have other click rates, or no model answered.
    """
    bootstrap = bootstrap or Bootstrap(replicates=2000)
    answered = ~np.any([np.isnan(p) for p in probability.values()], axis=0)
    scores = {
        **{name: np.asarray(p, dtype=np.float64) for name, p in probability.items()},
        LONGER: np.array([float(len(title)) for title in tests.titles]),
        WORDS: scores_by_words(tests),
    }
    pairs = HeadlinePairs.of(tests)
    pairs = pairs.take(answered[pairs.first] & answered[pairs.second] & (pairs.z > 0))
    if not len(pairs):
        raise DataError(
            "No two headlines of a test, shown with one image and answered by all click models, "
            "have other click rates; there is nothing to order."
        )
    clear = pairs.p < significance
    kinds = {"ordered": pairs.take(clear), "ordered_all": pairs}
    samples = {
        (model, measure): _by_test(kept.agreement(score), tests.test[kept.first], tests)
        for model, score in scores.items()
        for measure, kept in kinds.items()
    }
    for measure, kept in kinds.items():
        samples[CEILING, measure] = _by_test(
            kept.expected_agreement(), tests.test[kept.first], tests
        )
    for model, score in scores.items():
        samples[model, "spearman"] = _by_test(*rank_correlations(score, tests, answered), tests)
    measures, differences = _tables(samples, bootstrap)
    return HeadlineJudgement(
        models=tuple(scores),
        probability=probability,
        measures=measures,
        differences=differences,
        cautions=_cautions(answered, clear, significance),
    )


def _by_test(values: FloatArray, test: IntArray, tests: HeadlineTests) -> FloatArray:
    """Sum and number of the values of each test, shape (n_tests, 2)."""
    n = len(tests.test_ids)
    sums = np.bincount(test, weights=values, minlength=n)
    return np.stack([sums, np.bincount(test, minlength=n)], axis=1)


def _tables(
    samples: Mapping[tuple[str, str], FloatArray], bootstrap: Bootstrap
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measures with intervals, and differences to the baselines on the same resamples."""
    table = np.hstack(list(samples.values()))
    table = table[table.any(axis=1)]
    totals, sums = table.sum(axis=0), bootstrap.sums(table)
    with np.errstate(invalid="ignore"):
        value, drawn = totals[::2] / totals[1::2], sums[:, ::2] / sums[:, 1::2]
    tests = (table[:, 1::2] > 0).sum(axis=0)
    drawn[:, tests < 2] = np.nan
    low, high = bootstrap.bounds(drawn)
    models, names = zip(*samples, strict=True)
    measures = pd.DataFrame(
        {
            "model": models,
            "measure": names,
            "value": value,
            "low": low,
            "high": high,
            "pairs": totals[1::2].astype(np.int64),
            "tests": tests,
        }
    )
    column = {key: k for k, key in enumerate(samples)}
    rows = [
        (column[model, measure], column[base, measure])
        for model, measure in samples
        for base in (LONGER, WORDS)
        if model not in (LONGER, WORDS, CEILING)
    ]
    here, there = np.array(rows).T
    gap, drawn_gap = value[here] - value[there], drawn[:, here] - drawn[:, there]
    low, high = bootstrap.bounds(drawn_gap)
    spread = pd.DataFrame(drawn_gap).std().to_numpy()  # over the resamples that have a value
    p = t_test(gap, spread, tests[here])
    differences = pd.DataFrame(
        {
            "model": [models[k] for k in here],
            "base": [models[k] for k in there],
            "measure": [names[k] for k in here],
            "difference": gap,
            "low": low,
            "high": high,
            "p": p,
            "p_corrected": holm(p),
        }
    )
    return measures, differences


def _cautions(answered: BoolArray, clear: BoolArray, significance: float) -> tuple[str, ...]:
    out = [
        f"{int(clear.sum()):,} of {len(clear):,} pairs differ at p < {significance:g}; about "
        f"{significance:.0%} of the pairs that are truly alike are among them."
    ]
    if not answered.all():
        out.append(
            f"{int((~answered).sum()):,} of {len(answered):,} headlines are left out: not every "
            "click model gave them a probability."
        )
    return tuple(out)
