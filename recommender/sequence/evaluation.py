"""How well a sequence model finds the item that came next, ranked among the whole catalogue."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from simulator.domain import FloatArray, IntArray, Ragged
from simulator.errors import ConfigError
from simulator.scores import inner, rank_among, tiles


class Encodes(Protocol):
    """Anything that makes vectors of histories to be scored against its items.

    Attributes:
        items: shape (n_items, d).
    """

    items: FloatArray

    def encode(self, histories: Ragged) -> FloatArray:
        """Vectors of n histories, shape (n, d)."""
        ...


def next_item_ranks(model: Encodes, histories: Ragged, item: IntArray) -> IntArray:
    """The place of each history's next item among all items that are not in the history.

    Args:
        model: What is measured.
        histories: What was known, n rows.
        item: What came next, shape (n,).

    Returns:
        From 0, int32, shape (n,).

    Raises:
        ConfigError: If there is nothing to rank.
    """
    if not len(item):
        raise ConfigError("Nothing is held out; hold out at least one interaction to measure on.")
    users, ranks = model.encode(histories), np.empty(len(item), dtype=np.int32)
    for part in tiles(len(item)):
        scores = inner(users[part], model.items)
        rows = np.arange(part.start, part.stop)[: len(scores)]
        known = histories.take(rows).mask(scores.shape[1])
        known[np.arange(len(rows)), item[rows]] = False
        scores[known] = -np.inf
        ranks[rows] = rank_among(scores, item[rows])
    return ranks


def hit_ratio(ranks: IntArray, top: int) -> float:
    """HR@top, the share of ranks below `top`; with one item held out this is Recall@top."""
    return float((ranks < top).mean())


def ndcg(ranks: IntArray, top: int) -> float:
    """NDCG@top with one relevant item: the mean of 1 / log2(rank + 2) where the rank is below."""
    return float(np.where(ranks < top, 1 / np.log2(ranks + 2.0), 0).mean())
