"""Intervals against theory, and what makes them repeatable."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from evals import bootstrap as b
from simulator.errors import ConfigError


def users(n: int, **columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(range(n), name="user"))


def test_intervals_match_the_normal_theory_of_a_mean() -> None:
    values = users(400, a=np.random.default_rng(1).normal(2.0, 3.0, 400))
    row = b.Bootstrap(replicates=4000).intervals(values).loc["a"]
    error = values["a"].std() / 20
    assert row["mean"] == values["a"].mean()
    assert row["low"] == pytest.approx(row["mean"] - 1.96 * error, abs=0.15 * error)
    assert row["high"] == pytest.approx(row["mean"] + 1.96 * error, abs=0.15 * error)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    draws = np.random.default_rng(2).exponential(1.0, (60, 300))
    table = b.Bootstrap(replicates=400).intervals(
        users(60, **{str(k): draws[:, k] for k in range(300)})
    )
    covered = ((table["low"] <= 1.0) & (table["high"] >= 1.0)).mean()
    assert 0.88 < covered < 0.98


def test_the_same_seed_gives_the_same_interval_in_blocks_or_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(3).normal(size=(50, 3))
    at_once = b.Bootstrap().means(values)
    monkeypatch.setattr(b, "_CELLS", 51 * 7)
    np.testing.assert_allclose(b.Bootstrap().means(values), at_once, rtol=1e-12)
    assert not np.array_equal(b.Bootstrap(seed=1).means(values), at_once)


def test_users_without_a_value_are_left_out() -> None:
    table = b.Bootstrap().intervals(users(4, a=[1.0, np.nan, 1.0, np.nan])).loc["a"]
    assert table.tolist() == [1.0, 1.0, 1.0]


def test_a_metric_that_few_users_have_leaves_the_other_intervals_alone() -> None:
    values = users(30, a=np.random.default_rng(6).normal(size=30))
    alone = b.Bootstrap().intervals(values)
    rare = values.assign(rare=[1.0] + [np.nan] * 29, never=np.nan)
    beside = b.Bootstrap().intervals(rare)
    assert beside.loc["a"].tolist() == pytest.approx(alone.loc["a"].tolist(), rel=1e-12)
    assert beside.loc["rare", ["low", "high"]].tolist() == [1.0, 1.0]
    assert beside.loc["never"].isna().all()


def test_one_user_has_no_interval() -> None:
    table = b.Bootstrap().intervals(users(1, a=[0.5])).loc["a"]
    assert table["mean"] == 0.5
    assert np.isnan(table["low"])


def test_pairing_makes_a_small_difference_visible() -> None:
    draws = np.random.default_rng(4)
    base = users(100, a=draws.normal(0, 5, 100))
    better = base + 0.1 + draws.normal(0, 0.05, (100, 1))
    row = b.Bootstrap().differences(better, base).loc["a"]
    assert 0.08 < row["low"] < row["difference"] < row["high"] < 0.12
    assert row["p"] < 1e-6


def test_no_difference_is_no_evidence() -> None:
    base = users(20, a=np.arange(20.0))
    row = b.Bootstrap().differences(base, base).loc["a"]
    assert row.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert b.Bootstrap().differences(base + 1, base).loc["a", "p"] == 0.0


def test_p_values_are_uniform_without_an_effect() -> None:
    draws = np.random.default_rng(5).normal(size=(40, 500))
    base = pd.DataFrame(np.zeros((40, 500)))
    p = b.Bootstrap(replicates=2).differences(pd.DataFrame(draws), base)["p"]
    assert 0.03 < (p < 0.05).mean() < 0.075


def test_other_users_cannot_be_paired() -> None:
    with pytest.raises(ConfigError, match="paired by user"):
        b.Bootstrap().differences(users(3, a=1.0), users(4, a=1.0))


def test_holm_matches_the_textbook_example() -> None:
    # Sorted p times 4, 3, 2, 1, then made monotone.
    corrected = b.holm(np.array([0.01, 0.04, 0.03, 0.005, np.nan]))
    np.testing.assert_allclose(corrected, [0.03, 0.06, 0.06, 0.02, np.nan])


def test_p_values_are_those_of_students_t_test() -> None:
    values = np.random.default_rng(7).normal(0.3, 1.0, (30, 4))
    values[:, 3] = 0.0
    error = values.std(axis=0, ddof=1) / np.sqrt(30)
    expected = ttest_1samp(values[:, :3], 0.0).pvalue
    np.testing.assert_allclose(b.t_test(values.mean(axis=0), error, 30), [*expected, 1.0])
    assert np.isnan(b.t_test(values[0], error, 1)).all()
