"""Platt scaling: a straight line through the log-odds."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import ConfigDict, FiniteFloat
from pydantic.dataclasses import dataclass

from simulator.clicks.calibration.evidence import checked, smoothed_targets
from simulator.clicks.calibration.log_odds import from_log_odds, log_odds
from simulator.domain import BoolArray, FloatArray


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Platt:
    """P' = sigmoid(slope * log-odds(P) + offset).

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, on the log-odds in
    place of a margin. A slope below 1 takes confidence away; below 0 it turns the model round.

    Attributes:
        slope: Of the log-odds.
        offset: Added to them.
    """

    slope: FiniteFloat
    offset: FiniteFloat
    kind: Literal["platt"] = "platt"

    @classmethod
    def fit(cls, probability: FloatArray, clicked: BoolArray) -> Self:
        """By maximum likelihood, with Platt's smoothed targets.

        Args:
            probability: A model's P(click) of development exposures, in [0, 1], shape (n,).
            clicked: What the users did, shape (n,).

        Raises:
            DataError: If these cannot tell; see `checked`.
        """
        from sklearn.linear_model import LogisticRegression

        p, y = checked(probability, clicked)
        skip, click = smoothed_targets(y)
        target = np.where(y > 0, click, skip)
        # A row that counts as `target` of a click is one of each answer, so weighted.
        odds = np.tile(log_odds(p), 2)[:, None]
        answer = np.repeat([1, 0], len(p))
        weight = np.concatenate([target, 1 - target])
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-9)
        model.fit(odds, answer, sample_weight=weight)
        return cls(slope=float(model.coef_[0, 0]), offset=float(model.intercept_[0]))

    def apply(self, probability: FloatArray) -> FloatArray:
        """The calibrated P(click), float64, of the same shape; NaN stays NaN."""
        return from_log_odds(self.slope * log_odds(probability) + self.offset)
