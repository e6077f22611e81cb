"""Log-odds of probabilities, the scale on which biases are added and evidence is stretched."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from simulator.domain import FloatArray

SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1, about float32's resolution below 1: an engine that
rounds to 1 does not mean infinite odds."""


def log_odds(probability: FloatArray) -> FloatArray:
    """log(p / (1 - p)), float64; probabilities within `SMALLEST` of 0 and 1 are moved there."""
    p = np.clip(np.asarray(probability, dtype=np.float64), SMALLEST, 1 - SMALLEST)
    return np.asarray(logit(p), dtype=np.float64)


def from_log_odds(odds: FloatArray) -> FloatArray:
    """The probability of log-odds, float64."""
    return np.asarray(expit(odds), dtype=np.float64)


def without_bias(probability: FloatArray, bias: FloatArray | float) -> FloatArray:
    """The probability whose odds are those of `probability` divided by those of `bias`.

    For two labels this is `W p` renormalised with `W = diag(bias, 1 - bias)^-1` (Zhao et al.,
    "Calibrate Before Use", ICML 2021, Section 5).

    Args:
        probability: In [0, 1], shape (n,); NaN stays NaN.
        bias: In [0, 1], shape (n,) or one number.

    Returns:
        float64, shape (n,).
    """
    return from_log_odds(log_odds(probability) - log_odds(np.asarray(bias)))
