"""Retraining on simulated clicks: what is fitted when, on what, and after an interruption."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from adapter_worlds import N_USERS, Likes, two_tastes
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from recommender import PopularItems
from recommender.adapters import fit_implicit
from recommender.retraining import Retrained, with_clicks
from simulator import simulate
from simulator.domain import Clicks, Dataset, Exposures, Interactions, Vectors
from simulator.errors import ConfigError
from simulator.interfaces import Learner, RoundView
from simulator.testing import RecommenderContract

USERS = np.arange(N_USERS - 1)


def als() -> AlternatingLeastSquares:
    with threadpool_limits(1, "blas"):
        return AlternatingLeastSquares(factors=8, random_state=1, num_threads=1)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return two_tastes()


def retrained(data: Dataset, every: int) -> tuple[Retrained, list[Interactions]]:
    """The most popular item, fitted anew, and all that it was fitted to."""
    given: list[Interactions] = []

    def fit(interactions: Interactions) -> PopularItems:
        given.append(interactions)
        return PopularItems(interactions)

    return Retrained(fit, data.interactions, every=every), given


def test_it_is_fitted_after_every_kth_round_on_all_clicks_so_far(data: Dataset) -> None:
    recommender, given = retrained(data, every=2)
    assert isinstance(recommender, Learner)
    run = simulate(data, recommender, Likes(), rounds=5, users=USERS)
    clicks = run.exposures[run.exposures["clicked"]]
    for log, rounds in zip(given, (0, 2, 4), strict=True):
        new = clicks[clicks["round"] <= rounds]
        assert len(log) == len(data.interactions) + len(new)
        is_new = log.time > data.interactions.time.max()
        found = pd.MultiIndex.from_arrays([log.user[is_new], log.item[is_new]])
        assert set(found) == set(zip(new["user"], new["item"], strict=True))
    assert run.cost["refits"] == 2


def test_what_is_shown_changes_with_the_first_fit_and_not_before(data: Dataset) -> None:
    fit = partial(fit_implicit, model=als())
    once, again = (
        simulate(data, one, Likes(), rounds=5, users=USERS).exposures
        for one in (fit(data.interactions), Retrained(fit, data.interactions, every=3))
    )
    same = (once["item"] == again["item"]).groupby(once["round"]).mean()
    assert (same[[1, 2, 3]] == 1).all()
    assert same[4] < 0.9


def test_clicks_come_after_the_log_in_the_order_of_rounds_and_positions() -> None:
    log = Interactions.from_columns(
        np.array([0, 1]), np.array([0, 1]), np.array([7, 5]), np.array([3.0, 5.0]),
        n_users=2, n_items=9,
    )  # fmt: skip
    shown = np.array([[[2, 3], [4, 5]], [[6, 7], [8, 2]], [[5, 6], [7, 8]]])
    clicked = np.array([[[0, 1], [1, 1]], [[0, 0], [0, 1]], [[1, 0], [0, 0]]], dtype=bool)
    grown = with_clicks(log, np.array([1, 0, 1]), shown, clicked)
    assert grown.histories[0].tolist() == [0, 2]
    # Of the two episodes of user 1, the second's click in round 1 is in the first position.
    assert grown.histories[1].tolist() == [1, 5, 3, 4, 5]
    assert grown.time.tolist() == [7, 11, 5, 8, 9, 10, 11]
    assert grown.rating is not None
    assert grown.rating.tolist() == [3, 5, 5, 5, 5, 5, 5]


def test_a_resumed_run_equals_an_undisturbed_one(data: Dataset, tmp_path: Path) -> None:
    def play(out: Path, clicks: object) -> None:
        recommender = Retrained(partial(fit_implicit, model=als()), data.interactions, every=2)
        simulate(data, recommender, clicks, rounds=6, users=USERS, out=out, seed=3)

    class Dies(Likes):
        """Up to the fourth round."""

        def decide(self, shown: Exposures) -> Clicks:
            if shown.round[0] == 4:
                raise KeyboardInterrupt
            return super().decide(shown)

        def describe(self) -> str:
            return "Likes"

    play(tmp_path / "whole", Likes())
    with pytest.raises(KeyboardInterrupt):
        play(tmp_path / "cut", Dies())
    play(tmp_path / "cut", Likes())
    whole, cut = (sorted((tmp_path / name / "rounds").iterdir()) for name in ("whole", "cut"))
    assert [one.read_bytes() for one in whole] == [one.read_bytes() for one in cut]
    assert len(whole) == 6


def test_counters_of_all_fits_add_up(data: Dataset) -> None:
    class Counting(PopularItems):
        def recommend(self, view: RoundView) -> np.ndarray:
            self.asked = getattr(self, "asked", 0) + len(view)
            return super().recommend(view)

        def usage(self) -> dict[str, float]:
            return {"asked": getattr(self, "asked", 0), "nothing": 0}

    recommender = Retrained(Counting, data.interactions, every=2)
    run = simulate(data, recommender, Likes(), rounds=5, users=USERS)
    assert recommender.usage() == {"refits": 2, "asked": 5 * len(USERS), "nothing": 0}
    assert run.cost["asked"] == 5 * len(USERS)
    again = simulate(data, recommender, Likes(), rounds=5, users=USERS)
    assert recommender.usage() == {"refits": 4, "asked": 10 * len(USERS), "nothing": 0}
    assert again.cost["asked"] == 5 * len(USERS)


def test_each_run_starts_from_the_log_alone(data: Dataset) -> None:
    fit = partial(fit_implicit, model=als())
    recommender = Retrained(fit, data.interactions, every=2)
    first, second = (
        simulate(data, recommender, Likes(), rounds=5, users=USERS).exposures for _ in range(2)
    )
    assert first["item"].equals(second["item"])


def test_another_run_with_as_many_rounds_is_another_lesson(data: Dataset) -> None:
    recommender, given = retrained(data, every=2)
    shown = np.arange(4, dtype=np.int32).reshape(2, 2, 1)
    for clicked in (np.ones(shown.shape, bool), np.ones(shown.shape, bool), shown > 1):
        recommender.learn(np.array([0, 1]), shown, clicked)
    assert [len(log) - len(data.interactions) for log in given] == [0, 4, 2]


def test_settings_out_of_range_are_refused(data: Dataset) -> None:
    with pytest.raises(ConfigError, match="every=0"):
        retrained(data, every=0)


def test_targets_give_a_user_several_episodes(data: Dataset) -> None:
    recommender, given = retrained(data, every=1)
    ones = np.ones((data.n_users, 2), np.float32), np.ones((data.n_items, 2), np.float32)
    simulate(data, recommender, Likes(), rounds=2, users=USERS[:4],
             targets=np.array([38, 39]), vectors=Vectors(*ones).normalised())  # fmt: skip
    assert len(given) == 2
    assert isinstance(recommender.recommender, PopularItems)
    assert given[1].user.max() < data.n_users


def test_a_view_goes_through(data: Dataset) -> None:
    recommender, _ = retrained(data, every=1)
    seen = np.zeros((1, data.n_items), dtype=bool)
    one = np.zeros(1, dtype=np.int32)
    view = RoundView(1, 0, one, one, data.interactions.histories.take(one), seen)
    assert recommender.recommend(view).shape == (1,)
    assert recommender.describe() == "Retrained(PopularItems, every=1)"


class TestRetrainedContract(RecommenderContract):
    def data(self) -> Dataset:
        return two_tastes()

    def recommender(self, data: Dataset) -> Retrained:
        return Retrained(partial(fit_implicit, model=als()), data.interactions, every=2)
