"""Searching all items for each user, in blocks, without keeping the scores.

What is found is exact (see `simulator.scores`), and so the same whatever the block, the threads or
the processor; the work is little more than one float32 matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from simulator.domain import BoolArray, FloatArray, IntArray, Ragged
from simulator.scores import each_tile, exact_paired, on_grid

PANEL = 2048
"""Items at a time: a tile of rows by a panel of products stays in the processor's cache."""

Liking: TypeAlias = Literal["inner", "sigmoid"]


class Nudges(NamedTuple):
    """How far each item leads each user: `towards[row_u, i] - start_u`.

    Attributes:
        towards: float32, shape (n_targets, n_items).
        row: Which row of `towards`, shape (n,).
        start: float32, shape (n,).
    """

    towards: FloatArray
    row: IntArray
    start: FloatArray


@dataclass(frozen=True, eq=False)
class Score:
    """`score(u, i) = (liking(f_u . e_i) + bonus[group_u, i]) (towards[row_u, i] - start_u)`.

    Attributes:
        liking: The "sigmoid" of the product, or the product itself, "inner".
        nudges: The second factor.
        bonus: float32, shape (n_groups, n_items); None for 0.
        group: Which row of `bonus`, shape (n,); None for the first.
    """

    liking: Liking
    nudges: Nudges
    bonus: FloatArray | None = None
    group: IntArray | None = None


class ItemSearch:
    """Items made ready to be searched many times.

    Args:
        items: e_i, shape (n_items, d), finite, with lengths that a float32 can square.
    """

    def __init__(self, items: FloatArray) -> None:
        self._items = on_grid(items)
        self._longest = float(_lengths(self._items).max(initial=0.0))

    def __len__(self) -> int:
        return len(self._items)

    def products(self, rows: FloatArray) -> FloatArray:
        """All of `rows . e_i`, exact, float32, shape (n, n_items)."""
        wide = on_grid(rows).astype(np.float64)
        out = np.empty((len(rows), len(self)), dtype=np.float32)

        def multiply(part: slice) -> None:
            for panel in _panels(len(self)):
                out[part, panel] = wide[part] @ self._items[panel].T.astype(np.float64)

        each_tile(len(rows), multiply)
        return out

    def best(self, users: FloatArray, score: Score, seen: BoolArray) -> IntArray:
        """The unseen item of largest score; of equals, the one in the lowest row.

        Args:
            users: f_u, shape (n, d), finite.
            score: What to maximise.
            seen: bool, shape (n, n_items).

        Returns:
            int32, shape (n,); -1 where everything was seen.
        """
        from simulator.kernels import best_in_panel

        best = np.full(len(users), -1, dtype=np.int32)
        largest = np.full(len(users), -np.inf)
        users = on_grid(users)
        towards, row, start = score.nudges
        bonus = np.zeros((1, len(self)), np.float32) if score.bonus is None else score.bonus
        group = np.zeros(len(users), np.int64) if score.group is None else score.group
        slack = self._score_error(users, score)

        def work(part: slice, first: int, product: FloatArray) -> None:
            best_in_panel(
                product,
                first,
                seen[part],
                users[part],
                self._items,
                score.liking == "sigmoid",
                bonus,
                group[part],
                towards,
                row[part],
                start[part],
                slack[part],
                best[part],
                largest[part],
            )

        self._sweep(users, work)
        return best

    def top(self, users: FloatArray, seen: BoolArray, count: int) -> IntArray:
        """The `count` unseen items of largest f_u . e_i; of equals, those in the lowest rows.

        Args:
            users: f_u, shape (n, d), finite.
            seen: bool, shape (n, n_items).
            count: 1 or more.

        Returns:
            int32, shape (n, count), ascending; n_items in the last places where fewer are unseen.
        """
        from simulator.kernels import top_in_panel

        top = np.full((len(users), count), len(self), dtype=np.int32)
        value = np.full(top.shape, -np.inf)
        high = np.full(top.shape, -np.inf, dtype=np.float32)
        users = on_grid(users)
        error = self._error(users)

        def work(part: slice, first: int, product: FloatArray) -> None:
            top_in_panel(
                product,
                first,
                seen[part],
                users[part],
                self._items,
                error[part],
                high[part],
                top[part],
                value[part],
            )

        self._sweep(users, work)
        top.sort(axis=1)
        return top

    def rank(self, users: FloatArray, item: IntArray, known: Ragged, row: IntArray) -> IntArray:
        """How many items have a strictly larger f_u . e_i than the row's own `item`.

        Args:
            users: f_u, shape (n, d), finite.
            item: shape (n,).
            known: Rows of items that do not count.
            row: Which row of `known`, shape (n,).

        Returns:
            Ranks from 0, int32, shape (n,).
        """
        from simulator.kernels import rank_in_panel

        rank = np.zeros(len(users), dtype=np.int32)
        users = on_grid(users)
        own = exact_paired(users, self._items[item])
        # The comparison takes place between float32 numbers.
        slack = self._error(users) + np.abs(own) * 2.0**-22

        def work(part: slice, first: int, product: FloatArray) -> None:
            rank_in_panel(
                product,
                first,
                users[part],
                self._items,
                own[part],
                known.values,
                known.offsets,
                row[part],
                slack[part],
                rank[part],
            )

        self._sweep(users, work)
        return rank

    def _sweep(self, users: FloatArray, work: Callable[[slice, int, FloatArray], None]) -> None:
        """Do `work(rows, first item, rough product)` for every tile of rows and panel of items."""

        def sweep_tile(part: slice) -> None:
            for panel in _panels(len(self)):
                work(part, panel.start, users[part] @ self._items[panel].T)

        each_tile(len(users), sweep_tile)

    def _score_error(self, users: FloatArray, score: Score) -> FloatArray:
        """How far a score may be from the exact one that is computed in float32, shape (n,)."""
        from simulator.kernels import ROUGH_SIGMOID_ERROR

        error, size = self._error(users), _lengths(users) * self._longest
        if score.liking == "sigmoid":
            # A sigmoid is at most a quarter as steep as its argument, and below 1.
            error, size = error / 4 + ROUGH_SIGMOID_ERROR, np.ones(len(users))
        if score.bonus is not None:
            size += np.abs(score.bonus).max(initial=0)
        nudge = np.abs(score.nudges.towards).max(initial=0) + np.abs(score.nudges.start)
        # Half a dozen roundings on the way from the product to the score.
        return np.asarray(nudge * (error + size * 2.0**-21))

    def _error(self, users: FloatArray) -> FloatArray:
        """How far a float32 product may be from the exact one, in whatever order, shape (n,)."""
        width = self._items.shape[1]
        # Higham, Accuracy and Stability of Numerical Algorithms, 3.5: width x 2**-24 x |u| |i|;
        # and products too small for float32 may be lost.
        lengths = _lengths(users) * self._longest
        return np.asarray(width * (1.01 * 2.0**-24 * lengths + 2.0**-126))


def _panels(n_items: int) -> Iterator[slice]:
    for first in range(0, n_items, PANEL):
        yield slice(first, min(first + PANEL, n_items))


def _lengths(rows: FloatArray) -> FloatArray:
    """Euclidean lengths to a part in a thousand, float64, shape (n,)."""
    return np.asarray(np.linalg.norm(rows, axis=1), dtype=np.float64)
