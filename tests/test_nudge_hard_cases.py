"""Nudging where little is left to go on: nothing unseen, no direction, a target already had."""

import numpy as np
import pytest

from recommender import IPG, Arousal, ITMPRec, NextItem, PresentPreference
from recommender.nudge import Intentions
from simulator.clicks import DistributionClicks
from simulator.domain import Catalogue, Dataset, Interactions, Ragged, Vectors
from simulator.errors import ConfigError
from simulator.interfaces import RoundView
from simulator.session import simulate

ITEMS = np.array([[1, 0], [0.6, 0.8], [0, 1], [0, 0]], dtype=np.float32)
WORLD = Vectors(np.array([[1, 0], [0, 0]], dtype=np.float32), ITEMS)
TWO = Intentions(np.eye(2, dtype=np.float32))
METHODS = [
    IPG(WORLD),
    IPG(WORLD, nudge="cosine"),
    ITMPRec(WORLD, intentions=TWO),
    ITMPRec(WORLD, intentions=TWO, nudge="cosine", liking="inner"),
    NextItem(PresentPreference(WORLD)),
]


def view_of(preference: np.ndarray, seen: list[list[int]], *, target: int = 2) -> RoundView:
    n = len(seen)
    mask = np.zeros((n, len(ITEMS)), dtype=bool)
    for row, items in enumerate(seen):
        mask[row, items] = True
    return RoundView(
        round=3,
        seed=7,
        user=np.arange(n, dtype=np.int32),
        target=np.full(n, target, dtype=np.int32),
        history=Ragged.from_rows(seen),
        seen=mask,
        preference=preference.astype(np.float32),
    )


@pytest.mark.parametrize("method", METHODS, ids=lambda one: type(one).__name__)
def test_a_user_who_has_seen_everything_is_named(method: IPG) -> None:
    view = view_of(WORLD.user, [[0], [0, 1, 2, 3]])
    with pytest.raises(ConfigError, match=r"User 1 has seen all 4 items by round 3.*fewer rounds"):
        method.recommend(view)


def test_arousal_of_a_user_who_has_seen_everything_is_refused_too() -> None:
    with pytest.raises(ConfigError, match="User 1 has seen all 4 items"):
        Arousal(WORLD).kept_weight(view_of(WORLD.user, [[0], [0, 1, 2, 3]]))


@pytest.mark.parametrize("method", METHODS[:3], ids=lambda one: type(one).__name__)
def test_a_user_without_direction_is_led_straight_to_the_target(method: IPG) -> None:
    # All products are 0 and so all likings one half: the nudges 0, .8, 1, 0 alone decide. (The
    # shared intention, prototype 0 for user and items 0 and 3, cannot lift a nudge of 0.)
    assert method.recommend(view_of(np.zeros((1, 2)), [[]])).tolist() == [2]


def test_a_user_without_direction_is_shown_the_lowest_unseen_row() -> None:
    view = view_of(np.zeros((2, 2)), [[], [0, 1]])
    assert METHODS[4].recommend(view).tolist() == [0, 2]
    # And their favourites are the lowest rows, here item 0 with cosine 0 to the target.
    assert Arousal(WORLD, top=1, floor=0.0).kept_weight(view).tolist() == [1.0, 0.0]


def test_a_target_without_direction_pulls_nowhere() -> None:
    # Every nudge is 0, and so every score: the lowest unseen row.
    view = view_of(np.array([[1.0, 0.0]]), [[0]], target=3)
    assert METHODS[0].recommend(view).tolist() == [1]
    assert Arousal(WORLD, floor=0.2).kept_weight(view) == pytest.approx([0.8])


def test_a_target_that_the_user_has_is_never_shown_and_still_steered_to() -> None:
    view = view_of(np.array([[1.0, 0.0]]), [[2]])
    assert METHODS[0].recommend(view).tolist() == [1]


def test_zero_vectors_live_through_a_run() -> None:
    """Clicks move a user without direction to the items; ranks and similarities stay numbers."""
    interactions = Interactions.from_columns(
        np.array([0, 1]), np.array([3, 3]), np.zeros(2), n_users=2, n_items=4
    )
    names = ["a", "b", "c", "d"]
    data = Dataset("tiny", Catalogue(names, names, [()] * 4), interactions, ["u", "v"])
    run = simulate(
        data,
        IPG(WORLD),
        DistributionClicks(w=0.0, b=0.0, noise=1.0),
        rounds=3,
        targets=np.array([2, 3]),
        vectors=WORLD,
        evolution=Arousal(WORLD),
    )
    assert run.exposures["similarity"].notna().all()
    assert run.exposures["rank"].between(0, 3).all()
    assert run.exposures.groupby(["user", "target"])["item"].nunique().eq(3).all()
