"""Models with `predict`, and callables that speak of ids."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from adapter_worlds import N_USERS, same_taste, two_tastes, view_of
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from recommender import PopularItems
from recommender.adapters import ByIds, Predictor
from recommender.top_k import TopK
from simulator import simulate
from simulator.domain import Clicks, Dataset, Exposures
from simulator.errors import ConfigError
from simulator.testing import RecommenderContract

TRAINED = np.arange(N_USERS - 1)


class AlwaysClicks:
    def decide(self, shown: Exposures) -> Clicks:
        return Clicks.from_probability(np.ones(len(shown)), shown.draw, source="always")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return two_tastes()


def features(users: np.ndarray, items: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"user": users % 2, "item": items % 2, "pair": users % 2 * 2 + items % 2})


@pytest.fixture(scope="module")
def examples(data: Dataset) -> tuple[pd.DataFrame, np.ndarray]:
    """Each of the users with each of the items, and whether it was taken."""
    user, item = np.meshgrid(TRAINED, np.arange(data.n_items), indexing="ij")
    taken = data.interactions.histories.mask(data.n_items)[TRAINED]
    return features(user.ravel(), item.ravel()), taken.ravel()


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(OneHotEncoder(), LogisticRegression()),
        make_pipeline(OneHotEncoder(), LinearSVC()),
        HistGradientBoostingRegressor(max_iter=20),
    ],
    ids=["probability", "margin", "regression"],
)
def test_a_model_with_predict_shows_what_it_thinks_most_of(
    model: LogisticRegression, data: Dataset, examples: tuple[pd.DataFrame, np.ndarray]
) -> None:
    rows, taken = examples
    is_regressor = isinstance(model, HistGradientBoostingRegressor)
    predictor = Predictor(model.fit(rows, taken.astype(float) if is_regressor else taken), features)
    view = view_of(data, TRAINED)
    shown = TopK(predictor, 2).recommend(view)
    assert same_taste(view, shown[:, 0]).all()
    assert same_taste(view, shown[:, 1]).all()
    assert not view.seen[TRAINED[:, None], shown].any()


def test_the_loop_takes_it_as_it_is(
    data: Dataset, examples: tuple[pd.DataFrame, np.ndarray]
) -> None:
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(*examples)
    run = simulate(data, Predictor(model, features), AlwaysClicks(), rounds=4, users=TRAINED)
    shown = run.exposures
    assert (shown["item"] % 2 == shown["user"] % 2).all()
    assert run.manifest["config"]["recommender"] == "TopK(Predictor(Pipeline), k=1)"


def test_the_class_that_means_a_click_can_be_said(
    data: Dataset, examples: tuple[pd.DataFrame, np.ndarray]
) -> None:
    rows, taken = examples
    words = np.where(taken, "bought", "passed")
    view = view_of(data, TRAINED)
    for estimator in (LogisticRegression(), LinearSVC()):
        model = make_pipeline(OneHotEncoder(), estimator).fit(rows, words)
        shown = TopK(Predictor(model, features, clicked="bought")).recommend(view)
        assert same_taste(view, shown).all()
        shown = TopK(Predictor(model, features, clicked="passed")).recommend(view)
        assert not same_taste(view, shown).any()
    with pytest.raises(ConfigError, match=r"\['bought', 'passed'\].*clicked='passed'"):
        Predictor(model, features)


def test_what_cannot_predict_is_refused(
    data: Dataset, examples: tuple[pd.DataFrame, np.ndarray]
) -> None:
    with pytest.raises(ConfigError, match=r"dict has no predict\(X\)"):
        Predictor({}, features)
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(*examples)
    short = Predictor(model, lambda users, items: features(users, items)[:-1])
    with pytest.raises(ConfigError, match="must return as many rows"):
        TopK(short).recommend(view_of(data, TRAINED))


def after_the_newest(
    item_ids: list[str], users: list[str], histories: list[list[str]], n: int
) -> list[list[str]]:
    """The n items that follow the newest one in the alphabet."""
    ranked = []
    for history in histories:
        start = item_ids.index(history[-1])
        ranked.append((item_ids[start:] + item_ids[:start])[:n])
    return ranked


def test_a_callable_is_asked_by_ids_and_need_not_know_what_was_seen(data: Dataset) -> None:
    ids = sorted(data.catalogue.item_ids)
    function = partial(after_the_newest, ids)
    view = view_of(data, TRAINED)
    shown = ByIds(function, data.user_ids, data.catalogue.item_ids, k=2).recommend(view)
    for row in range(len(view)):
        start = ids.index(data.catalogue.item_ids[view.history[row][-1]])
        order = data.catalogue.rows(ids[start:] + ids[:start])
        assert shown[row].tolist() == [i for i in order if not view.seen[row, i]][:2]


class TestByIdsContract(RecommenderContract):
    def data(self) -> Dataset:
        return two_tastes()

    def recommender(self, data: Dataset) -> ByIds:
        function = partial(after_the_newest, sorted(data.catalogue.item_ids))
        return ByIds(function, data.user_ids, data.catalogue.item_ids, k=2)


def test_the_users_that_are_asked_about_are_those_of_the_rows(data: Dataset) -> None:
    asked: list[str] = []

    def remembers(users: list[str], histories: list[list[str]], n: int) -> list[list[str]]:
        asked.extend(users)
        return [list(data.catalogue.item_ids)] * len(users)

    some = np.array([7, 3, 3, 20])
    ByIds(remembers, data.user_ids, data.catalogue.item_ids).recommend(view_of(data, some))
    assert asked == [data.user_ids[user] for user in some]


def test_unknown_ids_are_passed_over_and_too_few_are_an_error_without_a_fallback(
    data: Dataset,
) -> None:
    def knows_one(users: list[str], histories: list[list[str]], n: int) -> list[list[str]]:
        return [["elsewhere", data.catalogue.item_ids[39]]] * len(users)

    view, ids = view_of(data, TRAINED), (data.user_ids, data.catalogue.item_ids)
    assert (ByIds(knows_one, *ids).recommend(view) == 39).all()
    with pytest.raises(ConfigError, match=r"knows_one.*no score for user 0.*fallback="):
        ByIds(knows_one, *ids, k=2).recommend(view)
    popular = PopularItems(data.interactions)
    shown = ByIds(knows_one, *ids, k=2, fallback=popular).recommend(view)
    assert np.array_equal(shown[:, 1], popular.recommend(view))


def test_answers_for_other_users_are_refused(data: Dataset) -> None:
    ids = (data.user_ids, data.catalogue.item_ids)
    with pytest.raises(ConfigError, match=r"asked about 59 users.*gave 1"):
        ByIds(lambda users, histories, n: [["x"]], *ids).recommend(view_of(data, TRAINED))
