"""Kendall's tau-b: how much two rankings of the same things agree, for many resamples at once."""

from __future__ import annotations

import numpy as np

from simulator.domain import FloatArray, IntArray


def kendall_tau(a: FloatArray, b: FloatArray) -> FloatArray:
    """Tau-b of the last axis: concordant less discordant pairs, over what ties leave possible.

    All pairs are compared at once, so that memory is rows x n (n - 1) / 2; for n of some tens, as
    with rankings of methods.

    Args:
        a: Values, shape (..., n).
        b: Values of the same n things; its leading axes broadcast with those of `a`.

    Returns:
        float64 in [-1, 1], of the leading axes' shape; NaN where one side is all ties, or has a
        NaN, or n < 2.

    Source:
        Kendall, "The treatment of ties in ranking problems", Biometrika 1945.
    """
    first, second = np.triu_indices(a.shape[-1], k=1)
    left, right = (_signs(np.asarray(side, dtype=np.float64), first, second) for side in (a, b))
    agreeing = (left * right).sum(axis=-1)
    possible = np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    with np.errstate(invalid="ignore"):
        return np.asarray(agreeing / possible)


def _signs(values: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    """The sign of each pair's difference, shape (..., pairs); infinities of a sign are ties."""
    x, y = values[..., first], values[..., second]
    signs = (x > y).astype(np.float64) - (x < y)
    signs[np.isnan(x) | np.isnan(y)] = np.nan
    return signs
