"""Rates from few trials, drawn towards the overall rate by as much as the rates really agree.

Empirical Bayes with a beta-binomial model: the items' rates are Beta(m s, (1 - m) s), the clicks
binomial. `m` is the overall rate; `s`, the prior strength in trials, is the most likely one
(Robbins, "An empirical Bayes approach to statistics", 1956; Gelman and others, *Bayesian Data
Analysis*, 3rd edition, Section 5.1).
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln

from simulator.domain import BoolArray, Catalogue, FloatArray, IntArray

_WEAKEST, _STRONGEST = 1e-2, 1e6
"""Prior strengths that are considered, in trials."""


def prior_strength(trials: FloatArray, clicks: FloatArray) -> float:
    """How many trials the overall rate is worth against an item's own, by maximum likelihood.

    Args:
        trials: Of each item, 0 or more, shape (m,); need not be whole.
        clicks: Of each item, at most its trials, shape (m,).

    Returns:
        In trials. Where no item has more than one trial, or all rates are 0 or 1 alike, nothing
        tells items apart, and it is so large that all get the overall rate.
    """
    from scipy.optimize import minimize_scalar

    mean = overall_rate(trials, clicks)
    if not 0 < mean < 1 or trials.max() <= 1:
        return _STRONGEST
    # Items of the same counts are as likely as each other.
    counts, items = np.unique(np.stack([trials, clicks]), axis=1, return_counts=True)
    tried, clicked = counts

    def surprise(log_strength: float) -> float:
        a, b = mean * np.exp(log_strength), (1 - mean) * np.exp(log_strength)
        return -float(items @ (betaln(clicked + a, tried - clicked + b) - betaln(a, b)))

    found = minimize_scalar(
        surprise, bounds=(np.log(_WEAKEST), np.log(_STRONGEST)), method="bounded"
    )
    return float(np.exp(found.x))


def overall_rate(trials: FloatArray, clicks: FloatArray) -> float:
    """Clicks a trial, in [0, 1]; 0 where there are no trials."""
    return float(clicks.sum() / trials.sum()) if trials.sum() > 0 else 0.0


def shrunk(
    trials: FloatArray, clicks: FloatArray, towards: float | FloatArray, strength: float
) -> FloatArray:
    """The posterior means `(clicks + strength * towards) / (trials + strength)`, shape (m,)."""
    return np.asarray((clicks + strength * towards) / (trials + strength), dtype=np.float64)


def sums(group: IntArray, values: FloatArray | BoolArray, size: int) -> FloatArray:
    """The sum of each group's values, float64, shape (size,)."""
    return np.bincount(group, weights=values, minlength=size).astype(np.float64)


def item_rates(
    trials: FloatArray, clicks: FloatArray, catalogue: Catalogue | None, strength: float
) -> FloatArray:
    """Each item's rate, those without a trial included.

    An item that was tried has its own rate, shrunk to the overall one. One that was not has the
    mean of its categories' rates, each shrunk likewise; without a category that was tried, it has
    the overall rate.

    Args:
        trials: Of each item, shape (n_items,).
        clicks: Likewise.
        catalogue: Where the categories are; None where they are not known.
        strength: Of the prior, in trials.

    Returns:
        In [0, 1], float64, shape (n_items,).
    """
    overall = overall_rate(trials, clicks)
    rates = shrunk(trials, clicks, overall, strength)
    new = trials == 0
    if catalogue is not None and new.any():
        rates[new] = _by_category(trials, clicks, catalogue, strength)[new]
    return rates


def _by_category(
    trials: FloatArray, clicks: FloatArray, catalogue: Catalogue, strength: float
) -> FloatArray:
    """The mean rate of each item's categories that were tried, else the overall rate."""
    number = {name: k for k, name in enumerate(catalogue.category_names)}
    item = np.repeat(np.arange(len(catalogue)), [len(names) for names in catalogue.categories])
    category = np.array(
        [number[name] for names in catalogue.categories for name in names], dtype=np.int64
    )
    tried = sums(category, trials[item], len(number))
    clicked = sums(category, clicks[item], len(number))
    overall = overall_rate(trials, clicks)
    rate = shrunk(tried, clicked, overall, strength)
    known = tried[category] > 0
    total = sums(item[known], rate[category[known]], len(trials))
    count = np.bincount(item[known], minlength=len(trials))
    return np.where(count > 0, total / np.maximum(count, 1), overall)
