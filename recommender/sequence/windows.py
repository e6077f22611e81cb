"""The newest items of histories, as the encoder reads them."""

from __future__ import annotations

import numpy as np

from simulator.domain import IntArray, Ragged


def windows(histories: Ragged, length: int) -> IntArray:
    """The last `length` items of each history, oldest first, filled up with 0 on the left.

    Args:
        histories: n rows of catalogue rows, oldest first; rows may be empty.
        length: Positions.

    Returns:
        Item ids (catalogue row + 1; 0 is padding), int32, shape (n, length).
    """
    ends = histories.offsets[1:]
    newest = histories.slices(np.maximum(ends - length, histories.offsets[:-1]), ends)
    row = np.repeat(np.arange(len(newest)), newest.lengths)
    place = np.arange(len(newest.values)) + np.repeat(length - newest.offsets[1:], newest.lengths)
    out = np.zeros((len(newest), length), dtype=np.int32)
    out[row, place] = newest.values + 1
    return out
