"""Four shapes of recommender in the loop, and what is refused at the seam."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from recommender import GeneratedItems, PopularItems, RandomItems, TopK
from simulator.clicks import DistributionClicks
from simulator.describe import describe
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.errors import ConfigError
from simulator.interfaces import RoundView
from simulator.session import simulate
from simulator.shapes import as_recommender


class Sometimes:
    """Clicks half of the time."""

    def decide(self, shown: Exposures) -> Clicks:
        return Clicks.from_probability(np.full(len(shown), 0.5), shown.draw, source="coin")


def first_unseen(view: RoundView) -> Any:
    return view.seen.argmin(axis=1)


def liking(users: Any, items: Any) -> Any:
    return (7 * users + 3 * items) % 11


def play(data: Dataset, recommender: Any, **settings: Any) -> Any:
    return simulate(data, recommender, Sometimes(), **{"rounds": 4, "seed": 3, **settings})


def check_played(data: Dataset, run: Any, slate: int = 1) -> None:
    """Nothing was shown twice, or to somebody who had it."""
    rows = run.exposures
    assert len(rows) == data.n_users * 4 * slate
    assert not rows.duplicated(["user", "item"]).any()
    had = data.interactions.histories.mask(data.n_items)
    assert not had[rows["user"], rows["item"]].any()


def view_of(data: Dataset, users: Any, targets: int = 1) -> RoundView:
    """The start of a run for some users, each with so many targets."""
    user = np.repeat(np.asarray(users, dtype=np.int32), targets)
    history = data.interactions.histories.take(user)
    target = np.tile(np.arange(targets, dtype=np.int32), len(users))
    return RoundView(1, 0, user, target, history, history.mask(data.n_items))


def test_an_object_with_recommend_stays_as_it_is(data: Dataset) -> None:
    recommender = RandomItems()
    assert as_recommender(recommender, data) is recommender


def test_a_function_of_a_view_plays(data: Dataset) -> None:
    run = play(data, first_unseen)
    check_played(data, run)
    assert run.manifest["config"]["recommender"] == "first_unseen"

    def slates(view: RoundView, k: int = 3) -> Any:
        return np.argsort(view.seen, axis=1, kind="stable")[:, :k]

    run = play(data, partial(slates, k=2))
    check_played(data, run, slate=2)
    assert run.manifest["config"]["recommender"] == "slates"


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


def test_a_generator_reads_titles_and_answers_titles(data: Dataset) -> None:
    asked: list[Any] = []

    def sequel(histories: Any) -> Any:
        """The films of the numbers after the last one."""
        asked.append(histories)
        last = [int(row[-1].removeprefix("Film ")) for row in histories]
        return [[f"film {(n + step) % data.n_items}" for step in range(1, 20)] for n in last]

    run = play(data, sequel)
    check_played(data, run)
    assert run.manifest["config"]["recommender"] == "GeneratedItems(sequel, k=1, fallback=none)"
    first = run.exposures[run.exposures["round"] == 1]
    history = data.interactions.histories
    expected = []
    for user in range(data.n_users):
        row = history[user].tolist()
        expected.append(next(i % 60 for i in range(row[-1] + 1, 99) if i % 60 not in row))
        assert asked[0][user] == [f"Film {item}" for item in row]
    assert first["item"].tolist() == expected
    assert run.cost["generated_shown"] == 4 * data.n_users
    assert run.cost["generated_by_fallback"] == 0


@pytest.mark.parametrize(
    ("answer", "item"),
    [
        ("Film 7", 7),
        ('1. "film 7" (Odd)', 7),
        ("Film 99\nFilm 7\nFilm 8", 7),
        (["Film 99", "Film 7"], 7),
        ("i7", 7),
        (7, 7),
        (np.int64(7), 7),
        (np.array([99, -1, 7]), 7),
        ([None, "", "Film 7"], 7),
    ],
)
def test_answers_may_be_titles_ids_or_rows(data: Dataset, answer: Any, item: int) -> None:
    view = view_of(data, [0])
    view.seen[0, item] = False
    assert GeneratedItems(lambda histories: [answer], data.catalogue).recommend(view) == [item]


def test_what_matches_nothing_is_counted_and_left_to_the_fallback(data: Dataset) -> None:
    view = view_of(data, [0, 1])
    own = int(view.history[1][0])

    def wild(histories: Any) -> Any:
        return ["Not a film\nNor this", f"Film {own}"]

    popular = PopularItems(data.interactions)
    with pytest.raises(ConfigError, match=r"2 episodes.*user 0, got 'Not a film.*fallback="):
        as_recommender(wild, data).recommend(view)
    declared = GeneratedItems(wild, data.catalogue, fallback=popular)
    assert np.array_equal(declared.recommend(view), popular.recommend(view))
    assert declared.usage() == {
        "generated_shown": 0,
        "generated_unknown": 2,
        "generated_seen": 1,
        "generated_by_fallback": 2,
    }
    assert describe(declared) == "GeneratedItems(wild, k=1, fallback=PopularItems)"


def test_a_generated_slate_is_filled_without_repeats(data: Dataset) -> None:
    best = int(PopularItems(data.interactions).recommend(view_of(data, [0]))[0])
    declared = GeneratedItems(
        lambda histories: [[best, best]] * len(histories),
        data.catalogue,
        k=4,
        fallback=PopularItems(data.interactions),
    )
    slate = declared.recommend(view_of(data, [0]))[0].tolist()
    assert slate[0] == best
    assert len(set(slate)) == 4
    check_played(data, play(data, declared), slate=4)
    assert declared.usage()["generated_by_fallback"] > 0


def test_identical_histories_are_asked_once(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.generated.HISTORIES_ASKED_TOGETHER", 2)
    sizes = []

    def every(histories: Any) -> Any:
        sizes.append(len(histories))
        return [range(60)] * len(histories)

    GeneratedItems(every, data.catalogue).recommend(view_of(data, [0, 1, 2, 3, 4], targets=6))
    assert sizes == [2, 2, 1]


def test_a_generator_answers_each_history(data: Dataset) -> None:
    for answer in (["Film 1"], "Film 1", []):
        with pytest.raises(ConfigError, match="got 2 histories and must return a list of as many"):
            GeneratedItems(lambda histories, said=answer: said, data.catalogue).recommend(
                view_of(data, [0, 1])
            )
    with pytest.raises(ConfigError, match=r"titles, item ids or catalogue rows; this is 0\.5"):
        GeneratedItems(lambda histories: [0.5], data.catalogue).recommend(view_of(data, [0]))


def test_scorers_and_generators_learn_and_are_metered(data: Dataset) -> None:
    class Learning:
        def __init__(self) -> None:
            self.rounds: list[int] = []

        def learn(self, user: Any, shown: Any, clicked: Any) -> None:
            self.rounds.append(shown.shape[1])

        def usage(self) -> Any:
            return {"lessons": float(len(self.rounds))}

    class Scores(Learning):
        def score(self, users: Any, items: Any) -> Any:
            return liking(users, items)

    class Writes(Learning):
        def generate(self, histories: Any) -> Any:
            return [range(60)] * len(histories)

    for thing in (Scores(), Writes()):
        run = play(data, thing)
        assert thing.rounds == [1, 2, 3]
        assert run.cost["lessons"] == 3


def test_blocks_change_nothing(data: Dataset, vectors: Vectors) -> None:
    def every(histories: Any) -> Any:
        return [range(len(row), 60) for row in histories]

    for thing in (
        liking,
        every,
        first_unseen,
        TopK(liking, 3),
        GeneratedItems(every, data.catalogue, 2),
    ):
        whole, parts = (
            simulate(
                data,
                thing,
                DistributionClicks(w=5, b=0.1),
                vectors=vectors,
                targets=np.array([3, 40]),
                rounds=3,
                block_size=size,
            )
            for size in (None, 7)
        )
        assert whole.exposures.equals(parts.exposures)


class ModelLikeScikitLearn:
    def score(self, X: Any, y: Any) -> float:
        return 1.0

    def predict(self, X: Any) -> Any:
        return X


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (RandomItems, r"RandomItems is a class; pass an object of it: RandomItems\(\.\.\.\)"),
        (ModelLikeScikitLearn(), r"ModelLikeScikitLearn has score\(X, y\)"),
        (lambda user, item: 1, r"<lambda> is a function of \(user, item\)"),
        (lambda: 1, r"is a function of \(\)"),
        (3, "int has no method recommend, score or generate"),
        (None, "NoneType has no method"),
        ({}.get, "has no method|function of"),
    ],
)
def test_anything_else_is_told_the_four_shapes(data: Dataset, thing: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        play(data, thing)
    if not isinstance(thing, type):
        for shape in ("recommend(view)", "f(view)", "score(users, items)", "generate(histories)"):
            assert shape in str(caught.value)
