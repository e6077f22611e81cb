import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.engines.token_tree import (
    common_beginning,
    grow_trees,
    shared_by_all,
    unavoidable_tokens,
)

# Few different tokens, so that beginnings are shared often.
PROMPTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=12)


def seen_from(tree, place):
    columns = np.arange(len(tree))
    return columns[(columns <= place) & (place < tree.until)]


def distinct_beginnings(encoded):
    return len({tuple(ids[: k + 1]) for ids in encoded for k in range(len(ids))})


@given(PROMPTS, st.integers(1, 40), st.sampled_from([1, 64, 10_000]))
def test_a_prompts_last_token_sees_exactly_the_prompt(encoded, most_tokens, hidden_size):
    trees = grow_trees(encoded, most_tokens=most_tokens, hidden_size=hidden_size)
    found = np.concatenate([tree.prompts for tree in trees])
    assert sorted(found.tolist()) == list(range(len(encoded)))
    for tree in trees:
        assert len(tree) <= most_tokens or len(tree) == len(encoded[tree.prompts[0]])
        for prompt, end in zip(tree.prompts, tree.ends, strict=True):
            path = seen_from(tree, end)
            assert tree.tokens[path].tolist() == encoded[prompt]
            assert tree.depth[path].tolist() == list(range(len(encoded[prompt])))


@given(PROMPTS)
def test_one_tree_holds_each_beginning_once(encoded):
    rooted = [[9, *ids] for ids in encoded]
    (tree,) = grow_trees(rooted, most_tokens=1_000, hidden_size=10_000)
    assert len(tree) == distinct_beginnings(rooted)


def test_prompts_that_share_nothing_stand_apart():
    assert len(grow_trees([[1, 2], [3, 4], [1, 5]], most_tokens=99, hidden_size=64)) == 2


def test_a_tree_grows_while_that_spares_more_than_it_costs():
    history = list(range(100))
    encoded = [[*history, 500 + k, *range(29)] for k in range(40)]
    narrow = grow_trees(encoded, most_tokens=10_000, hidden_size=64)
    wide = grow_trees(encoded, most_tokens=10_000, hidden_size=4_096)
    assert len(wide) == 1
    assert len(narrow) > 1
    assert all(len(tree) ** 2 <= 12 * 64 * len(history) for tree in narrow)


@given(PROMPTS)
def test_common_beginnings(encoded):
    first, last = encoded[0], encoded[-1]
    slow = next(
        (k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )
    assert common_beginning(first, last) == slow
    shared = shared_by_all(encoded)
    assert len({tuple(ids[:shared]) for ids in encoded}) == 1
    longer = {tuple(ids[: shared + 1]) for ids in encoded}
    assert len(longer) > 1 or shared == min(map(len, encoded)) - 1


@given(PROMPTS, st.integers(1, 5))
def test_unavoidable_tokens_are_what_a_cache_that_forgets_nothing_leaves(encoded, block):
    computed, cache = 0, set()
    for ids in sorted(encoded):
        known = 0
        while known + block < len(ids) and tuple(ids[: known + block]) in cache:
            known += block
        computed += len(ids) - known
        cache |= {tuple(ids[:end]) for end in range(block, len(ids) + 1, block)}
    assert unavoidable_tokens(encoded, block) == computed


@pytest.mark.parametrize(("block", "expected"), [(1, 12 + 3 * 3), (4, 12 + 3 * 3), (8, 8 + 3 * 7)])
def test_unavoidable_tokens_by_hand(block, expected):
    history = list(range(12))
    assert unavoidable_tokens([[*history, 20 + k, 7, 8] for k in range(3)], block) == expected
