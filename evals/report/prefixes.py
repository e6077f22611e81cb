"""Histories that grow: each kept once, at its longest."""

from __future__ import annotations

import numpy as np

from simulator.domain import IntArray, Ragged


def prefixes(rows: Ragged) -> tuple[Ragged, IntArray, IntArray]:
    """The rows that are the beginning of no other, and how much of them each row is.

    Args:
        rows: n rows; a user's history at one moment begins that of every later moment.

    Returns:
        The longest rows, sorted; for each given row which of them it begins, and its length.
    """
    if not len(rows):
        return Ragged.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)
    # Big-endian and from 0, so that bytes sort as the numbers do.
    wide = rows.values.astype(">u4").tobytes()
    keys = [wide[4 * a : 4 * b] for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]
    longest: list[bytes] = []
    which: dict[bytes, int] = {}
    # In descending order a row stands right behind the rows that it begins.
    for key in sorted(set(keys), reverse=True):
        if not longest or not longest[-1].startswith(key):
            longest.append(key)
        which[key] = len(longest) - 1
    kept = Ragged.from_rows([np.frombuffer(key, ">u4") for key in longest])
    index = np.fromiter((which[key] for key in keys), np.int64, len(keys))
    return kept, index, rows.lengths
