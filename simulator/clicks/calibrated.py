"""A click model whose P(click) is mapped before clicks are decided by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from simulator.clicks.agent import AgentClicks
from simulator.describe import describe
from simulator.domain import Clicks, Exposures, FloatArray
from simulator.errors import ConfigError, DataError
from simulator.interfaces import ClickModel, usage_of


class ProbabilityMap(Protocol):
    """A calibration: `Platt`, `Temperature`, `Isotonic`, `Batch`, or one of your own."""

    def apply(self, probability: FloatArray) -> FloatArray:
        """P(click) in [0, 1] from P(click) in [0, 1], row for row, shape (n,)."""
        ...


class Calibrated:
    """Asks `model`, maps its P(click), and clicks where `draw < P(click)`.

    Source, failures and reasons stay the model's; a row that it left undecided stays so. All rows
    are decided anew at the draws that they share with other models, so a model that did not decide
    by its draws (a cut at 0.5) does so from here on.

    Wrap the model that the map was fitted to, not a `Fallback` around it, whose rows it would map
    as well. The click agent takes its calibration itself, `AgentClicks(..., calibration=...)`: its
    argmax mode cuts the calibrated probability, and contextual calibration asks it more.

    Args:
        model: Gives a probability with every decision.
        calibration: The map.

    Raises:
        ConfigError: If the model is an `AgentClicks`.
    """

    def __init__(self, model: ClickModel, calibration: ProbabilityMap) -> None:
        if isinstance(model, AgentClicks):
            raise ConfigError(
                "An agent takes its calibration itself: AgentClicks(..., calibration=...), or the "
                "setting agent.calibration."
            )
        self.model = model
        self.calibration = calibration

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row that the model decides.

        Raises:
            ConfigError: If the model decided a row without a probability.
            DataError: If the map leaves [0, 1].
        """
        answers = self.model.decide(shown)
        rows = np.flatnonzero(~answers.undecided)
        given = answers.probability[rows]
        unknown = int(np.isnan(given).sum())
        if unknown:
            raise ConfigError(
                f"{describe(self.model)} decided {unknown} of {len(shown)} rows without a "
                "probability, so there is nothing to calibrate; take a model that gives them."
            )
        mapped = np.asarray(self.calibration.apply(given), dtype=np.float32)
        if mapped.shape != given.shape or not ((mapped >= 0) & (mapped <= 1)).all():
            raise DataError(
                f"{describe(self.calibration)} did not map {len(given)} probabilities to as many "
                "in [0, 1]."
            )
        probability, clicked = answers.probability.copy(), answers.clicked.copy()
        probability[rows] = mapped
        clicked[rows] = shown.draw[rows] < mapped
        return replace(answers, clicked=clicked, probability=probability)

    def usage(self) -> Mapping[str, float]:
        """The model's counters."""
        return usage_of(self.model)

    def close(self) -> None:
        """Free the model, where it can be closed."""
        close = getattr(self.model, "close", None)
        if callable(close):
            close()

    def describe(self) -> str:
        """The map and the model."""
        return f"calibrated({describe(self.model)}, {describe(self.calibration)})"
