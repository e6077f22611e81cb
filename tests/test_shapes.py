"""Four shapes of recommender in the loop, and what is told to anything else."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from played import check_played, liking, play

from recommender import GeneratedItems, RandomItems, TopK
from simulator.clicks import DistributionClicks
from simulator.domain import Dataset, Vectors
from simulator.errors import ConfigError
from simulator.interfaces import RoundView
from simulator.session import simulate
from simulator.shapes import as_recommender


def first_unseen(view: RoundView) -> Any:
    return view.seen.argmin(axis=1)


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


def test_a_function_may_mean_to_repeat(data: Dataset) -> None:
    def always(view: RoundView) -> Any:
        return np.full(len(view), 7)

    with pytest.raises(ConfigError, match=r"always gave user.*`repeats = True`"):
        play(data, always)
    always.repeats = True  # type: ignore[attr-defined]  # as the message says
    assert set(play(data, always).exposures["item"]) == {7}


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
        told = str(caught.value)
        for shape in ("recommend(view)", "f(view)", "score(users, items)", "generate(histories)"):
            assert shape in told
        assert ("Predictor(model, features)" in told) == hasattr(thing, "predict")
