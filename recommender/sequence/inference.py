"""Encoding many windows at once: without gradients, in tiles of one shape, on all cores.

The last bit of a product depends on its shape. So a window is cut to its items' count, rounded up
to a whole number of `_STEP`s, and encoded in a tile of exactly `TILE` windows of that length: what
it comes to is a function of the window alone, whatever else is encoded beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch

from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.windows import Padding
from simulator.domain import FloatArray, IntArray

TILE = 32
_STEP = 10


def encode_windows(
    encoder: SequenceEncoder, windows: IntArray, padding: Padding = "left"
) -> FloatArray:
    """The encoder's output at the last position of each window; equal windows are encoded once.

    Args:
        encoder: In evaluation mode.
        windows: Item ids, shape (n, L), L the encoder's `max_length`.
        padding: Side of the zeros.

    Returns:
        float32, shape (n, d).
    """
    first, place = _distinct(windows)
    distinct = windows[first]
    out = np.empty((len(distinct), encoder.width), dtype=np.float32)

    def encode(tile: tuple[IntArray, IntArray]) -> None:
        rows, columns = tile
        ids = np.zeros((TILE, len(columns)), dtype=np.int64)
        ids[: len(rows)] = distinct[rows[:, None], columns]
        with torch.inference_mode():
            encoded = encoder.last(torch.from_numpy(ids), torch.from_numpy(columns))
        out[rows] = encoded[: len(rows)].numpy()

    with _one_thread_each() as pool:
        for done in [pool.submit(encode, tile) for tile in _tiles(encoder, distinct, padding)]:
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


def _tiles(
    encoder: SequenceEncoder, windows: IntArray, padding: Padding
) -> Iterator[tuple[IntArray, IntArray]]:
    """Rows, at most `TILE`, and the columns that hold all of their items and the last position."""
    length = windows.shape[1]
    counts = np.count_nonzero(windows, axis=1)
    # Padding changes the frequencies of a window, if it changes nothing else.
    whole = encoder.settings.frequency is not None
    kept = np.full(len(windows), length) if whole else -(-np.maximum(counts, 1) // _STEP) * _STEP
    for size in np.unique(kept):
        rows = np.flatnonzero(kept == size)
        columns = _columns(int(size), length, padding)
        for start in range(0, len(rows), TILE):
            yield rows[start : start + TILE], columns


def _columns(size: int, length: int, padding: Padding) -> IntArray:
    if size >= length:
        return np.arange(length)
    if padding == "left":
        return np.arange(length - size, length)
    return np.append(np.arange(size), length - 1)


def _distinct(windows: IntArray) -> tuple[IntArray, IntArray]:
    """One row of each kind, and each row's kind."""
    weights = np.random.default_rng(0).integers(1, 2**63, windows.shape[1], dtype=np.uint64)
    mixed = windows.astype(np.uint64) @ (weights | np.uint64(1))
    _, first, place = np.unique(mixed, return_index=True, return_inverse=True)
    if not np.array_equal(windows[first[place]], windows):
        # Two different windows share a number: compare them in full.
        _, first, place = np.unique(windows, axis=0, return_index=True, return_inverse=True)
    return first, place.reshape(-1)
