"""Adapters of implicit and Cornac, on the real libraries: numbering, folding in, what is shown."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from adapter_worlds import N_ITEMS, N_USERS, Likes, same_taste, two_tastes, view_of
from cornac.data import Dataset as CornacDataset
from cornac.models import BPR, EASE, MF, VAECF, GRU4Rec, UserKNN
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recommender.adapters import (
    CornacRecommender,
    ImplicitRecommender,
    LibraryRecommender,
    Numbering,
    fit_cornac,
    fit_implicit,
)
from recommender.baselines import PopularItems
from simulator import simulate
from simulator.domain import Dataset, Interactions, Ragged
from simulator.errors import ConfigError, DataError, MissingExtraError
from simulator.interfaces import RoundView
from simulator.testing import RecommenderContract

# implicit turns its own matrix round while fitting, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Method expects CSR input")

TRAINED = np.arange(N_USERS - 1)
NEVER_TRAINED = N_USERS - 1
Fit = Callable[[Interactions], LibraryRecommender]


def als() -> AlternatingLeastSquares:
    with threadpool_limits(1, "blas"):
        return AlternatingLeastSquares(factors=8, random_state=1, num_threads=1)


def bpr() -> BayesianPersonalizedRanking:
    return BayesianPersonalizedRanking(
        factors=8, iterations=300, learning_rate=0.05, random_state=1, num_threads=1
    )


FITS: dict[str, Fit] = {
    "implicit ALS": lambda log: fit_implicit(log, als()),
    "implicit BPR": lambda log: fit_implicit(log, bpr()),
    "implicit cosine": lambda log: fit_implicit(log, CosineRecommender(K=10, num_threads=1)),
    "Cornac BPR": lambda log: fit_cornac(
        log, BPR(k=8, max_iter=300, learning_rate=0.05, num_threads=1, seed=1)
    ),
    "Cornac EASE": lambda log: fit_cornac(log, EASE(seed=1, verbose=False)),
    "Cornac UserKNN": lambda log: fit_cornac(log, UserKNN(k=10, num_threads=1, verbose=False)),
    "Cornac GRU4Rec": lambda log: fit_cornac(
        log,
        GRU4Rec(layers=[16], n_epochs=20, batch_size=16, n_sample=16, device="cpu", seed=1),
    ),
}
EACH = [pytest.param(n, marks=pytest.mark.slow) if "GRU" in n else n for n in FITS]
"""With the one that imports torch among the slow ones."""
FROM_TRAINING_TIME = ["implicit BPR", "Cornac BPR", "Cornac EASE", "Cornac UserKNN"]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return two_tastes()


@pytest.fixture(scope="module")
def fitted(data: Dataset) -> Callable[[str], LibraryRecommender]:
    made: dict[str, LibraryRecommender] = {}

    def fit(name: str) -> LibraryRecommender:
        if name not in made:
            made[name] = FITS[name](data.interactions)
        return made[name]

    return fit


@pytest.mark.parametrize("name", EACH)
def test_unseen_items_are_shown_and_blocks_do_not_matter(
    name: str, data: Dataset, fitted: Callable[[str], LibraryRecommender]
) -> None:
    recommender, view = fitted(name), view_of(data, TRAINED)
    shown = recommender.recommend(view)
    assert shown.dtype == np.int32
    assert not view.seen[TRAINED, shown].any()
    apart = [recommender.recommend(view_of(data, part)) for part in np.split(TRAINED, [1, 20, 58])]
    assert np.array_equal(shown, np.concatenate(apart))


@pytest.mark.parametrize("name", EACH)
def test_a_model_that_has_learnt_shows_the_users_own_half(
    name: str, data: Dataset, fitted: Callable[[str], LibraryRecommender]
) -> None:
    view = view_of(data, TRAINED)
    assert same_taste(view, fitted(name).recommend(view)).mean() > 0.9


@pytest.mark.parametrize("name", EACH)
def test_the_same_interactions_give_the_same_recommender(
    name: str, data: Dataset, fitted: Callable[[str], LibraryRecommender]
) -> None:
    view = view_of(data, TRAINED)
    again = FITS[name](data.interactions)
    assert np.array_equal(again.recommend(view), fitted(name).recommend(view))


@pytest.mark.parametrize("name", EACH)
def test_users_that_the_library_never_saw_are_shown_something_unseen(
    name: str, data: Dataset, fitted: Callable[[str], LibraryRecommender]
) -> None:
    history = Ragged.from_rows([[1, 3, 5]])
    view = view_of(data, np.array([NEVER_TRAINED]), history)
    (shown,) = fitted(name).recommend(view)
    assert shown not in (1, 3, 5)
    if "ALS" in name or "cosine" in name or "GRU" in name:
        assert shown % 2 == 1


@pytest.mark.parametrize("name", [n for n in EACH if n not in FROM_TRAINING_TIME])
def test_new_clicks_are_folded_in(
    name: str, data: Dataset, fitted: Callable[[str], LibraryRecommender]
) -> None:
    evens = TRAINED[TRAINED % 2 == 0]
    turned = Ragged.from_rows([[1, 3, 5, 7, 9, 11, 13]] * len(evens))
    shown = fitted(name).recommend(view_of(data, evens, turned))
    assert (shown % 2 == 1).mean() > 0.9


@pytest.mark.parametrize("name", FROM_TRAINING_TIME)
def test_what_is_not_folded_in_answers_from_training_time(
    name: str, data: Dataset, fitted: Callable[[str], LibraryRecommender]
) -> None:
    evens = TRAINED[TRAINED % 2 == 0]
    turned = Ragged.from_rows([[1, 3, 5, 7, 9, 11, 13]] * len(evens))
    shown = fitted(name).recommend(view_of(data, evens, turned))
    assert (shown % 2 == 0).mean() > 0.9


@pytest.mark.parametrize("name", ["implicit ALS", "Cornac BPR"])
def test_a_run_with_each(
    name: str, data: Dataset, fitted: Callable[[str], LibraryRecommender]
) -> None:
    run = simulate(data, fitted(name), Likes(), rounds=5, users=TRAINED)
    assert run.exposures.groupby("user")["item"].nunique().eq(5).all()
    assert run.exposures["clicked"].mean() > 0.7


class TestImplicitContract(RecommenderContract):
    def data(self) -> Dataset:
        return two_tastes()

    def recommender(self, data: Dataset) -> LibraryRecommender:
        return FITS["implicit ALS"](data.interactions)


class TestCornacContract(TestImplicitContract):
    def recommender(self, data: Dataset) -> LibraryRecommender:
        return FITS["Cornac EASE"](data.interactions)


def shuffled(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Another order of the users and items, in which some are missing."""
    generator = np.random.default_rng(9)
    return generator.permutation(TRAINED)[5:], generator.permutation(N_ITEMS - 1)[3:]


def test_implicit_is_asked_in_its_own_numbers(data: Dataset) -> None:
    users, items = shuffled(data)
    past = data.interactions
    dense = past.histories.mask(data.n_items)[users][:, items].astype(np.float32)
    theirs = csr_matrix(dense)
    numbering = Numbering.of_ids(
        data.user_ids,
        data.catalogue.item_ids,
        users=[data.user_ids[u] for u in users],
        items=[data.catalogue.item_ids[i] for i in items],
    )
    for model, folds_in in ((als(), True), (bpr(), False), (CosineRecommender(K=10), False)):
        model.fit(theirs, show_progress=False)
        own, _ = model.recommend(np.arange(len(users)), theirs, N=3, recalculate_user=folds_in)
        ours = ImplicitRecommender(model, numbering, k=3)
        assert np.array_equal(ours.recommend(view_of(data, users)), items[own])


def test_implicit_shows_dropped_items_only_when_told_what_else_to_go_by(data: Dataset) -> None:
    users, items = shuffled(data)
    model = als()
    dense = data.interactions.histories.mask(data.n_items)[users][:, items]
    model.fit(csr_matrix(dense.astype(np.float32)), show_progress=False)
    numbering = Numbering.of_ids(range(N_USERS), range(N_ITEMS), users=users, items=items)
    view = view_of(data, users)
    shown = np.array([i in items for i in ImplicitRecommender(model, numbering).recommend(view)])
    assert shown.all()
    view.seen[:, items] = True
    with pytest.raises(ConfigError, match=r"has no score for user .*PopularItems"):
        ImplicitRecommender(model, numbering).recommend(view)
    popular = PopularItems(data.interactions)
    recommender = ImplicitRecommender(model, numbering, fallback=popular)
    assert np.array_equal(recommender.recommend(view), popular.recommend(view))
    assert recommender.usage() == {"adapter_by_fallback": len(users)}


@pytest.mark.parametrize("model", [BPR(k=8, seed=1), MF(k=8, seed=1), EASE(verbose=False),
                                   pytest.param(VAECF(k=4, n_epochs=2, batch_size=20, seed=1),
                                                marks=pytest.mark.slow)])  # fmt: skip
def test_cornac_ranks_as_the_adapter_does(data: Dataset, model: Any) -> None:
    users, items = shuffled(data)
    log = data.interactions
    own = {int(u): k for k, u in enumerate(users)}
    triplets = [
        (data.user_ids[u], data.catalogue.item_ids[i], 1.0 + (u * i) % 5)
        for u, i in zip(log.user.tolist(), log.item.tolist(), strict=True)
        if u in own and i in items
    ]
    np.random.default_rng(4).shuffle(triplets)
    triplets = [(u, i, float(r)) for u, i, r in triplets]
    trained = CornacDataset.from_uir(triplets, seed=1)
    model.fit(trained)
    ours = CornacRecommender(model, data.user_ids, data.catalogue.item_ids)
    view = view_of(data, users)
    shown = ours.recommend(view)
    for row, user in enumerate(users):
        ranked = model.recommend(data.user_ids[user], remove_seen=True, train_set=trained)
        unseen = [i for i in data.catalogue.rows(ranked) if not view.seen[row, i]]
        scores = ours.scores(view)[row]
        assert scores[shown[row]] == pytest.approx(scores[unseen[0]], abs=1e-5)


def test_ids_of_another_data_set_are_refused(data: Dataset) -> None:
    with pytest.raises(DataError, match=r"knows none of the 2 users: .*'u1', .*'1'"):
        Numbering.of_ids(["u1", "u2"], ["a"], users=[1, 2], items=["a"])
    with pytest.raises(DataError, match="none of the 1 items"):
        Numbering.of_ids(["1", "2"], ["b"], users=[1, 2], items=["a"])


def test_a_numbering_of_another_matrix_is_refused() -> None:
    model = als()
    model.fit(csr_matrix(np.eye(4, dtype=np.float32)), show_progress=False)
    with pytest.raises(DataError, match="up to item 4, and the model has 4 items"):
        ImplicitRecommender(model, Numbering.same(4, 5))
    with pytest.raises(DataError, match="up to user 5, and the model has 4 users"):
        ImplicitRecommender(model, Numbering.same(6, 4))


def test_numbers_and_words_are_the_same_id() -> None:
    numbering = Numbering.of_ids(["7", "8", "9"], [1], users={9: 0, 7: 1}, items=["1"])
    assert numbering.user.tolist() == [1, -1, 0]
    assert numbering.users(np.array([2, 0, 5])).tolist() == [0, 1, -1]


def test_slates_are_best_first_and_distinct(
    data: Dataset, fitted: Callable[[str], LibraryRecommender]
) -> None:
    view = view_of(data, TRAINED)
    wide = fit_implicit(data.interactions, als(), k=4).recommend(view)
    assert wide.shape == (len(TRAINED), 4)
    assert np.array_equal(wide[:, 0], fitted("implicit ALS").recommend(view))
    assert all(len(set(row)) == 4 for row in wide.tolist())
    view.seen[:, 3:] = True
    with pytest.raises(ConfigError, match="fewer than the slate's 4"):
        fit_implicit(data.interactions, als(), k=4).recommend(view)


def test_a_diverged_model_is_named(data: Dataset) -> None:
    model = als()
    model.fit(csr_matrix(np.eye(4, dtype=np.float32)), show_progress=False)
    model.item_factors[2] = np.nan
    with pytest.raises(ConfigError, match=r"implicit's AlternatingLeastSquares.*diverged"):
        ImplicitRecommender(model)


def test_an_unfitted_model_and_a_missing_library_are_named(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="not fitted"):
        CornacRecommender(BPR(), ["1"], ["1"])
    monkeypatch.setitem(sys.modules, "cornac", None)
    with pytest.raises(MissingExtraError, match=r"nudgesim\[cornac\]"):
        fit_cornac(data.interactions, BPR())


def test_scores_of_another_shape_are_refused(data: Dataset) -> None:
    class Narrow(LibraryRecommender):
        def scores(self, view: RoundView) -> np.ndarray:
            return np.zeros((len(view), 3))

        def model_name(self) -> str:
            return "narrow"

    with pytest.raises(ConfigError, match=r"Narrow.scores must return shape \(59, 40\)"):
        Narrow(N_ITEMS, k=1, fallback=None).recommend(view_of(data, TRAINED))
