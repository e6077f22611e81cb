"""How fast this machine multiplies: the floor that speeds of models are held against."""

from __future__ import annotations

import time

import torch

_SIZE = {"cpu": 1_024, "cuda": 8_192}


def matrix_rate(device: str, precision: torch.dtype) -> float:
    """Operations a second in a large product, the best of five.

    Args:
        device: "cpu" or "cuda".
        precision: Of both factors.
    """
    left, right = torch.randn(2, _SIZE[device], _SIZE[device], device=device, dtype=precision)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        (left @ right)[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return 2 * _SIZE[device] ** 3 / best
