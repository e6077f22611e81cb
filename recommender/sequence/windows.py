"""The newest items of histories, as the encoder reads them."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np

from simulator.domain import IntArray, Ragged
from simulator.errors import UnknownNameError

Padding: TypeAlias = Literal["left", "right"]
"""Where a short window is filled up. "right" is a quirk of ITMPRec's released code: it reads the
encoder at the last position, which is then no item of the user's."""


def windows(histories: Ragged, length: int, padding: Padding = "left") -> IntArray:
    """The last `length` items of each history, oldest first.

    Args:
        histories: n rows of catalogue rows, oldest first; rows may be empty.
        length: Positions.
        padding: Side of the zeros where a history is shorter.

    Returns:
        Item ids (catalogue row + 1; 0 is padding), int32, shape (n, length).

    Raises:
        UnknownNameError: If `padding` is no side.
    """
    check_padding(padding)
    ends = histories.offsets[1:]
    newest = histories.slices(np.maximum(ends - length, histories.offsets[:-1]), ends)
    lengths = newest.lengths
    row = np.repeat(np.arange(len(newest)), lengths)
    place = np.arange(len(newest.values)) - np.repeat(newest.offsets[:-1], lengths)
    if padding == "left":
        place += np.repeat(length - lengths, lengths)
    out = np.zeros((len(newest), length), dtype=np.int32)
    out[row, place] = newest.values + 1
    return out


def check_padding(padding: str) -> None:
    """Raise UnknownNameError unless `padding` is a side."""
    if padding not in get_args(Padding):
        raise UnknownNameError("padding", padding, get_args(Padding))
