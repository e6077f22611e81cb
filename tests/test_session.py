from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simulator.clicks import DistributionClicks, Fallback
from simulator.domain import Clicks, Dataset, Exposures, FloatArray, IntArray, Vectors
from simulator.errors import (
    ConfigError,
    DataError,
    FailureCeilingError,
    NudgesimError,
    RunError,
    UndecidedError,
)
from simulator.interfaces import ClickModel, PreferenceEvolution, Recommender, RoundView
from simulator.runlog import EPISODE_COLUMNS, EXPOSURE_COLUMNS, Run, RunLog
from simulator.session import simulate

TARGETS = np.array([3, 17, 40], dtype=np.int32)
CLICKS = DistributionClicks(w=5.0, b=0.1)


class Steering:
    """Shows the unseen item nearest to the target."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def recommend(self, view: RoundView) -> IntArray:
        scores = self.vectors.item[view.target] @ self.vectors.item.T
        return np.where(view.seen, -np.inf, scores).argmax(axis=1)


class Slates:
    """Shows the first three unseen items."""

    def recommend(self, view: RoundView) -> IntArray:
        return np.argsort(view.seen, axis=1, kind="stable")[:, :3]


class Sluggish:
    def kept_weight(self, view: RoundView) -> FloatArray:
        return np.where(view.user % 2 == 0, 0.5, 0.9).astype(np.float32)


def run_small(
    data: Dataset,
    vectors: Vectors,
    *,
    recommender: Recommender | None = None,
    clicks: ClickModel = CLICKS,
    evolution: PreferenceEvolution | None = None,
    out: Path | None = None,
    block_size: int | None = None,
    seed: int = 7,
) -> Run:
    return simulate(
        data,
        recommender or Steering(vectors),
        clicks,
        rounds=6,
        seed=seed,
        targets=TARGETS,
        vectors=vectors,
        evolution=evolution or Sluggish(),
        beside={"other": DistributionClicks(w=1.0, b=0.8)},
        out=out,
        block_size=block_size,
    )


def test_a_run_has_one_row_an_exposure_and_moves_preferences(
    data: Dataset, vectors: Vectors
) -> None:
    run = run_small(data, vectors)
    assert tuple(run.episodes.columns) == EPISODE_COLUMNS
    assert set(EXPOSURE_COLUMNS) < set(run.exposures.columns)
    assert len(run.exposures) == 6 * 3 * 30
    assert run.rounds == 6
    assert run.beside == ("other",)
    last = run.exposures[run.exposures["round"] == 6]
    assert last["similarity"].mean() > run.episodes["similarity"].mean() + 0.1
    assert last["rank"].mean() < run.episodes["rank"].mean()
    assert run.exposures["clicked"].equals(run.exposures["draw"] < run.exposures["probability"])


def test_a_preference_moves_as_the_equation_says(data: Dataset, vectors: Vectors) -> None:
    first = run_small(data, vectors).exposures.iloc[0]
    user, target, item = int(first["user"]), int(first["target"]), int(first["item"])
    expected = vectors.user[user].astype(np.float64)
    if first["clicked"]:
        expected = 0.5 * expected + 0.5 * vectors.item[item]
        expected /= np.linalg.norm(expected)
    assert first["similarity"] == pytest.approx(expected @ vectors.item[target], abs=1e-6)


def test_shown_items_are_seen_from_then_on(data: Dataset, vectors: Vectors) -> None:
    run = run_small(data, vectors)
    assert not run.exposures.duplicated(["user", "target", "item"]).any()
    histories = data.interactions.histories
    for user, item in run.exposures[["user", "item"]].to_numpy():
        assert item not in histories[user]


def test_clicked_items_join_the_history(data: Dataset, vectors: Vectors) -> None:
    class Watching:
        def __init__(self) -> None:
            self.shown: list[Exposures] = []

        def decide(self, shown: Exposures) -> Clicks:
            self.shown.append(shown)
            return CLICKS.decide(shown)

    watching = Watching()
    run = run_small(data, vectors, clicks=watching)
    episode = run.exposures[(run.exposures["user"] == 4) & (run.exposures["target"] == 17)]
    accepted = episode[episode["clicked"] & (episode["round"] < 6)]["item"].tolist()
    final = watching.shown[-1]
    row = int(np.flatnonzero((final.user == 4) & (final.target == 17))[0])
    assert final.history[row].tolist() == data.interactions.histories[4].tolist() + accepted
    assert accepted


@pytest.mark.parametrize("block_size", [1, 7, 64])
def test_block_size_never_changes_results(data: Dataset, vectors: Vectors, block_size: int) -> None:
    whole = run_small(data, vectors).exposures
    blocked = run_small(data, vectors, block_size=block_size).exposures
    pd.testing.assert_frame_equal(whole, blocked, check_exact=True)


def test_seeds_decide_the_luck(data: Dataset, vectors: Vectors) -> None:
    one, same, other = (run_small(data, vectors, seed=s).exposures for s in (7, 7, 8))
    assert one.equals(same)
    assert not one["draw"].equals(other["draw"])


def test_slates_show_several_items_with_draws_of_their_own(data: Dataset, vectors: Vectors) -> None:
    run = run_small(data, vectors, recommender=Slates())
    assert len(run.exposures) == 6 * 3 * 30 * 3
    assert set(run.exposures["position"]) == {0, 1, 2}
    assert run.exposures["draw"].nunique() == len(run.exposures)
    assert not run.exposures.duplicated(["user", "target", "item"]).any()


def test_without_targets_or_vectors_preferences_stand_still(data: Dataset) -> None:
    class Patient:
        def decide(self, shown: Exposures) -> Clicks:
            return Clicks.from_probability(np.full(len(shown), 0.3), shown.draw, source="patient")

    run = simulate(data, Slates(), Patient(), rounds=2)
    assert len(run.exposures) == 2 * 30 * 3
    assert (run.exposures["target"] == -1).all()
    assert run.exposures["similarity"].isna().all()
    assert (run.exposures["rank"] == -1).all()


class Dying:
    """Decides like the distribution model until its battery is empty."""

    def __init__(self, decisions: int) -> None:
        self.left = decisions

    def decide(self, shown: Exposures) -> Clicks:
        self.left -= len(shown)
        if self.left < 0:
            raise NudgesimError("battery empty")
        return CLICKS.decide(shown)

    def describe(self) -> str:
        return "same"


def test_an_interrupted_run_goes_on_to_the_same_bytes(
    data: Dataset, vectors: Vectors, tmp_path: Path
) -> None:
    run_small(data, vectors, clicks=Dying(10**9), out=tmp_path / "whole", block_size=50)
    for battery in (200, 100, 350, 10**9):
        with contextlib.suppress(NudgesimError):
            run_small(data, vectors, clicks=Dying(battery), out=tmp_path / "cut", block_size=50)
    names = sorted(p.name for p in (tmp_path / "whole" / "rounds").iterdir())
    assert len(names) == 6
    for name in ["episodes.parquet", *(f"rounds/{n}" for n in names)]:
        whole, cut = (tmp_path / run / name for run in ("whole", "cut"))
        assert whole.read_bytes() == cut.read_bytes(), name
    assert Run.load(tmp_path / "cut").cost["decisions"] == 6 * 90


def test_a_run_may_have_a_thousand_rounds(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.begin({})
    for number in range(1, 999):
        log.round_path(number).touch()
    for number in (999, 1000):
        log.write_round(number, pd.DataFrame({"round": [number]}), {})
    assert log.finished_rounds()[-1] == 1000


def test_a_directory_of_another_run_is_refused(
    data: Dataset, vectors: Vectors, tmp_path: Path
) -> None:
    run_small(data, vectors, out=tmp_path / "run")
    with pytest.raises(RunError, match=r"seed = 7, not 8"):
        run_small(data, vectors, out=tmp_path / "run", seed=8)


class Unsure:
    """Fails on every third row."""

    def decide(self, shown: Exposures) -> Clicks:
        failed = np.arange(len(shown)) % 3 == 0
        return Clicks.of(
            ~failed,
            source=np.where(failed, "", "unsure"),
            failure=np.where(failed, "no answer", ""),
        )


def test_a_failure_without_fallback_stops_the_run(data: Dataset, vectors: Vectors) -> None:
    with pytest.raises(UndecidedError, match=r"30 of 90 decisions failed.*no answer.*--fallback"):
        run_small(data, vectors, clicks=Unsure())


def test_a_fallback_decides_failures_in_the_open(data: Dataset, vectors: Vectors) -> None:
    clicks = Fallback(Unsure(), CLICKS)
    exposures = run_small(data, vectors, clicks=clicks).exposures
    failed = exposures["failure"] == "no answer"
    assert failed.sum() == clicks.ceiling.failures["no answer"] == 180
    assert set(exposures[failed]["source"]) == {"distribution"}
    assert set(exposures[~failed]["source"]) == {"unsure"}
    assert exposures[failed]["probability"].notna().all()


def test_the_ceiling_stops_the_run(data: Dataset, vectors: Vectors) -> None:
    with pytest.raises(FailureCeilingError, match=r"30 of 90 decisions failed.*no answer"):
        run_small(data, vectors, clicks=Fallback(Unsure(), CLICKS, ceiling=0.2))


def test_bad_answers_of_a_recommender_are_named(data: Dataset) -> None:
    class Answer:
        def __init__(self, answer: object) -> None:
            self.answer = answer

        def recommend(self, view: RoundView) -> IntArray:
            return np.asarray(self.answer)

    for answer, words in (
        (np.zeros(3, dtype=int), r"shape \(30,\)"),
        (np.full(30, 60), r"0\.\.59"),
        (np.full(30, 0.5), "integer"),
    ):
        with pytest.raises(ConfigError, match=words):
            simulate(data, Answer(answer), CLICKS)


def test_bad_settings_are_named(data: Dataset, vectors: Vectors) -> None:
    recommender = Slates()
    with pytest.raises(ConfigError, match="rounds = 0"):
        simulate(data, recommender, CLICKS, rounds=0)
    with pytest.raises(ConfigError, match="targets must be distinct"):
        simulate(data, recommender, CLICKS, targets=np.array([1, 1]))
    with pytest.raises(ConfigError, match=r"targets must be row numbers in 0\.\.59"):
        simulate(data, recommender, CLICKS, targets=np.array([60]))
    with pytest.raises(DataError, match="train them on this data set"):
        simulate(data, recommender, CLICKS, vectors=Vectors(vectors.user[:5], vectors.item))
    with pytest.raises(ConfigError, match="needs user and item vectors"):
        simulate(data, recommender, CLICKS)


def test_an_empty_history_is_an_error(data: Dataset, vectors: Vectors) -> None:
    from dataclasses import replace

    empty = replace(data, interactions=data.interactions.take(data.interactions.user != 4))
    with pytest.raises(DataError, match=r"1 users have an empty history.*'u4'"):
        simulate(empty, Slates(), CLICKS, vectors=vectors)
