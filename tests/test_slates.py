"""Slates through the whole loop, and what the loop refuses to take from its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evals import compare, render_report, summarise, to_markdown
from evals.bootstrap import Bootstrap
from evals.metrics import click_rate_by_position, hit_rate, sources
from recommender import RandomItems
from simulator.clicks import CascadeExamination, DistributionClicks, PositionExamination
from simulator.domain import Clicks, Dataset, Exposures, IntArray, Vectors
from simulator.errors import ConfigError, NudgesimError
from simulator.interfaces import RoundView
from simulator.runlog import Run
from simulator.session import simulate

CLICKS = DistributionClicks(w=4.0, b=0.0)
QUICK = Bootstrap(replicates=100)
EXAMINED = (1.0, 0.5, 0.2)


class Slates:
    """Shows the first k unseen items, by an order of its own for each user."""

    def __init__(self, k: int = 3) -> None:
        self.k = k

    def recommend(self, view: RoundView) -> IntArray:
        place = (np.arange(view.seen.shape[1]) * 37 + 11 * view.user[:, None]) % 60
        return np.argsort(place + 1000 * view.seen, axis=1)[:, : self.k]


def run_slates(data: Dataset, vectors: Vectors, clicks: Any, name: str = "run", k: int = 3) -> Run:
    run = simulate(
        data, Slates(k), clicks, rounds=6, seed=3, targets=np.array([3, 9]), vectors=vectors
    )
    return replace(run, manifest={**run.manifest, "name": name})


def test_examined_slates_run_through_the_loop(data: Dataset, vectors: Vectors) -> None:
    plain = run_slates(data, vectors, CLICKS)
    examined = run_slates(data, vectors, PositionExamination(CLICKS, EXAMINED))
    assert len(examined.exposures) == len(plain.exposures) == 6 * 2 * 30 * 3
    rows = examined.exposures
    unseen = rows["source"] == "examination"
    assert not rows["clicked"][unseen].any()
    assert set(rows["reason"][unseen]) == {"not examined"}
    share = unseen.groupby(rows["position"]).mean()
    assert np.allclose(share, 1 - np.array(EXAMINED), atol=0.08)
    # Up to the first click nobody has moved: the same luck, so fewer clicks and no others.
    first = rows["round"] == 1
    assert not (rows["clicked"] & ~plain.exposures["clicked"])[first].any()
    chance = rows["probability"] / np.take(EXAMINED, rows["position"])
    assert np.allclose(chance[first], plain.exposures["probability"][first], atol=1e-5)


@pytest.mark.parametrize(
    "clicks", [PositionExamination(CLICKS, EXAMINED), CascadeExamination(CLICKS)]
)
def test_blocks_never_cut_a_slate(data: Dataset, vectors: Vectors, clicks: Any) -> None:
    def play(block_size: int | None) -> pd.DataFrame:
        return simulate(
            data, Slates(), clicks, rounds=3, vectors=vectors, block_size=block_size
        ).exposures

    pd.testing.assert_frame_equal(play(None), play(7), check_exact=True)


def test_an_interrupted_run_of_slates_goes_on_to_the_same_bytes(
    data: Dataset, vectors: Vectors, tmp_path: Path
) -> None:
    clicks = CascadeExamination(CLICKS, after_click=0.3)

    def play(name: str, rounds_left: int) -> None:
        def count(_: Clicks) -> None:
            nonlocal rounds_left
            rounds_left -= 1
            if rounds_left < 0:
                raise NudgesimError("the power is cut")

        simulate(
            data, Slates(), clicks, rounds=4, vectors=vectors, out=tmp_path / name, progress=count
        )

    play("whole", 4)
    with pytest.raises(NudgesimError):
        play("cut", 2)
    play("cut", 4)
    for file in sorted((tmp_path / "whole" / "rounds").iterdir()):
        assert file.read_bytes() == (tmp_path / "cut" / "rounds" / file.name).read_bytes()
    assert click_rate_by_position(Run.load(tmp_path / "cut")).shape == (30, 3)


def test_a_cascade_is_clicked_once_a_slate(data: Dataset, vectors: Vectors) -> None:
    run = run_slates(data, vectors, CascadeExamination(CLICKS))
    by_slate = run.exposures.groupby(["user", "target", "round"])["clicked"].sum()
    assert by_slate.max() == 1
    assert by_slate.mean() > 0.5


def test_hit_rate_counts_exposures_and_positions_are_told_apart(
    data: Dataset, vectors: Vectors
) -> None:
    run = run_slates(data, vectors, PositionExamination(CLICKS, EXAMINED))
    rows = run.exposures
    early = rows[rows["round"] <= 4]
    expected = early["clicked"].sum() / (4 * 3 * 30 * 2)
    assert hit_rate(run)[4].mean() == pytest.approx(expected)
    places = click_rate_by_position(run)
    assert places.shape == (30, 3)
    by_hand = rows[rows["user"] == 4].groupby("position")["clicked"].mean()
    assert np.allclose(places.loc[4], by_hand)
    told = summarise(run)["click_rate_by_position"]
    assert [told[str(k)]["mean"] for k in range(3)] == pytest.approx(
        rows.groupby("position")["clicked"].mean().tolist(), abs=1e-6
    )
    assert told["0"]["low"] < told["0"]["mean"] < told["0"]["high"]


def test_who_decided_lists_what_was_not_examined_last(data: Dataset, vectors: Vectors) -> None:
    run = run_slates(data, vectors, PositionExamination(CLICKS, (0.2, 0.2, 0.2)))
    assert sources(run).index.tolist() == ["distribution", "examination"]
    assert sources(run)["examination"] > sources(run)["distribution"]


def test_tables_and_report_show_positions_for_slates_alone(data: Dataset, vectors: Vectors) -> None:
    plain = run_slates(data, vectors, CLICKS, "plain")
    biased = run_slates(data, vectors, PositionExamination(CLICKS, EXAMINED), "biased")
    found = compare([plain, biased], bootstrap=QUICK)
    assert not found.cautions
    text = to_markdown(found)
    assert "Click rate by position" in text
    rates = biased.exposures.groupby("position")["clicked"].mean()
    assert f"| {rates[2]:.3f} ±" in text
    assert text.count("not examined, so not clicked") == 1
    html = render_report(found)
    assert "Click rate by position" in html
    assert "0 (top)" in html
    assert html.count("<svg") >= 3
    single = run_slates(data, vectors, CLICKS, "single", k=1)
    assert "by position" not in render_report(compare([single], bootstrap=QUICK))
    mixed = compare([plain, single], bootstrap=QUICK)
    assert "different numbers of items a round (plain 3, single 1)" in mixed.cautions[0]
    assert "| 2 |" in to_markdown(mixed)


def answering(function: Callable[[RoundView], Any], name: str = "Careless") -> Any:
    """A recommender of a class of its own that answers as `function` does."""
    return type(name, (), {"recommend": lambda _, view: function(view)})()


def unseen(view: RoundView) -> IntArray:
    return np.argsort(view.seen, axis=1, kind="stable")


class OnAnAccelerator:
    """A tensor that numpy cannot read."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("move it to the host first")


WRONG: list[tuple[Callable[[RoundView], Any], str]] = [
    (lambda view: None, r"it gave None. Is its `return` missing\?"),
    (lambda view: [[1, 2]] * 29 + [[3]], r"row 0 has 2 items, row 29 has 1"),
    (lambda view: [np.arange(2)] * 29 + [np.arange(3)], r"row 0 has 2 items, row 29 has 3"),
    (
        lambda view: np.array([[1, 2]] * 29 + [[3]], dtype=object),
        r"unequal length: row 0 has 2 items, row 29 has 1",
    ),
    (lambda view: unseen(view)[:, 0].astype(float), r"whole: return rows\.astype"),
    (lambda view: np.where(view.user == 4, np.nan, 3.0), r"with NaN, first at \(4,\)"),
    (lambda view: np.full(len(view), 0.5), "scores, it seems; return the rows of the best"),
    (lambda view: np.where(view.seen, np.nan, 0.5), r"scores, it seems.*argmax\(axis=1\)"),
    (lambda view: view.seen[:, 0], "mask of bools"),
    (lambda view: np.full(len(view), "i3"), r"data\.catalogue\.rows\(ids\)"),
    (lambda view: ["i3", "i12", "i4"] * 10, r"<U3 of shape \(30,\).*data\.catalogue\.rows\(ids\)"),
    (lambda view: {"items": [3]}, "it gave object"),
    (lambda view: iter([3]), "it gave object"),
    (lambda view: OnAnAccelerator(), r"move it to the host first"),
    (lambda view: unseen(view)[:, :3].T, r"int64 of shape \(3, 30\).* transposed\?"),
    (lambda view: unseen(view)[:3, 0], r"shape \(30,\) or \(30, k\).*shape \(3,\)"),
    (lambda view: unseen(view)[:, :0], r"shape \(30, 0\)"),
    (lambda view: np.zeros((30, 1, 1), dtype=int), r"shape \(30, 1, 1\)"),
    (lambda view: np.where(view.user == 7, -1, unseen(view)[:, 0]), r"gave -1 to user 'u7'.*found"),
    (lambda view: np.full(len(view), 60), r"0\.\.59; it gave 60 .*count items from 1\?"),
    (lambda view: np.arange(30) * 7919, r"\(2\d of 30 .*ids of the source\?"),
    (
        lambda view: unseen(view)[:, [0, 1, 0]],
        r"gave user 'u0' item 'i\d+' \('Film \d+', row \d+\) twice in one slate in round 1 \(30",
    ),
    (
        lambda view: view.history.values[view.history.offsets[:-1]],
        r"gave user 'u0' item 'i\d+' \('Film \d+', row \d+\) in round 1, which is in the history "
        r"\(30 of 30 .*view\.seen.*repeats = True",
    ),
]


@pytest.mark.parametrize(("answer", "words"), WRONG, ids=[words[:30] for _, words in WRONG])
def test_a_bad_answer_names_its_recommender_and_the_cause(
    data: Dataset, vectors: Vectors, answer: Callable[[RoundView], Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=f"(?s)recommender Careless .*{words}"):
        simulate(data, answering(answer), CLICKS, vectors=vectors, rounds=2)


def test_an_answer_for_all_users_is_told(data: Dataset, vectors: Vectors) -> None:
    careless = answering(lambda view: np.zeros(30, dtype=int))
    with pytest.raises(ConfigError, match=r"answer for all 30 users\? The view holds 5 episodes"):
        simulate(data, careless, CLICKS, vectors=vectors, users=np.arange(5), rounds=1)


class Never:
    """Clicks nothing."""

    def decide(self, shown: Exposures) -> Clicks:
        return Clicks.of(np.zeros(len(shown), dtype=bool), source="never")


def test_what_was_shown_before_is_refused(data: Dataset) -> None:
    def stubborn(view: RoundView) -> IntArray:
        return unseen(replace(view, seen=data.interactions.histories.mask(60)))[:, 0]

    with pytest.raises(ConfigError, match=r"gave user 'u0' .* in round 2, which was shown before"):
        simulate(data, answering(stubborn), Never(), rounds=3)


def test_a_user_who_has_seen_everything_is_told_apart(data: Dataset) -> None:
    greedy = answering(lambda view: np.where(view.seen, -1.0, 0.0).argmax(axis=1))
    with pytest.raises(ConfigError, match="has seen every item by now: run fewer rounds"):
        simulate(data, greedy, Never(), rounds=60)


def test_who_means_to_repeat_says_so(data: Dataset, vectors: Vectors) -> None:
    radio = answering(lambda view: view.history.values[view.history.offsets[:-1]], "Radio")
    radio.repeats = True
    run = simulate(data, radio, CLICKS, vectors=vectors, rounds=3)
    assert run.exposures.duplicated(["user", "item"]).any()


def test_slates_keep_their_size_through_a_run(data: Dataset, vectors: Vectors) -> None:
    growing = answering(lambda view: unseen(view)[:, : view.round])
    with pytest.raises(ConfigError, match="slates of 2 items in round 2, and of 1 before"):
        simulate(data, growing, CLICKS, vectors=vectors, rounds=3)
    by_block = answering(lambda view: unseen(view)[:, : 1 + int(view.user[0] > 3)])
    with pytest.raises(ConfigError, match="slates of 2 items in round 1, and of 1 before"):
        simulate(data, by_block, CLICKS, vectors=vectors, rounds=3, block_size=8)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda n: np.full(n, 0.5), r"must return Clicks, and gave float64 of shape \(30,\)"),
        (lambda n: None, "must return Clicks, and gave NoneType"),
        (lambda n: Clicks.of(np.ones(n - 1, dtype=bool), source="x"), r"30 exposures .*\(29,\)"),
        (
            lambda n: Clicks.of(np.ones(n, dtype=bool), source="x", probability=np.full(n, 1.5)),
            r"P\(click\) = 1\.5 in row 0.* before its sigmoid",
        ),
        (
            lambda n: Clicks.of(np.ones(n, dtype=bool), source="x", probability=np.ones(3)),
            r"`probability` of shape \(3,\)",
        ),
    ],
)
@pytest.mark.parametrize("steering", [True, False])
def test_a_bad_click_model_is_named(
    data: Dataset, vectors: Vectors, answer: Callable[[int], Any], words: str, steering: bool
) -> None:
    odd = type("OddClicks", (), {"decide": lambda _, shown: answer(len(shown))})()
    clicks, beside = (odd, {}) if steering else (CLICKS, {"odd": odd})
    with pytest.raises(ConfigError, match=f"click model OddClicks .*{words}"):
        simulate(data, RandomItems(), clicks, vectors=vectors, rounds=1, beside=beside)


@pytest.mark.parametrize("weights", [np.full(30, np.nan), np.full(30, 2.0), np.ones(3), [0.5], "x"])
def test_bad_weights_are_named(data: Dataset, vectors: Vectors, weights: Any) -> None:
    class Drifting:
        def kept_weight(self, view: RoundView) -> Any:
            return weights

    with pytest.raises(ConfigError, match=r"Drifting\.kept_weight must return 30 weights"):
        simulate(data, RandomItems(), CLICKS, vectors=vectors, rounds=1, evolution=Drifting())
