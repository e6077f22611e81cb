"""Figures as text."""

from __future__ import annotations

import math

from evals.tables import number


def with_interval(
    mean: float, low: float, high: float, digits: int, *, signed: bool = False
) -> str:
    """`mean ± half the interval's width`; the mean alone where there is no interval."""
    text = number(mean, digits, signed=signed)
    half = (high - low) / 2
    return f"{text} ± {number(half, digits)}" if math.isfinite(half) else text
