"""The measures of a click model's probabilities against logged answers, from weighted sums.

Definitions: AUC and average precision as scikit-learn has them. Calibration error: mean over rows
of |expected - logged clicks| within bins of equal mass. Click rate ratio: expected over logged
clicks. Kappa (Cohen 1960) and F1 hold the logged answers against decisions at the logged click
rate: as many rows of highest probability are clicks as there are logged clicks, a tie at the
threshold shared out evenly; so neither measures calibration. Total variation and Jensen-Shannon
distance (base 2, in [0, 1]) compare how the logged and the expected clicks are spread over the
segments of a kind; being shares, they do not measure the click rate either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from evals.ranking import Sums
from simulator.domain import FloatArray

LOWER_IS_BETTER = (
    "log_loss",
    "brier",
    "calibration_error",
    "truth_gap",
    "total_variation",
    "jensen_shannon",
)
"""Of the measures; the click rate ratio is best at one, all others the higher the better."""


def auc(sums: Sums) -> FloatArray:
    """Area under the ROC curve; NaN where there are only clicks or only no-clicks."""
    return _ratio(sums.ordered, sums.clicks * (sums.rows - sums.clicks))


def pr_auc(sums: Sums) -> FloatArray:
    """Average precision; NaN without clicks."""
    return _ratio(sums.precision, sums.clicks)


def log_loss(sums: Sums) -> FloatArray:
    """Mean negative log-likelihood, in nats."""
    return _ratio(sums.loss, sums.rows)


def calibration_error(sums: Sums) -> FloatArray:
    """Mean |expected - logged clicks| within bins of equal mass, in [0, 1]."""
    return _ratio(sums.missed, sums.rows)


def click_rate(sums: Sums) -> FloatArray:
    """Logged clicks an exposure."""
    return _ratio(sums.clicks, sums.rows)


def expected_click_rate(sums: Sums) -> FloatArray:
    """Mean P(click)."""
    return _ratio(sums.expected, sums.rows)


def click_rate_ratio(sums: Sums) -> FloatArray:
    """Expected clicks over logged clicks; NaN without clicks."""
    return _ratio(sums.expected, sums.clicks)


def f1(sums: Sums) -> FloatArray:
    """F1 at the logged click rate, where precision and recall are one; NaN without clicks."""
    return _ratio(sums.caught, sums.clicks)


def kappa(sums: Sums) -> FloatArray:
    """Cohen's kappa at the logged click rate; NaN with one kind of answer."""
    rate = click_rate(sums)
    agreed = 1 - 2 * _ratio(sums.clicks - sums.caught, sums.rows)
    by_chance = rate**2 + (1 - rate) ** 2
    return _ratio(agreed - by_chance, 1 - by_chance)


def auc_reached(auc: FloatArray, possible: FloatArray) -> FloatArray:
    """The share of the way from 0.5 to the AUC of the true probabilities; NaN where none leads."""
    return _ratio(auc - 0.5, possible - 0.5)


OVERALL: Mapping[str, Callable[[Sums], FloatArray]] = {
    "auc": auc,
    "pr_auc": pr_auc,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
    "click_rate_ratio": click_rate_ratio,
    "kappa": kappa,
    "f1": f1,
}

BY_SEGMENT: Mapping[str, Callable[[Sums], FloatArray]] = {
    "auc": auc,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
    "click_rate": click_rate,
    "expected_click_rate": expected_click_rate,
    "click_rate_ratio": click_rate_ratio,
}


def total_variation(sums: Sums) -> FloatArray:
    """Half the summed difference between the shares of clicks, over segments; shape (m,)."""
    logged, expected = _shares(sums.clicks), _shares(sums.expected)
    return np.asarray(np.abs(logged - expected).sum(axis=0) / 2)


def jensen_shannon(sums: Sums) -> FloatArray:
    """Square root of the Jensen-Shannon divergence in bits between the shares; shape (m,).

    Source: Endres and Schindelin, "A new metric for probability distributions", 2003.
    """
    logged, expected = _shares(sums.clicks), _shares(sums.expected)
    middle = (logged + expected) / 2
    divergence = (_surprise(logged, middle) + _surprise(expected, middle)) / 2
    return np.asarray(np.sqrt(np.maximum(divergence, 0.0)))


def _shares(counts: FloatArray) -> FloatArray:
    return _ratio(counts, np.broadcast_to(counts.sum(axis=0), counts.shape))


def _surprise(shares: FloatArray, middle: FloatArray) -> FloatArray:
    """Kullback-Leibler divergence from `middle`, in bits, over the first axis."""
    some = shares > 0
    logs = np.log2(np.where(some, shares, 1.0) / np.where(some, middle, 1.0))
    return np.asarray(np.where(np.isnan(shares), np.nan, shares * logs).sum(axis=0))


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    out: FloatArray = np.full(above.shape, np.nan)
    np.divide(above, below, out=out, where=below > 0)
    return out
