"""Compiled loops over a matrix of rough products: which items to look at exactly, and how many.

A float32 matrix product is twice as fast as an exact one, but its last bits depend on how it was
computed. Each loop here takes such a rough product with a bound on its error, settles with it
nearly everything, and computes anew, exactly, the few items that it cannot settle. So what comes
out does not depend on the rough product at all.

Rows are episodes, columns a panel of consecutive items; running results are carried from panel to
panel. Items are gone through in pieces, and a piece whose largest value is too small is left.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simulator.compiling import compiled, vectorised

_PIECE = 32
_NONE = np.float32(-np.inf)
_HALF = np.float32(0.5)
_CLIP = np.float32(9.5)
# Numerator and denominator of Lambert's continued fraction for tanh z / z, cut after seven steps.
_N0, _N1, _N2 = np.float32(135135), np.float32(17325), np.float32(378)
_D0, _D1, _D2, _D3 = np.float32(135135), np.float32(62370), np.float32(3150), np.float32(28)

ROUGH_SIGMOID_ERROR = 6e-5
"""How far the rough sigmoid may be from the true one."""


@vectorised
def exact_dot(left: Any, right: Any) -> Any:
    """The inner product of two float32 rows on the grid of `on_grid`, in float64, without error."""
    total = 0.0
    for k in range(left.shape[0]):
        total += np.float64(left[k]) * np.float64(right[k])
    return total


@compiled
def round_rows(rows: Any, bits: int, out: Any) -> None:
    """Round each row to multiples of 2**-bits times the power of two above its largest entry."""
    for n in range(rows.shape[0]):
        largest = 0.0
        for k in range(rows.shape[1]):
            largest = max(largest, abs(np.float64(rows[n, k])))
        _, exponent = math.frexp(largest)
        # Adding 1.5 x 2**(52 - bits) leaves no room for digits below 2**-bits.
        rounder = math.ldexp(1.5, exponent + 52 - bits)
        for k in range(rows.shape[1]):
            out[n, k] = (rows[n, k] + rounder) - rounder


@compiled
def dot_rows(left: Any, right: Any, out: Any) -> None:
    """`exact_dot` row by row, into `out`, float64, shape (n,)."""
    for n in range(left.shape[0]):
        out[n] = exact_dot(left[n], right[n])


@vectorised
def rough_sigmoid(x: Any) -> Any:
    """1 / (1 + e**-x) in float32, to `ROUGH_SIGMOID_ERROR`; without branches, and so fast."""
    z = min(max(x, -_CLIP), _CLIP) * _HALF
    q = z * z
    above = z * (_N0 + q * (_N1 + q * (_N2 + q)))
    below = _D0 + q * (_D1 + q * (_D2 + q * _D3))
    return _HALF + _HALF * (above / below)


@vectorised
def _rough_scores(
    product: Any, seen: Any, bonus: Any, towards: Any, start: Any, sigmoid: bool, out: Any
) -> None:
    """Fill `out` with (liking + bonus) (towards - start), -inf where seen."""
    for i in range(product.shape[0]):
        liking = rough_sigmoid(product[i]) if sigmoid else product[i]
        score = (liking + bonus[i]) * (towards[i] - start)
        out[i] = _NONE if seen[i] else score


@vectorised
def _hide_seen(product: Any, seen: Any) -> None:
    """Write -inf into `product` where seen."""
    for i in range(product.shape[0]):
        product[i] = _NONE if seen[i] else product[i]


@vectorised
def _largest(values: Any) -> Any:
    largest = _NONE
    for i in range(values.shape[0]):
        largest = max(largest, values[i])
    return largest


@compiled
def _find_peaks(values: Any, peaks: Any) -> Any:
    """The largest value of each piece into `peaks`, and of all."""
    for piece in range(peaks.shape[0]):
        peaks[piece] = _largest(values[piece * _PIECE : (piece + 1) * _PIECE])
    return _largest(peaks)


@compiled
def best_in_panel(
    product: Any,
    first: int,
    seen: Any,
    users: Any,
    items: Any,
    sigmoid: bool,
    bonus: Any,
    group: Any,
    towards: Any,
    row: Any,
    start: Any,
    slack: Any,
    best: Any,
    best_score: Any,
) -> None:
    """Carry on `best` and `best_score`: the unseen item of largest score, the lower row of equals.

    Args:
        product: Rough `users @ items[first:].T` of the panel, float32, shape (n, m).
        first: The panel's first item.
        seen: bool, shape (n, n_items).
        users: On the grid, float32, shape (n, d).
        items: On the grid, float32, shape (n_items, d).
        sigmoid: Whether the liking is the sigmoid of the product, else the product itself.
        bonus: Added to the liking, float32, shape (n_groups, n_items).
        group: Which row of `bonus`, shape (n,).
        towards: float32, shape (n_targets, n_items).
        row: Which row of `towards`, shape (n,).
        start: Taken off it, float32, shape (n,).
        slack: How far a rough score may be from the exact one, shape (n,).
        best: shape (n,); -1 where nothing is unseen so far.
        best_score: float64, shape (n,); -inf there.
    """
    n, m = product.shape
    end = first + m
    rough = np.empty(m, dtype=np.float32)
    peaks = np.empty((m + _PIECE - 1) // _PIECE, dtype=np.float32)
    for u in range(n):
        bonuses, ahead = bonus[group[u]], towards[row[u]]
        _rough_scores(
            product[u],
            seen[u, first:end],
            bonuses[first:end],
            ahead[first:end],
            start[u],
            sigmoid,
            rough,
        )
        top = _find_peaks(rough, peaks)
        least = max(np.float64(top) - 2 * slack[u], best_score[u] - slack[u])
        for piece in range(peaks.shape[0]):
            if peaks[piece] < least or peaks[piece] == _NONE:
                continue
            for i in range(piece * _PIECE, min(m, (piece + 1) * _PIECE)):
                if rough[i] < least or rough[i] == _NONE:
                    continue
                item = first + i
                x = exact_dot(users[u], items[item])
                liking = 1 / (1 + np.exp(-x)) if sigmoid else x
                score = (liking + bonuses[item]) * (np.float64(ahead[item]) - start[u])
                if score > best_score[u]:
                    best_score[u], best[u] = score, item


@compiled
def _worse(value: Any, item: Any, other_value: Any, other_item: Any) -> Any:
    return value < other_value or (value == other_value and item > other_item)


@compiled
def _replace_worst(values: Any, items: Any, value: Any, item: Any) -> None:
    """Put a better entry in the place of the worst one, which heads the heap."""
    k, size = 0, values.shape[0]
    while 2 * k + 1 < size:
        child = 2 * k + 1
        if child + 1 < size and _worse(
            values[child + 1], items[child + 1], values[child], items[child]
        ):
            child += 1
        if _worse(value, item, values[child], items[child]):
            break
        values[k], items[k] = values[child], items[child]
        k = child
    values[k], items[k] = value, item


@compiled
def top_in_panel(
    product: Any,
    first: int,
    seen: Any,
    users: Any,
    items: Any,
    slack: Any,
    high: Any,
    top: Any,
    top_value: Any,
) -> None:
    """Carry on `top`: the unseen items of largest product, the lower rows of equals, as a heap.

    Args:
        product: As in `best_in_panel`; overwritten.
        first: As there, and so `seen`, `users` and `items`.
        seen: See there.
        users: See there.
        items: See there.
        slack: How far a rough product may be from the exact one, shape (n,).
        high: The largest peaks of pieces so far, float32, shape (n, count), a heap; -inf at first.
        top: Items, shape (n, count), worst first; n_items at first.
        top_value: Their exact products, float64, shape (n, count); -inf at first.
    """
    n, m = product.shape
    peaks = np.empty((m + _PIECE - 1) // _PIECE, dtype=np.float32)
    unnamed = np.zeros(high.shape[1], dtype=np.int32)
    for u in range(n):
        _hide_seen(product[u], seen[u, first : first + m])
        _find_peaks(product[u], peaks)
        for peak in peaks:
            if peak > high[u, 0]:
                _replace_worst(high[u], unnamed, peak, 0)
        # As many peaks as items are wanted are at least high[u, 0].
        enough = np.float64(high[u, 0]) - 2 * slack[u]
        for piece in range(peaks.shape[0]):
            start = piece * _PIECE
            if peaks[piece] < max(enough, top_value[u, 0] - slack[u]):
                continue
            for i in range(start, min(m, start + _PIECE)):
                rough = product[u, i]
                if rough == _NONE or rough < max(enough, top_value[u, 0] - slack[u]):
                    continue
                value = exact_dot(users[u], items[first + i])
                if _worse(top_value[u, 0], top[u, 0], value, first + i):
                    _replace_worst(top_value[u], top[u], value, first + i)


@vectorised
def _count_above(product: Any, low: Any, high: Any) -> Any:
    """How many are above `high`, and how many in between."""
    above, near = 0, 0
    for i in range(product.shape[0]):
        above += product[i] > high
        near += (product[i] >= low) & (product[i] <= high)
    return above, near


@compiled
def rank_in_panel(
    product: Any,
    first: int,
    users: Any,
    items: Any,
    own: Any,
    values: Any,
    offsets: Any,
    row: Any,
    slack: Any,
    rank: Any,
) -> None:
    """Add to `rank` the panel's items of larger product than `own`, except those of a history.

    Args:
        product: As in `best_in_panel`; overwritten.
        first: As there, and so `users` and `items`.
        users: See there.
        items: See there.
        own: Exact products, float64, shape (n,).
        values: User u leaves out `values[offsets[row[u]]:offsets[row[u] + 1]]`.
        offsets: See there.
        row: shape (n,).
        slack: How far a rough product may be from the exact one, shape (n,).
        rank: shape (n,).
    """
    n, m = product.shape
    for u in range(n):
        for k in range(offsets[row[u]], offsets[row[u] + 1]):
            i = values[k] - first
            if 0 <= i < m:
                product[u, i] = _NONE
        # Rounded outwards, since the comparison is in float32.
        low = np.float32(own[u] - slack[u])
        high = np.float32(own[u] + slack[u])
        for start in range(0, m, _PIECE):
            piece = product[u, start : start + _PIECE]
            above, near = _count_above(piece, low, high)
            rank[u] += above
            if near:
                for i in range(piece.shape[0]):
                    if low <= piece[i] <= high:
                        rank[u] += exact_dot(users[u], items[first + start + i]) > own[u]
