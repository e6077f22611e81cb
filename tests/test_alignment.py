"""Agent4Rec's alignment protocol: who is asked about what, and the scores against scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judged_logs import labelled, log_of, says
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from evals import Bootstrap, judge_answers
from evals.alignment import RATIOS, Trial, draw_trial
from evals.labelled import LabelledExposures
from simulator.domain import FloatArray

QUICK = Bootstrap(replicates=50)


def drawn(log: LabelledExposures, no_clicks: int) -> Trial:
    users, user = np.unique(log.shown.user, return_inverse=True)
    return draw_trial(log, user, len(users), no_clicks)


@pytest.mark.parametrize("no_clicks", RATIOS.values())
def test_a_user_is_asked_about_one_click_for_every_m_no_clicks(no_clicks: int) -> None:
    log, _ = log_of(1000)
    trial = drawn(log, no_clicks)
    assert len(np.unique(trial.row)) == len(trial.row)
    assert (log.clicked[trial.row] == trial.clicked).all()
    for user in range(50):
        own = trial.clicked[trial.user == user]
        mine = log.clicked[log.shown.user == user]
        clicks = min(mine.sum(), (~mine).sum() // no_clicks, 20 // (no_clicks + 1))
        assert (own.sum(), (~own).sum()) == (clicks, no_clicks * clicks)
        assert trial.users[user] == (clicks > 0)


def test_users_with_too_few_no_clicks_are_left_out_and_counted() -> None:
    # User 0: one click, eight no-clicks. User 1: one click, nine. User 2: no clicks at all.
    user = np.repeat([0, 1, 2], [9, 10, 30])
    clicked = np.r_[1, np.zeros(8), 1, np.zeros(9), np.zeros(30)]
    found = judge_answers({"m": says(np.full(49, 0.9))}, labelled(user, clicked), bootstrap=QUICK)
    rows = found.alignment.set_index(["ratio", "measure"])
    assert rows.loc[("1:9", "recall"), ["users", "exposures", "value"]].tolist() == [1, 10, 1.0]
    assert rows.loc[("1:9", "precision"), "value"] == pytest.approx(0.1)
    assert rows.loc[("1:3", "accuracy"), ["users", "exposures", "value"]].tolist() == [2, 8, 0.25]


def test_a_ratio_that_nobody_can_be_asked_at_has_no_value() -> None:
    log = labelled(np.repeat([0, 1], 4), np.tile([1, 1, 0, 0], 2))
    found = judge_answers({"m": says(np.full(8, 0.9))}, log, bootstrap=QUICK)
    rows = found.alignment[found.alignment["ratio"] == "1:3"]
    assert rows[["value", "low", "high"]].isna().all().all()
    assert (rows[["users", "exposures"]] == 0).all().all()


def scores(p: FloatArray, log: LabelledExposures, ratio: str) -> FloatArray:
    """Accuracy, precision, recall, F1, averaged over users, by scikit-learn."""
    trial = drawn(log, RATIOS[ratio])
    each = []
    for user in np.flatnonzero(trial.users):
        rows = trial.row[trial.user == user]
        logged, said = log.clicked[rows], p[rows] >= 0.5
        precision, recall, f1, _ = precision_recall_fscore_support(
            logged, said, average="binary", zero_division=0
        )
        each.append([accuracy_score(logged, said), precision, recall, f1])
    return np.mean(each, axis=0)


def test_scores_are_means_over_users() -> None:
    log, truth = log_of(1500)
    found = judge_answers({"m": says(truth)}, log, bootstrap=QUICK)
    for ratio in RATIOS:
        rows = found.alignment[found.alignment["ratio"] == ratio]
        assert list(rows["measure"]) == ["accuracy", "precision", "recall", "f1"]
        np.testing.assert_allclose(rows["value"], scores(truth, log, ratio), rtol=1e-12)
        assert (rows["low"] < rows["value"]).all()
        assert (rows["value"] < rows["high"]).all()


def test_a_model_that_takes_nothing_scores_zero_and_not_nothing() -> None:
    log, _ = log_of(1000)
    found = judge_answers({"m": says(np.full(1000, 0.4))}, log, bootstrap=QUICK)
    rows = found.alignment.set_index(["ratio", "measure"])["value"]
    assert rows["1:1"].tolist() == [0.5, 0.0, 0.0, 0.0]
    assert rows["1:9"].tolist() == pytest.approx([0.9, 0.0, 0.0, 0.0])


def test_what_is_drawn_depends_on_the_rows_and_not_on_their_order() -> None:
    log, _ = log_of(1000)
    # One item shown to a user at different moments: told apart by the slate.
    log = replace(log, shown=replace(log.shown, item=log.shown.item % 7))
    order = np.random.default_rng(2).permutation(1000)
    plain, turned = drawn(log, 3), drawn(log.take(order), 3)
    assert set(order[turned.row]) == set(plain.row)
