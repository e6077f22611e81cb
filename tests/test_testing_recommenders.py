"""The recommender contract passes what keeps to it, and bites what does not, check by check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from contracts import checks_of, failures, require_only

from prompts import PromptRenderer, load_template
from recommender import (
    IPG,
    GeneratedItems,
    ITMPRec,
    NextItem,
    PopularItems,
    PresentPreference,
    RandomItems,
    TopK,
)
from recommender.nudge import LLMIPP
from recommender.retraining import Retrained
from simulator.domain import Dataset, Vectors
from simulator.engines import ScriptedEngine
from simulator.seeding import generator
from simulator.testing import RecommenderContract


def recommended_by(make: Callable[[Dataset], Any], **attributes: Any) -> Any:
    made = {"recommender": lambda self, data: make(data), **attributes}
    return type("TestRecommender", (RecommenderContract,), made)


def vectors_of(data: Dataset) -> Vectors:
    draws = generator(0, "test")
    return Vectors(
        draws.normal(size=(data.n_users, 8)).astype(np.float32),
        draws.normal(size=(data.n_items, 8)).astype(np.float32),
    ).normalised()


def liking(users: Any, items: Any) -> Any:
    return (7 * users + 3 * items) % 101


def written(histories: Any) -> Any:
    return [range(len(row[-1]), 400) for row in histories]


@pytest.mark.parametrize(
    "make",
    [
        lambda data: RandomItems(),
        lambda data: PopularItems(data.interactions),
        lambda data: NextItem(PresentPreference(vectors_of(data))),
        lambda data: IPG(vectors_of(data)),
        lambda data: ITMPRec(vectors_of(data)),
        lambda data: lambda view: view.seen.argmin(axis=1),
        lambda data: lambda view: np.argsort(view.seen, axis=1, kind="stable")[:, :4],
        lambda data: liking,
        lambda data: TopK(liking, 5),
        lambda data: Retrained(PopularItems, data.interactions),
        lambda data: LLMIPP(
            ScriptedEngine(text=lambda text: "Film 3\nFilm 30\nFilm 41\nFilm 99"),
            PromptRenderer(load_template("movies/path-en", steps=4), data.catalogue).render,
            data.catalogue.titles,
            data.interactions.histories,
            rounds=4,
            beyond=PopularItems(data.interactions),
        ),
        lambda data: GeneratedItems(
            written, data.catalogue, 3, fallback=PopularItems(data.interactions)
        ),
    ],
)
def test_our_recommenders_pass(data: Dataset, make: Any) -> None:
    contract = recommended_by(
        make, data=lambda self: data, vectors=lambda self, data: vectors_of(data)
    )
    assert failures(contract) == {}


def test_the_demo_world_is_the_default() -> None:
    assert failures(recommended_by(lambda data: PopularItems(data.interactions))) == {}


def first_unseen(view: Any) -> Any:
    return view.seen.argmin(axis=1)


class Forgetful:
    """Draws among unseen items from a generator of its own."""

    def __init__(self) -> None:
        self.draws = np.random.default_rng(0)

    def recommend(self, view: Any) -> Any:
        return np.where(view.seen, -1, self.draws.random(view.seen.shape)).argmax(axis=1)


def crowd(view: Any) -> Any:
    """The item that fewest of the block have seen."""
    return np.where(view.seen, -1.0, 1 + (~view.seen).mean(axis=0)).argmax(axis=1)


def shortlist(view: Any) -> Any:
    return np.where(view.seen[:, :20], -1, 1).argmax(axis=1)


def marking(view: Any) -> Any:
    items = first_unseen(view)
    view.seen[np.arange(len(view)), items] = True
    return items


class Learning:
    """Shows what was clicked most so far."""

    def __init__(self, n_items: int) -> None:
        self.clicks = np.zeros(n_items)

    def learn(self, user: Any, shown: Any, clicked: Any) -> None:
        self.clicks = np.bincount(shown[clicked], minlength=len(self.clicks))

    def recommend(self, view: Any) -> Any:
        return np.where(view.seen, -1, self.clicks).argmax(axis=1)


class LearningTwice(Learning):
    """What it learnt in a round it learns again in the next."""

    def learn(self, user: Any, shown: Any, clicked: Any) -> None:
        self.clicks = self.clicks + np.bincount(shown[clicked], minlength=len(self.clicks))


class LearningInPlace(Learning):
    def learn(self, user: Any, shown: Any, clicked: Any) -> None:
        shown[~clicked] = 0


BROKEN: list[tuple[Any, str, str]] = [
    (lambda view: view.seen * 1.0, "what_it_answers_can_be_shown", "scores, it seems"),
    (
        lambda view: np.where(view.seen, 0, 99).max(axis=1),
        "what_it_answers_can_be_shown",
        "0..",
    ),
    (
        lambda view: view.history.values[:1].repeat(len(view)),
        "what_it_answers_can_be_shown",
        "",
    ),
    (lambda view: first_unseen(view)[1:], "what_it_answers_can_be_shown", "shape"),
    (
        lambda view: first_unseen(view)[:, None].repeat(2, axis=1),
        "what_it_answers_can_be_shown",
        "twice",
    ),
    (Forgetful(), "the_same_view_gets_the_same_items", "generator of its own"),
    (crowd, "neither_block_nor_order_matters", "over the whole block"),
    (shortlist, "the_last_unseen_items_are_found", "list of candidates"),
    (marking, "the_view_stays_as_it_is", "changed view.seen"),
]


@pytest.mark.parametrize(("make", "check", "words"), BROKEN)
def test_a_broken_recommender_fails_one_check(
    data: Dataset, make: Any, check: str, words: str
) -> None:
    contract = recommended_by(lambda _: make, data=lambda self: data)
    found = failures(contract)
    require_only(found, f"test_{check}", words)


def test_every_check_has_been_seen_to_bite() -> None:
    learning = "test_what_is_learnt_depends_on_the_run_alone"  # the test below
    assert {f"test_{check}" for _, check, _ in BROKEN} | {learning} == checks_of(
        RecommenderContract
    )


def test_learning_must_not_add_up(data: Dataset) -> None:
    def contract(kind: Any) -> Any:
        return recommended_by(lambda data: kind(data.n_items), data=lambda self: data)

    check = "test_what_is_learnt_depends_on_the_run_alone"
    assert failures(contract(Learning)) == {}
    require_only(failures(contract(LearningTwice)), check, "does learn add to what it knew")
    require_only(failures(contract(LearningInPlace)), check, "They are read-only")
