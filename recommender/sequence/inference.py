"""Encoding many windows at once: without gradients, in tiles of one shape, on all cores.

The last bit of a product depends on its shape. So a window's padding is left out, which changes
nothing else, up to a whole number of `_STEP` positions, and it is encoded in a tile of exactly
`TILE` windows of that length: what it comes to is a function of the window alone, whatever else is
encoded beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from recommender.sequence.encoder import SequenceEncoder
from simulator.domain import BoolArray, FloatArray, IntArray

TILE = 64
_STEP = 10


def encode_windows(encoder: SequenceEncoder, windows: IntArray) -> FloatArray:
    """The encoder's output at the last position of each window; equal windows are encoded once.

    Args:
        encoder: In evaluation mode.
        windows: Item ids, 0 for padding, which may be anywhere, shape (n, L), L the encoder's
            `max_length`.

    Returns:
        float32, shape (n, d).
    """
    first, place = _distinct(windows)
    distinct = windows[first]
    read = _read(encoder, distinct)
    out = np.empty((len(distinct), encoder.width), dtype=np.float32)

    def encode(rows: IntArray) -> None:
        ids, columns = _compact(distinct[rows], read[rows])
        with torch.inference_mode():
            encoded = encoder.last(torch.from_numpy(ids), torch.from_numpy(columns))
        out[rows] = encoded[: len(rows)].numpy()

    with _one_thread_each() as pool:
        for done in [pool.submit(encode, rows) for rows in _tiles(read)]:
            done.result()
    return out[place]


@contextmanager
def _one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """A worker for each core; threads inside a product this small only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(
            os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)


def _read(encoder: SequenceEncoder, windows: IntArray) -> BoolArray:
    """Which positions count: the items, and the last, where the encoder is read."""
    read = windows > 0
    # Without any item all padding is attended to; and padding has a part in a window's frequencies.
    read[~read.any(axis=1)] = True
    if encoder.settings.frequency is not None:
        read[:] = True
    read[:, -1] = True
    return read


def _tiles(read: BoolArray) -> Iterator[IntArray]:
    """Rows of one length, at most `TILE`."""
    length = -(-np.count_nonzero(read, axis=1) // _STEP)
    for size in np.unique(length):
        rows = np.flatnonzero(length == size)
        for start in range(0, len(rows), TILE):
            yield rows[start : start + TILE]


def _compact(windows: IntArray, read: BoolArray) -> tuple[IntArray, IntArray]:
    """The positions that count and their ids, moved together on the right of a full tile.

    Returns:
        int64, shape (TILE, L) both, L a whole number of steps or the windows' own length.
    """
    counts = np.count_nonzero(read, axis=1)
    size = min(-(-int(counts[0]) // _STEP) * _STEP, windows.shape[1])
    row, column = np.nonzero(read)
    place = size - np.cumsum(read[:, ::-1], axis=1)[:, ::-1][row, column]
    ids, columns = np.zeros((2, TILE, size), dtype=np.int64)
    ids[row, place] = windows[row, column]
    columns[row, place] = column
    return ids, columns


def _distinct(windows: IntArray) -> tuple[IntArray, IntArray]:
    """One row of each kind, and each row's kind."""
    _, first, place = np.unique(_mixed(windows), return_index=True, return_inverse=True)
    if not np.array_equal(windows[first[place]], windows):
        # Two different windows share a number: compare them in full.
        _, first, place = np.unique(windows, axis=0, return_index=True, return_inverse=True)
    return first, place.reshape(-1)


def _mixed(windows: IntArray) -> NDArray[np.uint64]:
    """A number for each window, which two different ones hardly ever share."""
    weights = np.random.default_rng(0).integers(0, 2**63, windows.shape[1], dtype=np.uint64)
    product: NDArray[np.uint64] = windows.astype(np.uint64) @ weights
    return product
