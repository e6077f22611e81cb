"""Kendall's tau against scipy's."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from evals.kendall import kendall_tau


@pytest.mark.parametrize("values", [3, 50])
def test_equals_scipy_with_and_without_ties(values: int) -> None:
    draws = np.random.default_rng(0)
    a = draws.integers(0, values, (60, 7)).astype(float)
    b = draws.integers(0, values, (60, 7)).astype(float)
    a[0], b[1] = 1.0, 2.0  # all ties on one side

    expected = [kendalltau(x, y).statistic for x, y in zip(a, b, strict=True)]

    assert kendall_tau(a, b) == pytest.approx(expected, nan_ok=True)
    assert np.isnan(expected[:2]).all()


def test_one_ranking_is_held_against_many() -> None:
    base = np.array([3.0, 2.0, 1.0])
    resamples = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 3.0, 1.0]])

    assert kendall_tau(resamples, base).tolist() == pytest.approx([1, -1, 1 / 3])


def test_a_missing_value_or_a_single_thing_has_no_tau() -> None:
    assert np.isnan(kendall_tau(np.array([1.0, np.nan, 2.0]), np.arange(3.0)))
    assert np.isnan(kendall_tau(np.array([1.0]), np.array([1.0])))
