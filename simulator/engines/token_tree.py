"""Prompts with their common beginnings merged into trees of tokens.

Prompts that share a history, or most of one, differ in their last tokens alone. Sorted, those that
share most stand together; laid out depth first, each distinct token once, they become one row for a
network in which a token sees its ancestors and nothing else. So "one user, many candidates" and
"twenty targets whose histories drift apart" cost what they do not share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.domain import IntArray

Tokens = list[int]


@dataclass(frozen=True, eq=False)
class TokenTree:
    """A row of distinct tokens, parents before children, depth first.

    Token r sees token c exactly if `c <= r < until[c]`.

    Attributes:
        tokens: Token ids, int64, shape (n,).
        depth: Tokens before each in its prompts, int64, shape (n,).
        until: The first later place that does not descend from each token, int64, shape (n,).
        prompts: Which prompts are in the tree, int64, shape (m,).
        ends: Where each of them ends, int64, shape (m,).
    """

    tokens: IntArray
    depth: IntArray
    until: IntArray
    prompts: IntArray
    ends: IntArray

    def __len__(self) -> int:
        return len(self.tokens)


def grow_trees(encoded: Sequence[Tokens], *, most_tokens: int, hidden_size: int) -> list[TokenTree]:
    """All prompts, packed into trees; every prompt is in exactly one.

    A prompt joins the tree of the prompt before it where that spares more work than it makes. With
    s common tokens, s passes through the layers (about 24 h^2 operations each and layer, for a
    hidden size of h) are spared; in a row of n tokens the attention between tokens that do not see
    each other comes to about 2 h n^2. So a tree grows while `n^2 <= 12 h s`.

    Args:
        encoded: Token ids, none empty; what all prompts begin with is best left out.
        most_tokens: Tokens a tree, at most; a longer prompt still gets one of its own.
        hidden_size: The network's.
    """
    order = sorted(range(len(encoded)), key=encoded.__getitem__)
    trees: list[TokenTree] = []
    growing = _Growing()
    previous: Tokens = []
    for number in order:
        prompt = encoded[number]
        shared = common_beginning(previous, prompt)
        size = growing.size + len(prompt) - shared
        if growing.size and (size > most_tokens or size * size > 12 * hidden_size * shared):
            trees.append(growing.finished())
            growing, shared = _Growing(), 0
        growing.add(number, prompt, shared)
        previous = prompt
    if growing.size:
        trees.append(growing.finished())
    return trees


class _Growing:
    """A tree to which prompts are added in sorted order."""

    def __init__(self) -> None:
        self.size = 0
        self._tokens: list[Tokens] = []
        self._first_depths: list[int] = []
        self._path = np.empty(0, dtype=np.int64)
        self._closed: list[tuple[IntArray, int]] = []
        self._prompts: list[int] = []
        self._ends: list[int] = []

    def add(self, number: int, prompt: Tokens, shared: int) -> None:
        """Add a prompt that shares its first `shared` tokens with the one before."""
        if shared < len(self._path):
            self._closed.append((self._path[shared:], self.size))
        new = len(prompt) - shared
        grown = np.arange(self.size, self.size + new)
        self._path = np.concatenate([self._path[:shared], grown])
        self._tokens.append(prompt[shared:])
        self._first_depths.append(shared)
        self.size += new
        self._prompts.append(number)
        self._ends.append(int(self._path[-1]))

    def finished(self) -> TokenTree:
        until = np.full(self.size, self.size, dtype=np.int64)
        for places, end in self._closed:
            until[places] = end
        depth = [
            np.arange(first, first + len(tokens))
            for first, tokens in zip(self._first_depths, self._tokens, strict=True)
        ]
        return TokenTree(
            tokens=np.concatenate([np.asarray(x, dtype=np.int64) for x in self._tokens]),
            depth=np.concatenate(depth),
            until=until,
            prompts=np.asarray(self._prompts, dtype=np.int64),
            ends=np.asarray(self._ends, dtype=np.int64),
        )


def common_beginning(first: Tokens, second: Tokens) -> int:
    """Tokens with which both begin."""
    low, high = 0, min(len(first), len(second))
    # Slices are compared in C, so halving is far faster than a look at each token.
    if first[:high] == second[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle
    return low


def shared_by_all(encoded: Sequence[Tokens]) -> int:
    """Tokens with which all prompts begin, leaving at least one of each."""
    # All rows lie between the first and the last in order, so these two differ soonest.
    return min(common_beginning(min(encoded), max(encoded)), min(map(len, encoded)) - 1)


def unavoidable_tokens(encoded: Sequence[Tokens], block: int = 1) -> int:
    """Tokens that must be computed for prompts, given a prefix cache that loses nothing.

    Such a cache holds whole blocks of tokens and finds them by all that stands before them; each
    distinct full block is computed once. A prompt's tail, shorter than a block, is computed each
    time, and so is the last block where it is full, since its last token must be seen to answer.

    Args:
        encoded: Token ids, none empty.
        block: Tokens a block; with 1 every distinct token is counted once, and the last of a
            repeated prompt again.
    """
    rows = sorted(encoded)
    heads = [(len(ids) - 1) // block * block for ids in rows]
    tails = sum(len(ids) - head for ids, head in zip(rows, heads, strict=True))
    distinct = heads[0] if rows else 0
    for (before, ids), (_, head) in zip(pairwise(rows), pairwise(heads), strict=True):
        known = common_beginning(before, ids) // block * block
        distinct += max(0, head - known)
    return tails + distinct
