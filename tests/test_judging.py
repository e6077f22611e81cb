"""Judging click models: against a log whose truth is known, and against itself turned around."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from judged_logs import Says, exposures, labelled, log_of, says
from scipy.special import expit, logit

from evals import Bootstrap, Judgement, LabelledExposures, judge, judge_answers, judging
from evals.bootstrap import holm
from simulator.cli.console import show_judgement
from simulator.domain import Clicks, Exposures
from simulator.errors import ConfigError, DataError, UnknownNameError

QUICK = Bootstrap(replicates=200)


def row(table: pd.DataFrame, **where: str) -> pd.Series:
    """The one row where all these columns have these values."""
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    texts = [name for name in one.columns if one[name].dtype == object or one[name].dtype == "str"]
    one, other = (t.sort_values(texts, kind="stable").reset_index(drop=True) for t in (one, other))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9, atol=1e-12)


TABLES = ("measures", "differences", "calibration", "segments", "alignment", "failures")


def test_the_truth_reaches_all_that_is_possible_and_is_calibrated() -> None:
    log, truth = log_of(20_000)
    found = judge({"truth": Says(truth)}, log, bootstrap=QUICK)
    assert found.value("truth", "auc_reached") == pytest.approx(1.0, abs=1e-6)
    assert found.value("truth", "truth_gap") == pytest.approx(0.0, abs=1e-6)
    assert found.value("truth", "calibration_error") < 0.02
    assert found.value("truth", "click_rate_ratio") == pytest.approx(1.0, abs=0.03)
    assert len(found.calibration) == 10
    assert found.calibration["exposures"].sum() == 20_000
    assert found.calibration["probability"].is_monotonic_increasing
    within = found.calibration.eval("low <= clicked <= high")
    assert within.all()
    assert found.differences.empty


def test_overconfidence_keeps_the_order_and_costs_calibration() -> None:
    log, truth = log_of(20_000)
    models = {"honest": Says(truth), "loud": Says(expit(4 * logit(truth)))}
    found = judge(models, log, bootstrap=QUICK)
    assert row(found.differences, measure="auc")["difference"] == pytest.approx(0.0, abs=1e-4)
    assert row(found.differences, measure="kappa")["difference"] == pytest.approx(0.0, abs=1e-4)
    for measure in ("calibration_error", "log_loss", "brier"):
        gap = row(found.differences, measure=measure)
        assert gap["low"] > 0.02
        assert gap["p_corrected"] < 0.001
    assert set(found.differences["base"]) == {"honest"}


def test_chance_is_no_better_than_chance() -> None:
    log, _ = log_of()
    luck = np.random.default_rng(1).random(len(log))
    found = judge({"luck": Says(luck)}, log, bootstrap=QUICK)
    auc = row(found.measures, measure="auc")
    assert auc["low"] < 0.5 < auc["high"]
    assert abs(found.value("luck", "auc_reached")) < 0.15
    assert abs(found.value("luck", "kappa")) < 0.05


def test_a_pair_of_equal_models_does_not_differ() -> None:
    log, truth = log_of(1000)
    found = judge({"one": Says(truth), "other": Says(truth)}, log, bootstrap=QUICK)
    assert (found.differences[["difference", "low", "high"]] == 0).all().all()
    assert (found.differences[["p", "p_corrected"]] == 1).all().all()


def test_every_model_is_measured_on_the_rows_that_all_answered() -> None:
    log, truth = log_of()
    silent = log.shown.user == 3
    given = {"whole": says(truth), "part": says(np.where(silent, np.nan, truth**2))}
    found = judge_answers(given, log, bootstrap=QUICK)
    rest = judge_answers(
        {name: says(p[~silent]) for name, p in (("whole", truth), ("part", truth**2))},
        log.take(~silent),
        bootstrap=QUICK,
    )
    for table in ("measures", "differences", "segments", "alignment"):
        same(getattr(found, table), getattr(rest, table))
    n = int(silent.sum())
    assert found.failures.to_dict("records") == [
        {"model": "part", "reason": "timed out", "count": n, "share": n / 4000}
    ]
    assert f"lost: {n} to part." in found.cautions[0]
    assert row(found.measures, model="whole", measure="auc")["users"] == 49
    assert len(found.answers["part"]) == len(found.log) == 4000


def test_answers_of_a_fallback_and_silent_failures_are_told() -> None:
    log, truth = log_of(100)
    fallen, mute, dumb = (np.arange(100) % 10 == k for k in (0, 1, 2))
    given = Clicks.of(
        truth > 0.5,
        probability=np.where(mute | dumb, np.nan, truth),
        source=np.where(fallen, "distribution", np.where(mute, "", "agent")).astype(object),
        failure=np.where(fallen, "unparsed", "").astype(object),
    )
    found = judge_answers({"agent": given}, log, bootstrap=QUICK)
    counts = found.failures.set_index("reason")["count"].to_dict()
    assert counts == {"unparsed": 10, "no answer": 10, "no probability": 10}
    assert any("10 of agent's decisions failed" in text for text in found.cautions)
    assert any("by distribution" in text for text in found.cautions)


def test_the_order_of_rows_and_of_models_changes_nothing() -> None:
    log, truth = log_of(600, 20)
    luck = np.random.default_rng(1)
    given = {"a": truth, "b": np.round(truth, 1), "c": luck.random(600)}
    plain = judge_answers({k: says(p) for k, p in given.items()}, log, base="b", bootstrap=QUICK)
    order = luck.permutation(600)
    turned = judge_answers(
        {name: says(given[name][order]) for name in ("c", "b", "a")},
        log.take(order),
        base="b",
        bootstrap=QUICK,
    )
    assert turned.models == ("c", "b", "a")
    for table in TABLES:
        same(getattr(plain, table), getattr(turned, table))


def test_the_models_are_asked_once_about_the_whole_log() -> None:
    log, truth = log_of(200)
    asked: list[Exposures] = []

    class Listens(Says):
        def decide(self, shown: Exposures) -> Clicks:
            asked.append(shown)
            return super().decide(shown)

    judge({"one": Listens(truth)}, log, bootstrap=QUICK)
    assert [len(shown) for shown in asked] == [200]


def small_log() -> LabelledExposures:
    """Categories of 40 rows: well mixed, of 3 users, without a click, clicks only; 20 rows."""
    user = np.r_[np.arange(40) % 8, np.arange(40) % 3, np.tile(np.arange(40) % 8, 2), np.arange(20)]
    clicked = np.r_[np.arange(80) % 2, np.zeros(40), np.ones(40), np.arange(20) % 2]
    names = np.repeat(["mixed", "three users", "none", "all", "few"], [40, 40, 40, 40, 20])
    return labelled(user, clicked, segments={"category": names.astype(object)})


def test_a_segment_too_small_says_so_instead_of_a_figure() -> None:
    log = small_log()
    p = np.random.default_rng(0).random(len(log))
    found = judge({"m": Says(p)}, log, bootstrap=QUICK)
    notes = {
        "mixed": "",
        "three users": "too small: 3 users, fewer than 5",
        "few": "too small: 20 exposures, fewer than 30",
        "none": "no clicks",
        "all": "clicks only",
    }
    for segment, note in notes.items():
        entry = row(found.segments, segment=segment, measure="auc")
        assert entry["note"] == note
        assert np.isnan(entry["value"]) == np.isnan(entry["low"]) == bool(note)
    assert row(found.segments, segment="none", measure="log_loss")["note"] == ""
    assert row(found.segments, segment="none", measure="click_rate_ratio")["note"] == "no clicks"
    assert row(found.segments, segment="none", measure="click_rate")["value"] == 0.0
    assert row(found.segments, segment="few", measure="log_loss")["note"].startswith("too small")
    counted = row(found.segments, segment="three users", measure="auc")
    assert (counted["exposures"], counted["users"], counted["clicks"]) == (40, 3, 20)
    assert any("2 of 5 category segments are too small" in text for text in found.cautions)


def test_numbered_segments_come_in_the_order_of_their_numbers() -> None:
    log, truth = log_of(600, 20)
    names = np.array(["10", "2", "1", "top"], dtype=object)[np.arange(600) % 4]
    found = judge({"m": Says(truth)}, replace(log, segments={"popularity": names}), bootstrap=QUICK)
    assert list(found.segments["segment"].unique()) == ["1", "2", "10", "top"]


def test_one_user_alone_has_levels_and_no_intervals() -> None:
    log = labelled(np.zeros(60), np.arange(60) % 2)
    p = np.random.default_rng(0).random(60)
    found = judge({"one": Says(p), "other": Says(p**2)}, log, bootstrap=QUICK)
    assert found.measures["value"].notna().all()
    assert found.measures[["low", "high"]].isna().all().all()
    assert found.differences[["low", "high", "p", "p_corrected"]].isna().all().all()


def test_what_rests_on_one_of_many_users_has_no_interval_either() -> None:
    """Only the first user has both answers, so that every replicate repeats the figure."""
    user = np.repeat(np.arange(20), 6)
    log = labelled(user, np.where(user == 0, np.arange(120) % 2, user % 2))
    p = np.random.default_rng(0).random(120)
    found = judge({"one": Says(p), "other": Says(1 - p)}, log, bootstrap=QUICK)
    own = row(found.measures, model="one", measure="user_auc")
    assert own["users"] == 1
    assert own[["low", "high"]].isna().all()
    gap = row(found.differences, measure="user_auc")
    assert gap["difference"] != 0
    assert gap[["low", "high", "p", "p_corrected"]].isna().all()
    assert row(found.differences, measure="log_loss")["p"] > 0
    tried = found.alignment[found.alignment["ratio"] == "1:1"]
    assert (tried["users"] == 1).all()
    assert tried[["low", "high"]].isna().all().all()


def test_differences_are_corrected_over_the_whole_table() -> None:
    log, truth = log_of(1000)
    luck = np.random.default_rng(3).normal(size=(2, 1000))
    models = {"a": Says(truth), **{f"b{k}": Says(expit(logit(truth) + luck[k])) for k in (0, 1)}}
    found = judge(models, log, bootstrap=QUICK)
    table = found.differences
    assert list(table["model"].unique()) == ["b0", "b1"]
    np.testing.assert_array_equal(table["p_corrected"], holm(table["p"].to_numpy()))
    assert "possible_auc" not in set(table["measure"])
    levels = found.measures.set_index(["model", "measure"])["value"]
    for entry in table.itertuples():
        gap = levels[(entry.model, entry.measure)] - levels[("a", entry.measure)]
        assert entry.difference == pytest.approx(gap)


def test_differences_to_several_bases_are_one_table() -> None:
    log, truth = log_of(600)
    given = {name: says(truth ** (k + 1)) for k, name in enumerate("abcd")}
    found = judge_answers(given, log, base=["b", "d"], bootstrap=QUICK)
    assert found.base == "b"
    pairs = found.differences[["model", "base"]].drop_duplicates()
    assert list(pairs.itertuples(index=False, name=None)) == [
        *((name, "b") for name in "acd"),
        *((name, "d") for name in "ac"),
    ]
    p = found.differences["p"].to_numpy()
    np.testing.assert_array_equal(found.differences["p_corrected"], holm(p))
    alone = judge_answers(given, log, base="d", bootstrap=QUICK).differences
    again = found.differences[found.differences["base"] == "d"]
    same(
        alone[alone["model"] != "b"].drop(columns="p_corrected"), again.drop(columns="p_corrected")
    )


def test_a_distance_lies_within_its_interval() -> None:
    """Resampling adds chance to what chance has lifted already."""
    log, truth = log_of()
    names = np.array([str(k) for k in range(40)], dtype=object)
    segments = {"year": names[np.random.default_rng(0).integers(0, 40, 4000)]}
    found = judge({"truth": Says(truth)}, replace(log, segments=segments), bootstrap=QUICK)
    for measure in ("calibration_error", "total_variation:year", "jensen_shannon:year"):
        entry = row(found.measures, measure=measure)
        assert entry["low"] < entry["value"] < entry["high"]


def differ(seed: int) -> Judgement:
    """Two models that are equally far from the truth, on a log of its own."""
    log, truth = log_of(400, 40, seed=seed)
    luck = np.random.default_rng([seed, 1]).normal(0, 0.5, (2, 400))
    given = {str(k): says(expit(logit(truth) + luck[k])) for k in (0, 1)}
    return judge_answers(given, replace(log, segments={}), bootstrap=QUICK)


def test_where_nothing_differs_intervals_cover_zero_and_p_is_even() -> None:
    tables = pd.concat([differ(seed).differences for seed in range(40)])
    for measure in ("auc", "log_loss", "kappa", "user_auc"):
        rows = tables[tables["measure"] == measure]
        assert rows.eval("low <= 0 <= high").mean() > 0.8
        assert (rows["p"] < 0.05).mean() < 0.15
        assert 0.3 < rows["p"].mean() < 0.7


def test_what_cannot_be_judged_is_refused() -> None:
    log, truth = log_of(100)
    with pytest.raises(ConfigError, match="mute gave no probability"):
        judge({"good": Says(truth), "mute": Says(np.full(100, np.nan))}, log)
    with pytest.raises(DataError, match="99 answers to 100 exposures"):
        judge({"short": Says(truth[:99])}, log)
    with pytest.raises(DataError, match="outside"):
        judge({"wild": Says(truth + 1)}, log)
    with pytest.raises(ConfigError, match="at least one"):
        judge({}, log)
    with pytest.raises(UnknownNameError, match="click model 'c'"):
        judge({"a": Says(truth), "b": Says(truth)}, log, base=["a", "c"])
    clicks_only = Says(np.where(log.clicked, truth, np.nan))
    with pytest.raises(DataError, match=r"were answered by every model .*picky \d+"):
        judge({"good": Says(truth), "picky": clicks_only}, log)
    with pytest.raises(DataError, match="All 5 logged answers are clicks"):
        LabelledExposures(exposures(np.arange(5)), np.ones(5, bool), np.arange(5), True, "made up")


def test_how_many_replicates_are_gone_through_at_once_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, truth = log_of(500, 20)
    given = {"a": says(truth), "b": says(np.round(truth**2, 1))}
    at_once = judge_answers(given, log, bootstrap=QUICK)
    monkeypatch.setattr(judging, "_LANES", 7)
    in_parts = judge_answers(given, log, bootstrap=QUICK)
    for table in TABLES:
        same(getattr(at_once, table), getattr(in_parts, table))


def test_the_terminal_shows_levels_and_the_paired_difference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log, truth = log_of()
    failing = np.where(np.arange(4000) < 100, np.nan, truth)
    models = {"agent": Says(failing), "distribution": Says(truth**2), "truth": Says(truth)}
    judged = judge(models, log, base="distribution", bootstrap=QUICK)
    show_judgement("Held-out users", judged)
    shown = " ".join(capsys.readouterr().out.split())
    assert "Held-out users (50 users, 3,900 exposures)" in shown
    assert "failed decisions 100 0 0" in shown
    assert f"auc {judged.value('agent', 'auc'):.3f} ±" in shown
    gap = row(judged.differences, model="agent", measure="auc")["difference"]
    assert f"agent − distribution, paired by user: auc {gap:+.3f} [" in shown
    assert "truth − distribution" not in shown
