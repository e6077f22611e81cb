"""IPG, ITMPRec, intentions and pre-match on cases worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from recommender import IPG, Arousal, ITMPRec, prematch
from recommender.nudge import Intentions
from recommender.representation import PresentPreference
from simulator.domain import Ragged, Vectors
from simulator.errors import ConfigError, UnknownNameError
from simulator.interfaces import PreferenceEvolution, Recommender, RoundView


def world(users: list[list[float]], items: list[list[float]]) -> Vectors:
    return Vectors(np.array(users, dtype=np.float32), np.array(items, dtype=np.float32))


def intentions(vectors: Vectors, n: int, *, seed: int = 0) -> Intentions:
    return Intentions.fit(vectors.item, vectors.user, n_intentions=n, seed=seed)


def view_of(
    preference: np.ndarray, target: list[int], n_items: int, seen: np.ndarray | None = None
) -> RoundView:
    n = len(target)
    return RoundView(
        round=1,
        seed=7,
        user=np.arange(n, dtype=np.int32),
        target=np.array(target, dtype=np.int32),
        history=Ragged.empty(n),
        seen=np.zeros((n, n_items), dtype=bool) if seen is None else seen,
        preference=preference,
    )


# One user on the first axis, the target (item 3) on the second.
#   item            e_u . e_i   (e_i - e_u) . e_j   IPG
#   0  (1, 0)         1           0                 0
#   1  (0.8, 0.6)     0.8         0.6               0.48
#   2  (0.6, 0.8)     0.6         0.8               0.48
#   3  (0, 1)         0           1                 0
#   4  (0.7, 0.7)     0.7         0.7               0.49
#   5  (-1, -1)      -1          -1                 1 (two negatives: as published)
ITEMS = [[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0], [0.7, 0.7], [-1.0, -1.0]]
WORLD = world([[1.0, 0.0]], ITEMS)


def test_ipg_ranks_by_liking_times_nudge() -> None:
    seen = np.zeros((4, 6), dtype=bool)
    seen[1:, 5] = True
    seen[2:, 4] = True
    seen[3, [1, 2]] = True
    four_times = np.repeat(WORLD.user, 4, axis=0)
    shown = IPG(WORLD, liking="inner").recommend(view_of(four_times, [3] * 4, 6, seen)).tolist()
    assert shown[:2] == [5, 4]
    assert shown[2] in {1, 2}
    assert shown[3] == 0


def test_a_sigmoid_keeps_two_negatives_from_making_a_positive() -> None:
    # Item 5 leads away from the target's side of the user; its nudge is -1, its liking 1 / (1 + e).
    # Best by sigmoid: item 4, .668 * .7 = .468; item 2, .646 * .8 = .517; item 3, .5 * 1 = .5.
    seen = np.zeros((3, 6), dtype=bool)
    seen[1:, 2] = True
    seen[2, 3] = True
    view = view_of(np.repeat(WORLD.user, 3, axis=0), [3] * 3, 6, seen)
    assert IPG(WORLD, liking="sigmoid").recommend(view).tolist() == [2, 3, 4]
    alone = ITMPRec(WORLD, intentions=intentions(WORLD, 2), intention_weight=0, liking="sigmoid")
    assert alone.recommend(view).tolist() == [2, 3, 4]
    for method in (IPG, ITMPRec):
        with pytest.raises(UnknownNameError, match="Did you mean 'sigmoid'"):
            method(WORLD, liking="sigmoidal")


def test_ipg_starts_from_the_present_vector_not_the_first() -> None:
    seen = np.zeros((1, 6), dtype=bool)
    seen[0, 5] = True
    # e_u = (0, 2): nudges 0 - 2 < 0 but for likings of 0 or more, so item 0 (0 * -2 = 0) wins.
    moved = np.array([[0.0, 2.0]], dtype=np.float32)
    assert IPG(WORLD, liking="inner").recommend(view_of(moved, [3], 6, seen)).tolist() == [0]


def test_intentions_find_the_clusters_and_the_nearest() -> None:
    vectors = world([[0.0, 0.0], [10.0, 0.0]], [[0.0, 2.0], [10.0, 2.0]])
    found = intentions(vectors, 2, seed=3)
    assert sorted(found.prototypes.tolist()) == [[0.0, 1.0], [10.0, 1.0]]
    nearest = found.prototypes[found.nearest(np.array([[1, 9], [6, 0]], dtype=np.float32))]
    assert nearest.tolist() == [[0.0, 1.0], [10.0, 1.0]]


def test_nearest_is_by_distance_and_not_by_inner_product() -> None:
    prototypes = np.array([[1.0, 0.0], [10.0, 0.0]], dtype=np.float32)
    row = np.array([[2.0, 0.1]], dtype=np.float32)
    # Inner products 2 and 20 would say the second; distances 1 and 8 say the first.
    assert Intentions(prototypes).nearest(row).tolist() == [0]
    # Cosines: .9988 to (1, 0), 1 to (4, .2).
    tilted = np.array([[1.0, 0.0], [4.0, 0.2]], dtype=np.float32)
    assert Intentions(tilted).nearest(row).tolist() == [0]
    assert Intentions(tilted, "cosine").nearest(row).tolist() == [1]


def test_itmprec_adds_the_weighted_product_of_intentions() -> None:
    # Prototypes (k-means of users and items): A = (0, 1) from the left pair, B = (4, 1).
    vectors = world([[0.0, 0.0], [4.0, 0.0]], [[0.0, 2.0], [4.0, 2.0], [3.9, 1.0], [0.0, 1.0]])
    method = ITMPRec(
        vectors, intention_weight=2.0, intentions=intentions(vectors, 2), liking="inner"
    )
    left, right = sorted(method.intentions.prototypes.tolist())
    assert left == pytest.approx([0.0, 1.0])
    assert right == pytest.approx([11.9 / 3, 1.0])
    preference = np.array([[1.0, 0.5]], dtype=np.float32)
    # Target 0 = (0, 2); nearest prototype of the user: A. A.A = 1, A.B = 1: the same bonus of 2.
    #   item 0: (1.0 + 2) * (4 - 1) = 9;   item 1: (5.0 + 2) * (4 - 1) = 21
    #   item 2: (4.4 + 2) * (2 - 1) = 6.4; item 3: (0.5 + 2) * (2 - 1) = 2.5
    order = []
    seen = np.zeros((1, 4), dtype=bool)
    for _ in range(4):
        order.append(int(method.recommend(view_of(preference, [0], 4, seen))[0]))
        seen[0, order[-1]] = True
    assert order == [1, 0, 2, 3]


def test_no_intention_weight_leaves_ipg() -> None:
    # Items 0 and 1: liking .5 and 1, nudge 1 and .45. With prototypes at the points themselves,
    # lambda = 1 doubles both likings; the two methods agree at lambda = 0 whatever those are.
    vectors = world([[1.0, 0.0]], [[0.5, 1.0], [1.0, 0.45], [0.0, 1.0]])
    view = view_of(vectors.user, [2], 3)
    without = ITMPRec(
        vectors, intention_weight=0.0, intentions=intentions(vectors, 2), liking="inner"
    )
    assert (
        without.recommend(view).tolist()
        == IPG(vectors, liking="inner").recommend(view).tolist()
        == [0]
    )


def test_intentions_can_outweigh_liking() -> None:
    prototypes = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=np.float32)
    vectors = world([[1.0, 0.0, 0.0]], [[0.4, 0.1, 0.6], [0.3, 0.1, 0.0], [0.0, 1.0, 0.0]])
    view = view_of(vectors.user, [2], 3, np.array([[False, False, True]]))
    for weight, choice in ((0.0, 0), (1.0, 1)):
        method = ITMPRec(
            vectors, intention_weight=weight, intentions=Intentions(prototypes), liking="inner"
        )
        # Item 0 lies nearest the second prototype, item 1 the first, as the user does: bonus 0, 1.
        # .4 * .1 against (.3 + weight) * .1
        assert method.recommend(view).tolist() == [choice]


def test_same_seed_same_prototypes() -> None:
    rng = np.random.default_rng(0)
    vectors = Vectors(
        rng.normal(size=(200, 8)).astype(np.float32), rng.normal(size=(300, 8)).astype(np.float32)
    )
    first, again, other = (intentions(vectors, 8, seed=seed).prototypes for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_prematch_takes_the_items_all_users_are_nearest_to() -> None:
    # Users sum to (3, 1): appeal 3, 1, 4, -3, 4.
    vectors = world([[1, 0], [2, 1]], [[1, 0], [0, 1], [1, 1], [-1, 0], [1, 1]])
    assert prematch(vectors, np.arange(5), 3).tolist() == [2, 4, 0]
    assert prematch(vectors, np.array([3, 1, 1]), 2).tolist() == [1, 3]
    with pytest.raises(ConfigError, match="3 targets from a pool of 2 items"):
        prematch(vectors, np.array([3, 1, 1]), 3)
    with pytest.raises(ConfigError, match=r"0\.\.4"):
        prematch(vectors, np.array([5]), 1)


# Arousal: user on the first axis; cosines to it 1, .8, .6, 0; to target 3: 0, .6, .8, 1.
LIKED = world([[1.0, 0.0]], [[2.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 3.0]])


@pytest.mark.parametrize(
    ("pooling", "top", "sensitivity"),
    [("mean", 2, 0.3), ("max", 2, 0.6), ("sum", 2, 0.6), ("sum", 3, 1.0), ("mean", 9, 0.6)],
)
def test_arousal_pools_the_cosines_of_the_best_liked(
    pooling: str, top: int, sensitivity: float
) -> None:
    method = Arousal(LIKED, top=top, pooling=pooling, floor=0.0)
    # The present vector's length must not matter.
    kept = method.kept_weight(view_of(5 * LIKED.user, [3], 4))
    assert kept.dtype == np.float32
    assert kept == pytest.approx(np.array([1 - sensitivity]), abs=1e-6)


def test_arousal_looks_only_at_unseen_items_and_keeps_its_floor() -> None:
    seen = np.array([[True, True, False, False]])
    method = Arousal(LIKED, top=1)
    assert method.kept_weight(view_of(LIKED.user, [3], 4, seen)) == pytest.approx([0.2])
    # Only item 0 left of the liked ones: cosine 0 to the target, floor .2, as a weight of .8.
    assert method.kept_weight(view_of(LIKED.user, [3], 4)) == pytest.approx([0.8])
    # Fewer unseen items than `top`: the mean is over those there are.
    wide = Arousal(LIKED, top=10)
    assert wide.kept_weight(view_of(LIKED.user, [3], 4, seen)) == pytest.approx([0.1])


def blocks(view: RoundView, size: int) -> list[RoundView]:
    """The first 40 blocks of a view."""
    assert view.preference is not None
    parts = []
    for start in range(0, min(len(view), 40 * size), size):
        rows = np.arange(start, min(start + size, len(view)))
        parts.append(
            replace(
                view,
                user=view.user[rows],
                target=view.target[rows],
                history=view.history.take(rows),
                seen=view.seen[rows],
                preference=view.preference[rows],
            )
        )
    return parts


@pytest.mark.parametrize("size", [1, 7, 100])
def test_blocks_do_not_matter_to_the_last_bit(size: int) -> None:
    rng = np.random.default_rng(5)
    vectors = Vectors(
        rng.normal(size=(600, 16)).astype(np.float32), rng.normal(size=(130, 16)).astype(np.float32)
    ).normalised()
    seen = rng.random((600, 130)) < 0.6
    view = view_of(vectors.user, rng.integers(130, size=600).tolist(), 130, seen)
    methods = [
        IPG(vectors).recommend,
        ITMPRec(vectors, intentions=intentions(vectors, 8)).recommend,
    ]
    methods.append(ITMPRec(vectors, intentions=intentions(vectors, 8), liking="inner").recommend)
    for recommend in methods:
        shown = recommend(view)
        assert shown.dtype == np.int32
        assert not seen[np.arange(600), shown].any()
    methods += [Arousal(vectors, pooling=pooling).kept_weight for pooling in ("mean", "max", "sum")]
    for method in methods:
        apart = np.concatenate([method(block) for block in blocks(view, size)])
        assert np.array_equal(method(view)[: len(apart)], apart)


def test_methods_answer_the_protocols() -> None:
    assert isinstance(IPG(WORLD), Recommender)
    assert isinstance(ITMPRec(WORLD, intentions=intentions(WORLD, 2)), Recommender)
    assert isinstance(Arousal(WORLD), PreferenceEvolution)


@pytest.mark.parametrize(
    "ask",
    [
        IPG(WORLD, liking="inner").recommend,
        ITMPRec(WORLD, intentions=intentions(WORLD, 2)).recommend,
        Arousal(WORLD).kept_weight,
    ],
)
def test_a_round_that_cannot_be_nudged_says_why(ask) -> None:
    good = view_of(WORLD.user, [3], 6)
    with pytest.raises(ConfigError, match="this run has none"):
        ask(replace(good, preference=None))
    with pytest.raises(ConfigError, match="3 dimensions"):
        ask(replace(good, preference=np.ones((1, 3), dtype=np.float32)))
    with pytest.raises(ConfigError, match=r"User 0 has no item to be nudged towards.*prematch"):
        ask(replace(good, target=np.array([-1], dtype=np.int32)))
    with pytest.raises(ConfigError, match="User 0 has seen all 6 items"):
        ask(replace(good, seen=np.ones((1, 6), dtype=bool)))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="intention_weight"):
        ITMPRec(WORLD, intention_weight=-1)
    with pytest.raises(ConfigError, match=r"n_intentions=8 must lie in 1\.\.6"):
        intentions(WORLD, 8)
    with pytest.raises(ConfigError, match="intentions of its own space"):
        ITMPRec(WORLD, representation=PresentPreference(WORLD))
    with pytest.raises(ConfigError, match="Intentions of 3 dimensions for items of 2"):
        ITMPRec(WORLD, intentions=Intentions(np.ones((2, 3), dtype=np.float32)))
    with pytest.raises(UnknownNameError, match="Did you mean 'cosine'"):
        IPG(WORLD, nudge="cosines")
    with pytest.raises(UnknownNameError, match="Did you mean 'mean'"):
        Arousal(WORLD, pooling="men")
    with pytest.raises(ConfigError, match="top=0"):
        Arousal(WORLD, top=0)
    with pytest.raises(ConfigError, match="floor"):
        Arousal(WORLD, floor=1.5)
