"""Temperature scaling: one factor on the log-odds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from simulator.clicks.calibration.evidence import checked
from simulator.clicks.calibration.log_odds import from_log_odds, log_odds
from simulator.domain import BoolArray, FloatArray
from simulator.errors import DataError

_RANGE = (0.01, 100.0)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Temperature:
    """P' = sigmoid(log-odds(P) / temperature).

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Section 4.2. It
    mends over-confidence alone: P = 0.5 stays where it is, so a model that clicks too often goes on
    doing so; Platt's offset is for that.

    Attributes:
        temperature: Above 0; above 1 takes confidence away.
    """

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    kind: Literal["temperature"] = "temperature"

    @classmethod
    def fit(cls, probability: FloatArray, clicked: BoolArray) -> Self:
        """By maximum likelihood, between 0.01 and 100.

        Args:
            probability: A model's P(click) of development exposures, in [0, 1], shape (n,).
            clicked: What the users did, shape (n,).

        Raises:
            DataError: If these cannot tell, see `checked`, or no temperature in that range is best.
        """
        from scipy.optimize import minimize_scalar

        p, y = checked(probability, clicked)
        # The sign that the answer gives the log-odds; then the loss is log(1 + exp(-margin / T)).
        margin = np.where(y > 0, 1, -1) * log_odds(p)

        def loss(logarithm: float) -> float:
            return float(np.logaddexp(0, -margin / np.exp(logarithm)).mean())

        # Convex in 1 / T, so there is one best log T.
        bounds = (float(np.log(_RANGE[0])), float(np.log(_RANGE[1])))
        best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-9})
        if min(best.x - bounds[0], bounds[1] - best.x) < 1e-3:
            raise DataError(
                f"The best temperature is not within {_RANGE[0]:g} and {_RANGE[1]:g}: these "
                "probabilities lie on the wrong side of 0.5 too often, or never. Fit platt or "
                "isotonic, which move them to another level."
            )
        return cls(temperature=float(np.exp(best.x)))

    def apply(self, probability: FloatArray) -> FloatArray:
        """The calibrated P(click), float64, of the same shape; NaN stays NaN."""
        return from_log_odds(log_odds(probability) / self.temperature)
