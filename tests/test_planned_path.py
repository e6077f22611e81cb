"""A path planned once, and what is shown where it has nothing to show."""

from dataclasses import replace

import numpy as np
import pytest

from recommender import PopularItems
from recommender.nudge.planned_path import ENDED, PlannedPath
from simulator.clicks import DistributionClicks
from simulator.domain import Dataset, IntArray, Ragged, Vectors
from simulator.errors import ConfigError
from simulator.interfaces import Recommender, RoundView
from simulator.session import simulate

HISTORIES = Ragged.from_rows([[0, 1], [2], [], [0, 1, 2, 3, 4]])
N_ITEMS = 8


class Upwards(PlannedPath):
    """The unseen items after the target, in a circle; ends after `longest` of them."""

    longest = 99

    def plan(self, user: IntArray, target: IntArray) -> IntArray:
        out = np.full((len(user), self.rounds), ENDED, dtype=np.int32)
        self.asked = getattr(self, "asked", 0) + len(user)
        for row, (person, goal) in enumerate(zip(user, target, strict=True)):
            circle = (goal + np.arange(1, self.n_items + 1)) % self.n_items
            path = circle[~np.isin(circle, self.histories[person])][: self.rounds][: self.longest]
            out[row, : len(path)] = path
        return out


def view(user: list[int], target: list[int], round: int = 1) -> RoundView:
    rows = np.array(user, dtype=np.int32)
    history = HISTORIES.take(rows)
    return RoundView(
        round=round,
        seed=0,
        user=rows,
        target=np.array(target, dtype=np.int32),
        history=history,
        seen=history.mask(N_ITEMS),
    )


def test_round_by_round_the_path_is_shown() -> None:
    planner = Upwards(HISTORIES, N_ITEMS, rounds=3)
    assert isinstance(planner, Recommender)
    shown = [planner.recommend(view([0, 3, 0], [4, 0, 6], k)).tolist() for k in (1, 2, 3)]
    assert shown == [[5, 5, 7], [6, 6, 2], [7, 7, 3]]
    assert planner.asked == 3
    assert planner.usage() == {"paths_planned": 3, "steps_beyond": 0}


def test_a_pair_is_planned_once_whatever_the_blocks() -> None:
    users, targets = np.arange(4).repeat(3), np.tile([7, 1, 5], 4)
    whole = Upwards(HISTORIES, N_ITEMS, rounds=3)
    expected = whole.paths(users, targets)
    parts = Upwards(HISTORIES, N_ITEMS, rounds=3)
    order = np.random.default_rng(3).permutation(12)
    for rows in np.array_split(order, 5):
        np.testing.assert_array_equal(parts.paths(users[rows], targets[rows]), expected[rows])
    np.testing.assert_array_equal(parts.paths(users, targets), expected)
    np.testing.assert_array_equal(parts.paths(users[:0], targets[:0]), expected[:0])
    assert parts.asked == 12


def test_beyond_the_path_somebody_else_recommends_and_is_counted(data: Dataset) -> None:
    planner = Upwards(HISTORIES, N_ITEMS, rounds=3, beyond=_Lowest())
    planner.longest = 2
    assert planner.recommend(view([0, 1], [4, 4], 2)).tolist() == [6, 6]
    assert planner.recommend(view([0, 1], [4, 4], 3)).tolist() == [2, 0]
    assert planner.usage()["steps_beyond"] == 2


def test_what_was_seen_meanwhile_is_not_shown_again() -> None:
    planner = Upwards(HISTORIES, N_ITEMS, rounds=3, beyond=_Lowest())
    first = view([0, 1], [4, 4])
    seen = first.seen.copy()
    seen[1, 5] = True
    assert planner.recommend(replace(first, seen=seen)).tolist() == [5, 0]
    with pytest.raises(ConfigError, match=r"User 1's path .* round 1 \(1 such .*`beyond`"):
        Upwards(HISTORIES, N_ITEMS, rounds=3).recommend(replace(first, seen=seen))


class _Lowest:
    """The lowest unseen row."""

    def recommend(self, view: RoundView) -> IntArray:
        assert len(view.history) == len(view) == len(view.seen) == len(view.target)
        return np.asarray((~view.seen).argmax(axis=1).astype(np.int32))


@pytest.mark.parametrize(
    ("user", "target", "round", "message"),
    [
        ([0], [4], 4, r"3 steps .* round 4 .*rounds=4 or more"),
        ([0], [-1], 1, "no item to be nudged towards"),
        ([0], [8], 1, "no item to be nudged towards"),
    ],
)
def test_what_cannot_be_shown(user: list[int], target: list[int], round: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Upwards(HISTORIES, N_ITEMS, rounds=3).recommend(view(user, target, round))


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match="rounds=0 must be 1 or more"):
        Upwards(HISTORIES, N_ITEMS, rounds=0)
    with pytest.raises(ConfigError, match="hold item 4, the catalogue only 3"):
        Upwards(HISTORIES, 3, rounds=1)
    with pytest.raises(ConfigError, match="User 4 is none of the 4"):
        Upwards(HISTORIES, N_ITEMS, rounds=1).paths(np.array([4]), np.array([0]))


def test_a_run_shows_the_planned_items_whatever_is_clicked(data: Dataset, vectors: Vectors) -> None:
    histories = data.interactions.histories
    planner = Upwards(histories, data.n_items, rounds=4)
    run = simulate(
        data,
        planner,
        DistributionClicks.preset("released-code"),
        rounds=4,
        seed=1,
        vectors=vectors,
        targets=np.array([3, 40]),
        block_size=7,
    )
    rows = run.exposures.sort_values(["target", "user", "round"])
    shown = rows["item"].to_numpy().reshape(-1, 4)
    users, targets = np.tile(np.arange(data.n_users), 2), np.repeat([3, 40], data.n_users)
    np.testing.assert_array_equal(shown, planner.paths(users, targets))
    assert rows["clicked"].nunique() == 2
    assert planner.usage()["steps_beyond"] == 0


def test_a_path_shorter_than_the_run(data: Dataset, vectors: Vectors) -> None:
    planner = Upwards(
        data.interactions.histories, data.n_items, rounds=4, beyond=PopularItems(data.interactions)
    )
    planner.longest = 3
    clicks = DistributionClicks.preset("released-code")
    simulate(data, planner, clicks, rounds=4, vectors=vectors, targets=np.array([3]))
    assert planner.usage() == {"paths_planned": 30, "steps_beyond": 30}
