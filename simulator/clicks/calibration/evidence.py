"""What a calibration can be fitted to: probabilities that differ, and both answers."""

from __future__ import annotations

import numpy as np

from simulator.domain import BoolArray, FloatArray
from simulator.errors import DataError

FEWEST = 50
"""Exposures below which nothing is fitted: two parameters would follow the noise."""


def checked(probability: FloatArray, clicked: BoolArray) -> tuple[FloatArray, FloatArray]:
    """The same two columns in float64, if a calibration can be fitted to them.

    Args:
        probability: A model's P(click), shape (n,).
        clicked: What the users did, shape (n,).

    Raises:
        DataError: If there are too few rows, a row without a probability, only one answer, or
            nothing but equal probabilities.
    """
    p = np.asarray(probability, dtype=np.float64)
    if len(p) != len(clicked):
        raise DataError(f"{len(p)} probabilities, but {len(clicked)} answers; give one each.")
    if len(p) < FEWEST:
        raise DataError(
            f"{len(p)} exposures are too few to fit a calibration to; take at least {FEWEST}, "
            "better 1,000."
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError(
            "A calibration is fitted to probabilities in [0, 1]; leave out the exposures that the "
            "model failed to decide."
        )
    if clicked.all() or not clicked.any():
        kind = "clicks" if clicked.all() else "no-clicks"
        raise DataError(
            f"All {len(p)} logged answers are {kind}; fitting a calibration needs both. Take more "
            "exposures, or a log with real no-clicks."
        )
    if p.min() == p.max():
        raise DataError(
            f"All {len(p)} probabilities are {p[0]:.3g}, so no calibration can tell the exposures "
            "apart; look at the prompts (`nudgesim prompts render`) and at the model."
        )
    return p, np.asarray(clicked, dtype=np.float64)


def smoothed_targets(clicked: FloatArray) -> tuple[float, float]:
    """What a no-click and a click count as: not 0 and 1, but a rule-of-succession estimate.

    `1 / (N- + 2)` and `(N+ + 1) / (N+ + 2)`, so that no finite log fits to certainty (Platt,
    "Probabilistic Outputs for Support Vector Machines", 1999, Section 2.2).
    """
    clicks = float(clicked.sum())
    skips = len(clicked) - clicks
    return 1 / (skips + 2), (clicks + 1) / (clicks + 2)
