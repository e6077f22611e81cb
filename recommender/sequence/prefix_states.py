"""Prefixes of windows that were encoded before, to be looked up instead of encoded again.

The episodes of one user differ by target, and their windows by the last few items accepted: most
of a window has been encoded for another target, or in an earlier round.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simulator.domain import IntArray

_MOST_BYTES = 384 * 2**20
_MOST_PREFIXES = 2**14


class PrefixStates:
    """A bounded memory; what was not asked for longest is forgotten first.

    Memory: at most 384 MiB, about 10,000 prefixes of 40 items at width 64. What is remembered
    changes speed, never results.

    Args:
        length: Positions of a prefix.
        width: Numbers for each position.

    Attributes:
        capacity: Prefixes that are remembered at most.
    """

    def __init__(self, length: int, width: int) -> None:
        self.capacity = min(_MOST_PREFIXES, max(1, _MOST_BYTES // (4 * length * width)))
        # Memory that is never written to is never taken.
        self._states = torch.empty((self.capacity, length, width))
        self._prefixes = np.full((self.capacity, length), -1, dtype=np.int32)
        self._numbers = np.zeros(self.capacity, dtype=np.uint64)
        self._used = np.zeros(self.capacity, dtype=np.int64)
        self._calls = 0

    def of(
        self, prefixes: IntArray, encode: Callable[[IntArray, IntArray, Tensor], None]
    ) -> tuple[Tensor, IntArray]:
        """Where the states of prefixes are, after encoding the new ones.

        Args:
            prefixes: Item ids, at most `capacity` different ones, shape (n, length).
            encode: Given prefixes, shape (m, length), and slots, shape (m,), writes their states to
                these slots of the tensor.

        Returns:
            States, shape (capacity, length, width), and each prefix's slot, shape (n,).
        """
        first, place = distinct_rows(prefixes)
        wanted = prefixes[first]
        slots, known = self._find(wanted)
        self._calls += 1
        self._used[slots[known]] = self._calls
        n_new = int((~known).sum())
        if n_new:
            free = np.argpartition(self._used, n_new - 1)[:n_new]
            slots[~known] = free
            self._used[free] = self._calls
            self._prefixes[free] = wanted[~known]
            self._numbers[free] = row_numbers(wanted[~known])
            encode(wanted[~known], free, self._states)
        return self._states, slots[place]

    def _find(self, wanted: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
        """Slots of prefixes, and which of them are there."""
        order = np.argsort(self._numbers)
        at = np.searchsorted(self._numbers[order], row_numbers(wanted))
        slots = order[np.minimum(at, self.capacity - 1)]
        return slots, (self._prefixes[slots] == wanted).all(axis=1)


def distinct_rows(rows: IntArray) -> tuple[IntArray, IntArray]:
    """One row of each kind, and each row's kind; of rows of integers, shape (n, m)."""
    _, first, place = np.unique(row_numbers(rows), return_index=True, return_inverse=True)
    if not np.array_equal(rows[first[place]], rows):
        # Two different rows share a number: compare them in full.
        _, first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, place.reshape(-1)


def row_numbers(rows: IntArray) -> NDArray[np.uint64]:
    """A number for each row, which two different ones hardly ever share, shape (n,)."""
    weights = np.random.default_rng(0).integers(0, 2**63, rows.shape[1], dtype=np.uint64)
    product: NDArray[np.uint64] = rows.astype(np.uint64) @ weights
    return product
