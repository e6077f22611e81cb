"""Rows of unequal length, gathered into padded batches of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.domain import IntArray


def batches_by_length(lengths: IntArray, batch_tokens: int, shared: int = 0) -> Iterator[IntArray]:
    """Row numbers in batches of similar length, longest first.

    Longest first, so that memory is tightest at the start and a run does not die near its end.

    Args:
        lengths: Tokens of each row, shape (n,).
        batch_tokens: Padded tokens (rows times longest) a batch; one row always fits.
        shared: Tokens that stand before every row and take up memory too.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // (shared + max(1, int(lengths[order[start]]))))
        yield order[start : start + size]
        start += size


def pad_left(encoded: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids padded with 0 on the left, and the mask of real tokens; both (n, longest)."""
    longest = max(len(ids) for ids in encoded)
    tokens = np.zeros((len(encoded), longest), dtype=np.int64)
    mask = np.zeros((len(encoded), longest), dtype=np.int64)
    for row, ids in enumerate(encoded):
        tokens[row, longest - len(ids) :] = ids
        mask[row, longest - len(ids) :] = 1
    return tokens, mask
