"""Measures of probabilities against scikit-learn and SciPy, plain and in bootstrap replicates."""

from __future__ import annotations

import numpy as np
import pytest
from judged_logs import log_of, says
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    log_loss,
    roc_auc_score,
)

from evals import Bootstrap, judge_answers
from evals import measures as m
from evals.model_figures import Ground, ModelFigures
from evals.ranking import SortedRows, Sums
from simulator.domain import BoolArray, FloatArray

QUICK = Bootstrap(replicates=20)


def plain(p: FloatArray, y: BoolArray, weight: FloatArray | None = None) -> dict[str, float]:
    """What scikit-learn says."""
    w = np.ones(len(p)) if weight is None else weight
    return {
        "auc": roc_auc_score(y, p, sample_weight=w),
        "pr_auc": average_precision_score(y, p, sample_weight=w),
        "log_loss": log_loss(y, np.clip(p, 1e-7, 1 - 1e-7), sample_weight=w),
        "brier": brier_score_loss(y, p, sample_weight=w),
        "click_rate_ratio": (w * p).sum() / (w * y).sum(),
    }


def calibration(p: FloatArray, y: BoolArray, w: FloatArray) -> float:
    """The calibration error by its definition."""
    bins = min(10, max(1, len(p) // 10))
    number = (p[:, None] > p).sum(axis=1) * bins // len(p)
    surplus = [abs((w * (p - y))[number == k].sum()) for k in range(bins)]
    return float(sum(surplus) / w.sum())


@pytest.mark.parametrize("digits", [8, 1])
def test_levels_equal_those_of_scikit_learn_with_and_without_ties(digits: int) -> None:
    log, truth = log_of()
    p = np.round(truth**2, digits).astype(np.float32).astype(float)
    found = judge_answers({"m": says(p)}, log, bootstrap=QUICK)
    for measure, value in plain(p, log.clicked).items():
        assert found.value("m", measure) == pytest.approx(value), measure
    own = [(log.clicked[log.shown.user == u], p[log.shown.user == u]) for u in range(50)]
    assert found.value("m", "user_auc") == pytest.approx(np.mean([roc_auc_score(*o) for o in own]))


@pytest.mark.parametrize("digits", [8, 1])
def test_each_replicate_is_scikit_learn_with_the_users_weights(digits: int) -> None:
    log, truth = log_of(1000)
    p = np.round(truth, digits).astype(np.float32).astype(float)
    ground = Ground.of(log)
    model = ModelFigures(p, ground)
    weights = next(iter(QUICK.weights(50))).T
    draws = model.under(weights, ground.possible_auc(weights))
    place = {f.measure: k for k, f in enumerate(model.figures) if f.table == "measures"}
    for replicate in range(20):
        w = weights[ground.user, replicate]
        expected = plain(p, log.clicked, w)
        expected["possible_auc"] = roc_auc_score(log.clicked, truth, sample_weight=w)
        expected["truth_gap"] = np.average(np.abs(p - truth), weights=w)
        expected["calibration_error"] = calibration(p, log.clicked, w)
        own = model.own_auc
        expected["user_auc"] = np.average(own, weights=weights[:, replicate])
        for measure, value in expected.items():
            assert draws[place[measure], replicate] == pytest.approx(value), measure


def test_segments_are_measured_as_if_alone_in_each_replicate() -> None:
    log, truth = log_of(2000)
    p = np.round(truth, 2)
    ground = Ground.of(log)
    model = ModelFigures(p, ground)
    weights = next(iter(QUICK.weights(50))).T
    draws = model.under(weights, ground.possible_auc(weights))
    kind = ground.kinds["category"]
    assert kind.names == ("a", "b", "c")
    for k, figure in enumerate(model.figures):
        if figure.table != "segments":
            continue
        rows = log.segments["category"] == kind.names[int(figure.part)]
        w = weights[ground.user[rows], 3]
        expected = plain(p[rows], log.clicked[rows], w)
        expected["click_rate"] = np.average(log.clicked[rows], weights=w)
        expected["expected_click_rate"] = np.average(p[rows], weights=w)
        expected["calibration_error"] = calibration(p[rows], log.clicked[rows], w)
        assert draws[k, 3] == pytest.approx(expected[figure.measure]), figure


def test_kappa_and_f1_decide_as_many_clicks_as_were_logged() -> None:
    log, truth = log_of()
    found = judge_answers({"m": says(truth)}, log, bootstrap=QUICK)
    p = truth.astype(np.float32)
    decided = p >= np.sort(p)[-log.clicked.sum()]
    assert decided.sum() == log.clicked.sum()
    assert found.value("m", "kappa") == pytest.approx(cohen_kappa_score(log.clicked, decided))
    assert found.value("m", "f1") == pytest.approx(f1_score(log.clicked, decided))


def test_kappa_and_f1_count_a_user_as_often_as_drawn() -> None:
    log, truth = log_of(1000)
    ground = Ground.of(log)
    model = ModelFigures(truth, ground)
    weights = next(iter(QUICK.weights(50))).T
    draws = model.under(weights, ground.possible_auc(weights))
    place = {f.measure: k for k, f in enumerate(model.figures) if f.table == "measures"}
    for replicate in range(20):
        rows = np.repeat(np.arange(1000), weights[ground.user, replicate].astype(int))
        logged, decided = log.clicked[rows], np.zeros(len(rows), dtype=bool)
        decided[np.argsort(-truth[rows], kind="stable")[: logged.sum()]] = True
        kappa, f1 = cohen_kappa_score(logged, decided), f1_score(logged, decided)
        assert draws[place["kappa"], replicate] == pytest.approx(kappa)
        assert draws[place["f1"], replicate] == pytest.approx(f1)


def test_a_tie_at_the_threshold_is_shared_out() -> None:
    # 3 clicks; one row above the tie of four, of which two fit in: 2/4 of its two clicks.
    sums = sums_of([0.9, 0.5, 0.5, 0.5, 0.5, 0.1], [1, 1, 1, 0, 0, 0])
    assert sums.caught[0, 0] == 1 + 2 * (2 / 4)
    assert m.f1(sums)[0, 0] == pytest.approx(2 / 3)
    # Which is the mean over all ways to choose two of the four.
    ways = [(a, b) for a in range(1, 5) for b in range(a + 1, 5)]
    y = [1, 1, 1, 0, 0, 0]
    kappas = [cohen_kappa_score(y, [1, *(k in way for k in range(1, 5)), 0]) for way in ways]
    assert m.kappa(sums)[0, 0] == pytest.approx(np.mean(kappas))


def test_a_constant_model_has_no_skill() -> None:
    log, _ = log_of()
    found = judge_answers({"m": says(np.full(len(log), 0.3))}, log, bootstrap=QUICK)
    assert found.value("m", "auc") == found.value("m", "user_auc") == 0.5
    assert found.value("m", "kappa") == pytest.approx(0.0, abs=1e-12)
    assert found.value("m", "pr_auc") == pytest.approx(log.clicked.mean())
    gap = abs(np.float32(0.3) - log.clicked.mean())
    assert found.value("m", "calibration_error") == pytest.approx(gap)
    assert len(found.calibration) == 1


def test_calibration_error_by_hand() -> None:
    # Two bins of ten: 0.2 expected and 0.5 clicked; 0.8 expected and 0.6 clicked.
    p = [0.2] * 10 + [0.8] * 10
    y = [1] * 5 + [0] * 5 + [1] * 6 + [0] * 4
    assert m.calibration_error(sums_of(p, y))[0, 0] == pytest.approx((0.3 + 0.2) / 2)
    # With under 20 rows there is one bin, in which over- and underestimates cancel.
    assert m.calibration_error(sums_of(p[:19], y[:19]))[0, 0] == pytest.approx(abs(9.2 - 11) / 19)


def test_how_clicks_are_spread_over_segments() -> None:
    log, truth = log_of()
    found = judge_answers({"m": says(truth**3)}, log, bootstrap=QUICK)
    p, kind = (truth**3).astype(np.float32), log.segments["category"]
    logged = np.array([log.clicked[kind == name].sum() for name in "abc"])
    expected = np.array([p[kind == name].sum() for name in "abc"])
    variation = np.abs(logged / logged.sum() - expected / expected.sum()).sum() / 2
    assert found.value("m", "total_variation:category") == pytest.approx(variation, rel=1e-5)
    distance = jensenshannon(logged, expected, base=2)
    assert found.value("m", "jensen_shannon:category") == pytest.approx(distance, rel=1e-4)
    entry = found.measures.set_index("measure").loc["jensen_shannon:category"]
    assert entry["exposures"] == (kind != "").sum()


def test_clicks_in_other_segments_altogether_are_as_far_apart_as_can_be() -> None:
    sums = Sums(*np.ones((8, 2, 1)))
    apart = Sums(sums.rows, np.array([[5.0], [0.0]]), np.array([[0.0], [2.0]]), *([sums.loss] * 5))
    assert m.total_variation(apart)[0] == 1.0
    assert m.jensen_shannon(apart)[0] == pytest.approx(1.0)


def test_no_measure_is_invented() -> None:
    only = sums_of([0.4, 0.6], [0, 0])
    for name in ("auc", "pr_auc", "click_rate_ratio", "kappa", "f1"):
        assert np.isnan(m.OVERALL[name](only)[0, 0]), name
    assert np.isnan(m.auc_reached(np.array([0.6]), np.array([0.5])))
    nobody = sums_of([0.4, 0.6], [0, 1], weight=0.0)
    for measure in {**m.OVERALL, **m.BY_SEGMENT}.values():
        assert np.isnan(measure(nobody)[0, 0])
    assert np.isnan(m.total_variation(nobody)[0])


def sums_of(p: list[float], y: list[int], *, weight: float = 1.0) -> Sums:
    """Of one user's rows, in one group."""
    nobody = np.zeros(len(p), dtype=np.int64)
    rows = SortedRows.of(np.array(p), np.array(y, dtype=bool), nobody, nobody, 1)
    return rows.sums(np.full((1, 1), weight))
