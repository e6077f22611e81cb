"""Array types, and ragged rows (many lists of unequal length) held in two flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

IntArray: TypeAlias = NDArray[np.integer[Any]]
FloatArray: TypeAlias = NDArray[np.floating[Any]]
BoolArray: TypeAlias = NDArray[np.bool_]
TextArray: TypeAlias = NDArray[np.object_]
"""An object array whose elements are all `str`."""


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of integers of unequal length: row `k` is `values[offsets[k]:offsets[k + 1]]`.

    Attributes:
        values: All rows end to end, shape (total,).
        offsets: Row starts and the final end, int64, shape (n_rows + 1,), non-decreasing from 0.
    """

    values: IntArray
    offsets: IntArray

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[int] | IntArray]) -> Ragged:
        """Join a list of rows."""
        arrays = [np.asarray(row, dtype=np.int32) for row in rows]
        offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([len(a) for a in arrays], out=offsets[1:])
        values = np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int32)
        return cls(values, offsets)

    @classmethod
    def empty(cls, n_rows: int) -> Ragged:
        """`n_rows` rows, each without values."""
        return cls(np.empty(0, dtype=np.int32), np.zeros(n_rows + 1, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> IntArray:
        """The values of one row (a view)."""
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> IntArray:
        """Values a row, shape (n_rows,)."""
        return np.diff(self.offsets)

    def take(self, rows: IntArray) -> Ragged:
        """The given rows, in the given order (repeats allowed)."""
        return self.slices(self.offsets[rows], self.offsets[np.asarray(rows) + 1])

    def slices(self, starts: IntArray, ends: IntArray) -> Ragged:
        """New rows `values[starts[k]:ends[k]]`, shape of both (n,)."""
        lengths = ends - starts
        offsets = np.zeros(len(starts) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        index = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Ragged(self.values[index], offsets)

    def join(self, other: Ragged) -> Ragged:
        """Row by row, this row's values and then the other's."""
        offsets = self.offsets + other.offsets
        values = np.empty(offsets[-1], dtype=self.values.dtype)
        for part, start in ((self, offsets[:-1]), (other, offsets[:-1] + self.lengths)):
            shift = np.repeat(start - part.offsets[:-1], part.lengths)
            values[np.arange(len(part.values)) + shift] = part.values
        return Ragged(values, offsets)

    def contains(self, value: IntArray) -> BoolArray:
        """Whether each row holds its `value`, shape of both (n_rows,)."""
        row = np.repeat(np.arange(len(self)), self.lengths)
        found = np.zeros(len(self), dtype=bool)
        found[row[self.values == value[row]]] = True
        return found

    def mask(self, n_columns: int) -> BoolArray:
        """A row's values as a set: bool, shape (n_rows, n_columns)."""
        out = np.zeros((len(self), n_columns), dtype=bool)
        out[np.repeat(np.arange(len(self)), self.lengths), self.values] = True
        return out
