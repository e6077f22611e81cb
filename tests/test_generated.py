"""Generators: titles in, items out, and nothing dropped in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from played import check_played, liking, play, view_of

from recommender import GeneratedItems, PopularItems, TopK
from simulator.describe import describe
from simulator.domain import Dataset
from simulator.errors import ConfigError
from simulator.shapes import FunctionOfView, as_recommender


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
        ("2. i7", 7),
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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda view: view.seen * 0.5, r"integer catalogue rows of shape \(2,\)"),
        (lambda view: view.seen.argmin(axis=1)[1:], r"it gave int64 of shape \(1,\)"),
        (lambda view: np.full(len(view), 60), r"gave user 0 row 60, outside 0\.\.59 \(2 of 2"),
        (lambda view: view.seen.argmax(axis=1), "which the user has seen"),
    ],
)
def test_a_fallback_is_held_to_what_recommenders_owe(
    data: Dataset, answer: Any, words: str
) -> None:
    declared = GeneratedItems(
        lambda histories: [""] * len(histories), data.catalogue, fallback=FunctionOfView(answer)
    )
    with pytest.raises(ConfigError, match=f"The fallback <lambda> .*{words}"):
        declared.recommend(view_of(data, [0, 1]))


def test_a_fallback_that_shows_slates_gives_its_first_item(data: Dataset) -> None:
    view = view_of(data, [0, 1])
    declared = GeneratedItems(
        lambda histories: [""] * len(histories), data.catalogue, fallback=TopK(liking, 4)
    )
    assert np.array_equal(declared.recommend(view), TopK(liking).recommend(view))
