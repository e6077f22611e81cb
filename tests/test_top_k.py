"""Pointwise scorers: asked in batches, the best unseen items shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from played import check_played, liking, play, view_of

from recommender import TopK
from simulator.domain import Dataset
from simulator.errors import ConfigError
from simulator.shapes import as_recommender


def test_a_pointwise_scorer_shows_the_best_unseen_item(data: Dataset) -> None:
    class Rates:
        vectors = None

        def score(self, users: Any, items: Any) -> Any:
            return liking(users, items)

    by_function, by_object = play(data, liking), play(data, Rates())
    check_played(data, by_function)
    assert by_function.exposures["item"].equals(by_object.exposures["item"])
    assert by_function.manifest["config"]["recommender"] == "TopK(liking, k=1)"

    view = view_of(data, [4, 0, 9])
    items = as_recommender(liking, data).recommend(view)
    for row, user in enumerate(view.user):
        scores = np.where(view.seen[row], -np.inf, liking(user, np.arange(data.n_items)))
        assert items[row] == scores.argmax()  # ties to the lower row


def test_slates_of_the_best_are_ordered_and_distinct(data: Dataset) -> None:
    view = view_of(data, np.arange(data.n_users), targets=3)
    slates = TopK(liking, k=5).recommend(view)
    assert slates.shape == (3 * data.n_users, 5)
    for row, user in enumerate(view.user):
        scores = np.where(view.seen[row], -1, liking(user, np.arange(data.n_items)))
        assert slates[row].tolist() == np.argsort(-scores, kind="stable")[:5].tolist()
    check_played(data, play(data, TopK(liking, k=5)), slate=5)


def test_scorers_are_asked_in_bounded_batches_and_once_a_pair(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    sizes = []

    def noted(users: Any, items: Any) -> Any:
        asked.extend(zip(users.tolist(), items.tolist(), strict=True))
        sizes.append(len(users))
        return liking(users, items)

    view = view_of(data, [3, 1, 2, 8], targets=4)
    whole = TopK(noted).recommend(view)
    assert len(sizes) == 1
    assert len(set(asked)) == len(asked) == (~view_of(data, [3, 1, 2, 8]).seen).sum()
    for bound in (7, 100, 130):
        monkeypatch.setattr("recommender.top_k.PAIRS_ASKED_TOGETHER", bound)
        asked.clear()
        sizes.clear()
        assert np.array_equal(TopK(noted).recommend(view), whole)
        assert max(sizes) <= bound
        assert len(set(asked)) == len(asked)


def test_rows_in_any_order_are_scored_alike(data: Dataset) -> None:
    view = view_of(data, np.arange(data.n_users), targets=2)
    mixed = np.random.default_rng(0).permutation(len(view))
    whole = TopK(liking, k=2).recommend(view)
    assert np.array_equal(TopK(liking, k=2).recommend(view.take(mixed)), whole[mixed])


def test_bad_scores_name_the_scorer_the_user_and_the_item(data: Dataset) -> None:
    view = view_of(data, [5])
    item = int(np.flatnonzero(~view.seen[0])[3])

    def broken(users: Any, items: Any) -> Any:
        return np.where(items == item, np.nan, 1.0)

    with pytest.raises(ConfigError, match=rf"broken gave NaN for user 5 and item {item} \(rows"):
        TopK(broken).recommend(view)
    with pytest.raises(ConfigError, match=r"gave shape \(\d+, 2\).*predict_proba"):
        TopK(lambda users, items: np.zeros((len(users), 2))).recommend(view)
    with pytest.raises(ConfigError, match="must return numbers"):
        TopK(lambda users, items: ["high"] * len(users)).recommend(view)


def test_an_item_seen_never_beats_a_score_of_minus_infinity(data: Dataset) -> None:
    view = view_of(data, [0])
    hopeless = TopK(lambda users, items: np.full(len(users), -np.inf), k=2).recommend(view)
    assert not view.seen[0, hopeless[0]].any()


def test_a_slate_needs_as_many_items(data: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"k=0 must be 1 or more"):
        TopK(liking, k=0)
    with pytest.raises(ConfigError, match=r"left to see in round 1, fewer than the slate's 60"):
        TopK(liking, k=60).recommend(view_of(data, [0]))
