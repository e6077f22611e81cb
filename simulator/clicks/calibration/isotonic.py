"""Isotonic regression: any rising curve that the log asks for."""

from __future__ import annotations

import hashlib
from typing import Literal, Self

import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from simulator.clicks.calibration.evidence import checked, smoothed_targets
from simulator.domain import BoolArray, FloatArray
from simulator.errors import DataError


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Isotonic:
    """P' rises with P along straight lines between `probability` and `click_rate`.

    Source: Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability
    Estimates", KDD 2002. It follows noise more readily than Platt scaling does; below about 1,000
    exposures that is the safer choice (Niculescu-Mizil and Caruana, ICML 2005).

    Attributes:
        probability: The corners' P, rising, in [0, 1], length k >= 1; beyond the first and the last
            the curve is level.
        click_rate: Their P', never falling, in [0, 1], length k.
    """

    probability: tuple[float, ...]
    click_rate: tuple[float, ...]
    kind: Literal["isotonic"] = "isotonic"

    def __post_init__(self) -> None:
        p, rate = np.asarray(self.probability), np.asarray(self.click_rate)
        inside = ((p >= 0) & (p <= 1)).all() and ((rate >= 0) & (rate <= 1)).all()
        if not len(p) or len(p) != len(rate) or not inside:
            raise DataError(
                "An isotonic calibration has as many corners in `probability` as in `click_rate`, "
                "one at least, all in [0, 1]; fit it anew."
            )
        if (np.diff(p) <= 0).any() or (np.diff(rate) < 0).any():
            raise DataError(
                "The corners of an isotonic calibration rise in `probability` and never fall in "
                "`click_rate`; fit it anew."
            )

    @classmethod
    def fit(cls, probability: FloatArray, clicked: BoolArray) -> Self:
        """By least squares over all rising curves.

        The curve stays within Platt's smoothed targets, `1 / (N- + 2)` and `(N+ + 1) / (N+ + 2)`,
        so that a step of clicks alone does not promise certainty.

        Args:
            probability: A model's P(click) of development exposures, in [0, 1], shape (n,).
            clicked: What the users did, shape (n,).

        Raises:
            DataError: If these cannot tell; see `checked`.
        """
        from sklearn.isotonic import IsotonicRegression

        p, y = checked(probability, clicked)
        lowest, highest = smoothed_targets(y)
        curve = IsotonicRegression(y_min=lowest, y_max=highest, out_of_bounds="clip").fit(p, y)
        return cls(tuple(curve.X_thresholds_.tolist()), tuple(curve.y_thresholds_.tolist()))

    def apply(self, probability: FloatArray) -> FloatArray:
        """The calibrated P(click), float64, of the same shape; NaN stays NaN."""
        p = np.asarray(probability, dtype=np.float64)
        return np.asarray(np.interp(p, self.probability, self.click_rate), dtype=np.float64)

    def describe(self) -> str:
        """How many corners, and a digest of them: a run is resumed with the same curve alone."""
        digest = hashlib.sha256(repr((self.probability, self.click_rate)).encode()).hexdigest()
        return f"Isotonic({len(self.probability)} corners, {digest[:12]})"
