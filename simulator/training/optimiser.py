"""The optimiser, and how its steps shrink."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from simulator.training.settings import TrainingSettings


def schedule(done: float, warm_up: float) -> float:
    """Share of the peak learning rate after a share of the steps."""
    if done < warm_up:
        return done / warm_up
    if warm_up == 1:
        return 1.0
    cosine = (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up))) / 2
    return 0.05 + 0.95 * cosine


def make_optimiser(weights: Mapping[str, Any], settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW over weights by name; only matrices decay."""
    matrices = [p for p in weights.values() if p.ndim >= 2]
    rest = [p for p in weights.values() if p.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ],
        lr=settings.peak_rate,
        betas=(0.9, 0.98),
    )
