"""Searching all items: exact whatever the block, with ties, near ties and hard cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import search
from simulator.compiling import compiled
from simulator.domain import FloatArray, Ragged
from simulator.kernels import ROUGH_SIGMOID_ERROR, rough_sigmoid
from simulator.scores import inner, on_grid
from simulator.search import ItemSearch, Liking, Nudges, Score


def exact_products(users: FloatArray, items: FloatArray) -> FloatArray:
    """Of the rounded vectors, in float64, where nothing is lost."""
    wide_users, wide_items = on_grid(users).astype(float), on_grid(items).astype(float)
    return np.asarray((wide_users[:, None] * wide_items[None]).sum(axis=2))


def near_ties(generator: np.random.Generator, n: int, n_items: int, width: int) -> FloatArray:
    """Items in clusters whose products differ in the last digits of a float32, or not at all."""
    centres = generator.normal(size=(5, width))
    items = centres[generator.integers(0, 5, n_items)]
    return (items + generator.choice([0, 1e-7, 1e-6], (n_items, 1)) * items[::-1]).astype("f4")


def case(seed: int, n: int = 40, n_items: int = 300, width: int = 16):
    generator = np.random.default_rng(seed)
    items = near_ties(generator, n, n_items, width)
    users = generator.normal(size=(n, width)).astype(np.float32)
    seen = generator.random((n, n_items)) < generator.choice([0, 0.3, 0.99])
    return generator, users, items, seen


def expected_best(users: FloatArray, items: FloatArray, score: Score, seen) -> list[int]:
    x = exact_products(users, items)
    liking = 1 / (1 + np.exp(-x)) if score.liking == "sigmoid" else x
    bonus = 0 if score.bonus is None else score.bonus[score.group]
    towards, row, start = score.nudges
    scores = (liking + bonus) * (towards[row].astype(float) - start[:, None])
    scores[seen] = -np.inf
    return np.where(seen.all(axis=1), -1, scores.argmax(axis=1)).tolist()


@pytest.mark.parametrize("liking", ["sigmoid", "inner"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_best_is_the_exact_best_and_the_lowest_of_equals(liking: Liking, seed: int) -> None:
    generator, users, items, seen = case(seed)
    group = generator.integers(0, 3, len(users))
    bonus = generator.normal(size=(3, len(items))).astype(np.float32)
    bonus[:, ::2] = bonus[:, :1]
    targets = generator.integers(0, len(items), 4)
    row = generator.integers(0, 4, len(users))
    nudges = Nudges(
        inner(items[targets], items), row, inner(users, items[targets])[np.arange(len(users)), row]
    )
    for score in (Score(liking, nudges, bonus, group), Score(liking, nudges)):
        found = ItemSearch(items).best(users, score, seen)
        assert found.tolist() == expected_best(users, items, score, seen)


@pytest.mark.parametrize("count", [1, 10, 60, 300])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_top_is_the_exact_top_and_the_lowest_of_equals(count: int, seed: int) -> None:
    _, users, items, seen = case(seed)
    found = ItemSearch(items).top(users, seen, count)
    products = exact_products(users, items)
    for row, (product, hidden) in enumerate(zip(products, seen, strict=True)):
        order = [i for i in np.argsort(-product, kind="stable") if not hidden[i]][:count]
        assert found[row].tolist() == sorted(order) + [len(items)] * (count - len(order))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_rank_counts_exactly_what_is_higher_and_unknown(seed: int) -> None:
    generator, users, items, seen = case(seed)
    own = generator.integers(0, len(items), len(users))
    row = generator.integers(0, len(users), len(users))
    known = Ragged.from_rows([np.flatnonzero(hidden) for hidden in seen])
    products = exact_products(users, items)
    higher = products > products[np.arange(len(users)), own][:, None]
    expected = (higher & ~seen[row]).sum(axis=1)
    assert ItemSearch(items).rank(users, own, known, row).tolist() == expected.tolist()


def test_panels_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, users, items, seen = case(3, n=300, n_items=500)
    nudges = Nudges(
        inner(items[:1], items), np.zeros(300, dtype=int), inner(users, items[:1])[:, 0]
    )
    whole = ItemSearch(items)
    own = generator.integers(0, 500, 300)
    known = Ragged.from_rows([np.flatnonzero(hidden) for hidden in seen])
    best = whole.best(users, Score("sigmoid", nudges), seen)
    top = whole.top(users, seen, 7)
    rank = whole.rank(users, own, known, np.arange(300))
    monkeypatch.setattr(search, "PANEL", 37)
    for size in (1, 50, 299):
        for start in range(0, 300, size):
            part = slice(start, start + size)
            some = Nudges(nudges.towards, nudges.row[part], nudges.start[part])
            assert np.array_equal(
                whole.best(users[part], Score("sigmoid", some), seen[part]), best[part]
            )
            assert np.array_equal(whole.top(users[part], seen[part], 7), top[part])
            ranks = whole.rank(users[part], own[part], known, np.arange(300)[part])
            assert np.array_equal(ranks, rank[part])


def test_products_are_those_of_inner() -> None:
    _, users, items, _ = case(4)
    assert np.array_equal(ItemSearch(items).products(users), inner(users, items))


def test_zero_vectors_like_every_item_alike() -> None:
    items = np.array([[1, 0], [0, 0], [0, 1]], dtype=np.float32)
    users = np.zeros((2, 2), dtype=np.float32)
    seen = np.array([[True, False, False], [True, True, True]])
    found = ItemSearch(items)
    assert found.top(users, seen, 2).tolist() == [[1, 2], [3, 3]]
    nothing = Ragged.empty(2)
    assert found.rank(users, np.array([2, 0]), nothing, np.arange(2)).tolist() == [0, 0]
    nudges = Nudges(inner(items[2:], items), np.zeros(2, dtype=int), np.zeros(2, np.float32))
    assert found.best(users, Score("sigmoid", nudges), seen).tolist() == [2, -1]


@pytest.mark.parametrize("scale", [1e-12, 1e6])
def test_the_scale_of_vectors_does_not_matter(scale: float) -> None:
    _, users, items, seen = case(5)
    top = ItemSearch(items).top(users, seen, 5)
    # Powers of two only, so that the grid stays where it was.
    factor = np.float32(2.0 ** round(np.log2(scale)))
    assert np.array_equal(ItemSearch(factor * items).top(users, seen, 5), top)
    assert np.array_equal(ItemSearch(items).top(factor * users, seen, 5), top)


def test_the_rough_sigmoid_is_as_near_as_it_says() -> None:
    x = np.concatenate([np.linspace(-30, 30, 4001), [-1e30, 1e30]]).astype(np.float32)
    rough = np.array([rough_sigmoid(value) for value in x])
    exact = 1 / (1 + np.exp(-x.astype(float).clip(-500, 500)))
    assert np.abs(rough - exact).max() < ROUGH_SIGMOID_ERROR


def test_loops_compile_where_there_is_no_place_to_keep_them() -> None:
    made_up: dict = {}
    exec("def twice(x):\n    return 2 * x", made_up)  # a function of no file cannot be cached
    assert compiled(made_up["twice"])(21) == 42
