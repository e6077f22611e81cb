"""Batch calibration: what a model says on average is its bias."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from simulator.clicks.calibration.log_odds import without_bias
from simulator.domain import FloatArray
from simulator.errors import DataError


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Batch:
    """The label odds of a batch's mean are divided out of each answer.

    Source: Zhou et al., "Batch Calibration", ICLR 2024, Equation 5: the prior of a label in a
    context is its mean probability over a batch of inputs. No logged answer is needed. It takes
    both labels for equally frequent, so afterwards a model clicks about half of what it is shown,
    whatever the users did.

    Attributes:
        bias: Mean P(click) over the batch, in (0, 1).
    """

    bias: Annotated[float, Field(gt=0, lt=1)]
    kind: Literal["batch"] = "batch"

    @classmethod
    def fit(cls, probability: FloatArray) -> Self:
        """From a model's P(click) of development exposures, in [0, 1], shape (n,).

        Raises:
            DataError: If there is none, or all are 0 or all 1.
        """
        bias = float(np.mean(np.asarray(probability, dtype=np.float64))) if len(probability) else 0
        if not 0 < bias < 1:
            raise DataError(
                "Batch calibration needs exposures to which the model gave probabilities other "
                "than 0 and 1; look at the prompts (`nudgesim prompts render`)."
            )
        return cls(bias)

    def apply(self, probability: FloatArray) -> FloatArray:
        """The calibrated P(click), float64, of the same shape; NaN stays NaN."""
        return without_bias(probability, self.bias)
