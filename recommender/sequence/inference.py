"""Encoding many windows at once: without gradients, in tiles of one shape, on all cores.

The last bit of a product depends on its shape. So every product here is made for exactly `TILE`
windows, whatever else is encoded beside them: what a window comes to is a function of the window
alone, on one machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from recommender.sequence.continuation import encode_last, encode_prefix, prefix_width
from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.prefix_states import PrefixStates, distinct_rows
from simulator.domain import FloatArray, IntArray

TILE = 64
_AT_A_TIME = 2048
_SUFFIX = 10


class WindowEncoder:
    """Encodes windows; equal ones once, and equal beginnings once.

    A window's last 10 positions are encoded anew, the positions before them looked up where any
    window has begun like that before. Where the encoder is not causal (BSARec's) or its windows
    are no longer than that, they are encoded whole.

    Args:
        encoder: In evaluation mode, and not trained any further.
    """

    def __init__(self, encoder: SequenceEncoder) -> None:
        self._encoder = encoder
        self._prefix_length = encoder.settings.max_length - _SUFFIX
        self._whole = encoder.settings.frequency is not None or self._prefix_length < 1
        self._at_a_time = _AT_A_TIME
        if not self._whole:
            self._prefixes = PrefixStates(self._prefix_length, prefix_width(encoder))
            self._at_a_time = min(_AT_A_TIME, self._prefixes.capacity)

    def encode(self, windows: IntArray) -> FloatArray:
        """The encoder's output at the last position of each window.

        Args:
            windows: Item ids, 0 for padding, which may be anywhere, shape (n, max_length).

        Returns:
            float32, shape (n, width).
        """
        first, place = distinct_rows(windows)
        distinct = windows[first].astype(np.int64)
        out = np.empty((len(distinct), self._encoder.width), dtype=np.float32)
        with _one_thread_each() as pool:
            for start in range(0, len(distinct), self._at_a_time):
                part = slice(start, start + self._at_a_time)
                self._encode(pool, distinct[part], out[part])
        return out[place]

    def _encode(self, pool: ThreadPoolExecutor, windows: IntArray, out: FloatArray) -> None:
        """Encode different windows, no more than there is memory for prefixes, into `out`."""
        if self._whole:
            encode = self._encoder.last
            _each_tile(
                pool, len(windows), lambda rows: _put(out, rows, encode(_tile(windows, rows)))
            )
            return
        states, slots = self._remembered(pool, windows[:, : self._prefix_length])

        def encode_rest(rows: slice) -> None:
            prefix = states.index_select(0, torch.from_numpy(_filled(slots[rows])))
            _put(out, rows, encode_last(self._encoder, prefix, _tile(windows, rows)))

        _each_tile(pool, len(windows), encode_rest)

    def _remembered(self, pool: ThreadPoolExecutor, prefixes: IntArray) -> tuple[Tensor, IntArray]:

        def encode_new(new: IntArray, slots: IntArray, states: Tensor) -> None:
            def encode_tile(rows: slice) -> None:
                encoded = encode_prefix(self._encoder, _tile(new, rows))
                states[torch.from_numpy(slots[rows])] = encoded[: len(slots[rows])]

            _each_tile(pool, len(new), encode_tile)

        return self._prefixes.of(prefixes, encode_new)


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


def _each_tile(pool: ThreadPoolExecutor, n: int, work: Callable[[slice], None]) -> None:
    """Do `work` for each `TILE` rows."""

    def without_gradients(rows: slice) -> None:
        with torch.inference_mode():
            work(rows)

    rows = [slice(start, min(start + TILE, n)) for start in range(0, n, TILE)]
    for done in [pool.submit(without_gradients, part) for part in rows]:
        done.result()


def _tile(windows: IntArray, rows: slice) -> Tensor:
    """A full tile: the rows, and the first of them again for those that are missing."""
    return torch.from_numpy(_filled(windows[rows]))


def _filled(rows: IntArray) -> IntArray:
    missing = TILE - len(rows)
    return np.concatenate([rows, np.repeat(rows[:1], missing, axis=0)]) if missing else rows


def _put(out: FloatArray, rows: slice, encoded: Tensor) -> None:
    out[rows] = encoded[: rows.stop - rows.start].numpy()
