"""Metrics of runs small enough to reckon by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from evals import metrics as m
from evals.summary import summarise
from simulator.errors import ConfigError
from simulator.protocol import Measurement, NudgingProtocol
from simulator.runlog import EPISODE_COLUMNS, EXPOSURE_COLUMNS, Run


def run_of(clicked: dict[tuple[int, int], list[list[int]]], **columns: object) -> Run:
    """A run from the clicks of each (user, target): rounds x slate."""
    rows = [
        (user, target, number + 1, position, click)
        for (user, target), rounds in clicked.items()
        for number, slate in enumerate(rounds)
        for position, click in enumerate(slate)
    ]
    frame = pd.DataFrame(rows, columns=["user", "target", "round", "position", "clicked"])
    frame = frame.assign(
        item=np.arange(len(frame)),
        draw=0.5,
        clicked=frame["clicked"].astype(bool),
        probability=np.float32(0.25),
        source="agent",
        failure="",
        reason="",
        kept_weight=0.8,
        similarity=0.1 + 0.02 * frame["round"] * (1 + frame["user"]),
        rank=100 - 3 * frame["round"],
    ).assign(**columns)
    episodes = pd.DataFrame(list(clicked), columns=["user", "target"]).assign(
        similarity=0.1, rank=100, known=False
    )
    order = frame.sort_values("round", kind="stable")[list(EXPOSURE_COLUMNS)]
    return Run({"name": "small"}, episodes[list(EPISODE_COLUMNS)], order, {})


@pytest.fixture
def run() -> Run:
    """Two users, two targets, two rounds, one item a round."""
    return run_of(
        {
            (3, 7): [[1], [0]],
            (5, 7): [[0], [0]],
            (3, 8): [[1], [1]],
            (5, 8): [[0], [1]],
        }
    )


def test_hit_rate_is_clicks_over_rounds_and_users(run: Run) -> None:
    rate = m.hit_rate(run)
    assert rate.loc[3].tolist() == [1.0, 0.75]
    assert rate.loc[5].tolist() == [0.0, 0.25]
    # clicks / (P |U|), mean over the two targets: (1 + 0 + 2 + 1) / (2 * 2) / 2.
    assert rate[2].mean() == pytest.approx(0.5)


def test_interest_and_rank_are_measured_against_the_state_before_round_one(run: Run) -> None:
    interest, rank = m.increase_of_interest(run), m.increase_of_rank(run)
    assert interest.loc[3].tolist() == pytest.approx([0.08, 0.16])
    assert interest.loc[5].tolist() == pytest.approx([0.12, 0.24])
    assert rank.loc[5].tolist() == [3.0, 6.0]  # climbing from 100 to 94 is above 0


def test_the_released_code_measures_before_the_click_and_caps_ranks(run: Run) -> None:
    released = Measurement(measured="before", rank_cap=97, rank_of_known="zero")
    # Gains before rounds 1 and 2: nothing, then what round 1 gained.
    assert m.increase_of_interest(run, released).loc[5].tolist() == pytest.approx([0.0, 0.12])
    # From 100 to 97 is from the cap, 96, to the cap.
    assert m.increase_of_rank(run, released).loc[5].tolist() == [0.0, 0.0]
    after = released.model_copy(update={"measured": "after"})
    assert m.increase_of_rank(run, after).loc[5].tolist() == [0.0, 2.0]  # 96 to 94
    # User 5 has item 7 from the start: half of the user's targets count nothing.
    run.episodes["known"] = (run.episodes["user"] == 5) & (run.episodes["target"] == 7)
    assert m.increase_of_rank(run, after).loc[5].tolist() == [0.0, 1.0]
    assert m.increase_of_rank(run).loc[5].tolist() == [3.0, 6.0]


def test_the_released_code_averages_the_hit_rate_over_targets(run: Run) -> None:
    # Target 7: user 3 clicks 1 of 2, user 5 none; with target 8: 3 of 4 and 1 of 4.
    rate = m.hit_rate(run, Measurement(hit_rate="targets"))
    assert rate.loc[3].tolist() == [0.5, 0.75]
    assert rate.loc[5].tolist() == [0.0, 0.25]
    long = run_of({(0, 7): [[1], [0], [0]], (0, 8): [[1], [1], [1]]})
    assert m.hit_rate(long, Measurement(hit_rate="targets")).loc[0].tolist() == pytest.approx(
        [1 / 3, 4 / 6, 4 / 6]
    )


def test_a_run_is_measured_by_its_own_protocol(run: Run) -> None:
    assert m.measurement_of(run) == Measurement()
    protocol = NudgingProtocol.preset("released-code", rank_cap=97)
    own = Run({"config": {"protocol": protocol.model_dump()}}, run.episodes, run.exposures, {})
    assert m.measurement_of(own).rank_cap == 97
    assert m.increase_of_rank(own).loc[5].tolist() == [0.0, 0.0]


def test_slates_count_every_exposure_once_and_every_episode_once() -> None:
    slates = run_of({(0, 7): [[1, 1, 0], [0, 0, 0]], (1, 7): [[0, 0, 0], [0, 0, 1]]})
    assert m.hit_rate(slates)[2].tolist() == pytest.approx([2 / 6, 1 / 6])
    assert m.increase_of_interest(slates)[2].tolist() == pytest.approx([0.04, 0.08])


def test_without_vectors_interest_and_rank_are_absent_and_not_zero() -> None:
    blind = run_of({(0, -1): [[1]], (1, -1): [[0]]}, similarity=np.nan, rank=-1)
    blind.episodes[["similarity", "rank"]] = (np.nan, -1)
    names = m.per_user(blind).columns
    assert list(m.curves(blind)) == ["HR"]
    assert list(names) == ["HR@1", "click_rate", "mean_probability", "failure_rate"]


def test_a_model_without_probabilities_has_no_mean_probability(run: Run) -> None:
    silent = Run(run.manifest, run.episodes, run.exposures.assign(probability=np.nan), {})
    assert "mean_probability" not in m.per_user(silent).columns


def test_cutoffs_stay_within_the_run() -> None:
    assert m.cutoffs(run_of({(0, 7): [[1]] * 12})) == (5, 10)
    assert m.cutoffs(run_of({(0, 7): [[1]] * 3})) == (3,)


def test_failures_are_counted_by_reason_and_numbers_in_them_do_not_scatter_them(run: Run) -> None:
    texts = ["", "prompt of 90 tokens", "label mass below 0.5", "prompt of 91 tokens"]
    failing = run_of({(0, 7): [[1, 0, 0, 1]]}, failure=texts)
    assert m.failures(failing).to_dict() == {"prompt of # tokens": 2, "label mass below 0.5": 1}
    assert m.failure_rate(failing).tolist() == [0.75]
    assert m.failures(run).empty


def test_a_metric_of_your_own_joins_the_table(run: Run) -> None:
    def first_clicks(run: Run) -> pd.Series[float]:
        first = run.exposures[run.exposures["round"] == 1]
        return first.groupby("user")["clicked"].mean()

    assert m.per_user(run, [first_clicks])["first_clicks"].to_dict() == {3: 1.0, 5: 0.0}

    def click_rate(run: Run) -> pd.Series[float]:
        return m.click_rate(run)

    with pytest.raises(ConfigError, match="click_rate"):
        m.per_user(run, [click_rate])
    with pytest.raises(ConfigError, match="indexed by user"):
        m.per_user(run, [lambda run: pd.Series([1.0], index=[99])])
    with pytest.raises(ConfigError, match="one value a user"):
        m.per_user(run, [lambda run: pd.Series([1.0, 2.0], index=[3, 3])])


def test_the_order_of_rows_changes_nothing(run: Run) -> None:
    shuffled = Run(run.manifest, run.episodes, run.exposures.sample(frac=1, random_state=1), {})
    pd.testing.assert_frame_equal(m.per_user(run), m.per_user(shuffled))


def test_summary_is_json_the_same_each_time_and_says_who_decided(run: Run) -> None:
    failing = Run(
        run.manifest,
        run.episodes,
        run.exposures.assign(
            source=["agent"] * 7 + ["distribution"], failure=[""] * 7 + ["timed out"]
        ),
        {"seconds": 3.5},
    )
    summary = summarise(failing)
    assert json.dumps(summary, allow_nan=False) == json.dumps(summarise(failing), allow_nan=False)
    assert summary["failures"] == {"count": 1, "share": 0.125, "by_reason": {"timed out": 1}}
    assert summary["sources"]["distribution"] == {"decisions": 1, "share": 0.125}
    assert summary["metrics"]["HR@2"]["mean"] == 0.5
    assert "seconds" not in json.dumps(summary)
