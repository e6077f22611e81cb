"""Encoding many windows at once, without gradients."""

from __future__ import annotations

import numpy as np
import torch

from recommender.sequence.encoder import SequenceEncoder
from simulator.domain import FloatArray, IntArray

TILE = 64
"""Windows encoded at a time. Every tile has exactly this many, so that the order of sums, and with
it the last bit of a result, does not depend on what else is encoded."""


def encode_windows(encoder: SequenceEncoder, windows: IntArray) -> FloatArray:
    """The encoder's output at the last position of each window; equal windows are encoded once.

    Args:
        encoder: In evaluation mode.
        windows: Item ids, shape (n, L).

    Returns:
        float32, shape (n, d).
    """
    distinct, place = np.unique(windows, axis=0, return_inverse=True)
    n, length = distinct.shape
    filled = np.zeros((-(-n // TILE) * TILE, length), dtype=np.int64)
    filled[:n] = distinct
    out = np.empty((len(filled), encoder.width), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(filled), TILE):
            tile = torch.from_numpy(filled[start : start + TILE])
            out[start : start + TILE] = encoder.last(tile).numpy()
    return out[place.reshape(-1)]
