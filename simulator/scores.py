"""Inner products that are exact, and so the same to the last bit wherever they are computed.

The result of a floating-point sum depends on its order, and a BLAS changes the order with the
shape of the matrices, the thread count and the processor; a flipped last bit can flip an argmax.
Here every vector is scaled by a power of two to entries below 1 and rounded to a grid of 23 bits
(at width 64), about float32's own precision. Products and their sums then fit into the 53 bits of
a float64 exactly, whatever the order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from threadpoolctl import ThreadpoolController

from simulator.domain import FloatArray, IntArray

TILE = 256
"""Rows a tile; bounds temporary memory to TILE x n_items numbers."""


def tiles(n: int) -> Iterator[slice]:
    """Consecutive row ranges of at most `TILE` rows."""
    for start in range(0, n, TILE):
        yield slice(start, min(start + TILE, n))


def each_tile(n: int, work: Callable[[slice], None]) -> None:
    """Do `work` for each of `tiles(n)`, on all cores; it writes to its own rows only.

    A core takes a tile at a time: threads inside a product this small only wait for each other.
    """
    with _blas().limit(limits=1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(work, part) for part in tiles(n)]:
            done.result()


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def inner(rows: FloatArray, columns: FloatArray) -> FloatArray:
    """`rows @ columns.T` in float32, shape (n, m).

    Args:
        rows: shape (n, d), finite.
        columns: shape (m, d), finite.
    """
    wide_rows, wide_columns = on_grid(rows).astype(np.float64), on_grid(columns).astype(np.float64)
    out = np.empty((len(rows), len(columns)), dtype=np.float32)

    def multiply(part: slice) -> None:
        out[part] = wide_rows[part] @ wide_columns.T

    each_tile(len(rows), multiply)
    return out


def paired(left: FloatArray, right: FloatArray) -> FloatArray:
    """Row-wise inner products `sum_k left[n, k] * right[n, k]` in float32, shape (n,)."""
    return exact_paired(on_grid(left), on_grid(right)).astype(np.float32)


def exact_paired(left: FloatArray, right: FloatArray) -> FloatArray:
    """Row-wise inner products of rows `on_grid`, in float64, without any error, shape (n,)."""
    from simulator.kernels import dot_rows

    out = np.empty(len(left), dtype=np.float64)
    dot_rows(left, right, out)
    return out


def on_grid(rows: FloatArray) -> FloatArray:
    """Rows rounded to a grid each, float32, shape (n, d); products and sums of such are exact."""
    from simulator.kernels import round_rows

    out = np.empty(rows.shape, dtype=np.float32)
    # Width products of 2 x bits each must sum up within float64's 53 bits; float32 holds 24.
    bits = min(24, (53 - int(np.ceil(np.log2(max(rows.shape[1], 1))))) // 2)
    round_rows(np.ascontiguousarray(rows), bits, out)
    return out


def rank_among(scores: FloatArray, column: IntArray) -> IntArray:
    """How many entries of each row are strictly greater than the row's own `column`.

    Args:
        scores: shape (n, m); -inf leaves an entry out.
        column: shape (n,).

    Returns:
        Ranks from 0, int32, shape (n,).
    """
    own = np.take_along_axis(scores, column[:, None].astype(np.intp), axis=1)
    return np.asarray((scores > own).sum(axis=1), dtype=np.int32)
