"""The distribution click model: the user-item inner product through a logistic curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy.special import expit

from simulator.clicks.click_rate import check_answers
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray
from simulator.errors import ConfigError, DataError, UnknownNameError
from simulator.scores import paired
from simulator.seeding import uniforms


def _similarity(shown: Exposures) -> FloatArray:
    if shown.user_vectors is None or shown.item_vectors is None:
        raise ConfigError(
            "The distribution click model needs user and item vectors: pass `vectors=` to "
            "simulate, or use Exposures.with_vectors."
        )
    return paired(shown.user_vectors, shown.item_vectors)


@dataclass(frozen=True)
class DistributionClicks:
    """P(click) = sigmoid(w (e_u . e_i - b)), Bernoulli on the shared draw (ITMPRec, Sec. 4).

    Attributes:
        w: Slope; how sharply liking turns into clicking.
        b: The inner product at which P(click) = 0.5.
        noise: Added to every probability, times one uniform number for each target, as the
            released code does (0.01); in [0, 1].
    """

    w: float = 10.0
    b: float = 0.7
    noise: float = 0.0

    PRESETS: ClassVar[dict[str, tuple[float, float]]] = {
        # The defaults that the authors' simulator class declares.
        "paper": (10.0, 0.7),
        # What their scripts really run: on unit vectors P(click) stays within 0.14 to 0.55.
        "released-code": (1.0, 0.8),
    }

    def __post_init__(self) -> None:
        if not (np.isfinite(self.w) and np.isfinite(self.b)):
            raise ConfigError(f"w = {self.w} and b = {self.b} must be finite numbers.")
        if not 0 <= self.noise <= 1:
            raise ConfigError(f"noise = {self.noise} must lie in [0, 1].")

    @classmethod
    def preset(cls, name: str) -> Self:
        """One of `PRESETS` by name.

        Raises:
            UnknownNameError: If there is no such preset.
        """
        if name not in cls.PRESETS:
            raise UnknownNameError("distribution preset", name, cls.PRESETS)
        return cls(*cls.PRESETS[name])

    @classmethod
    def fit(cls, shown: Exposures, clicked: BoolArray) -> Self:
        """Estimate w and b by maximum likelihood on logged exposures with real no-clicks.

        Args:
            shown: n logged exposures with vectors.
            clicked: What the users did, shape (n,).

        Raises:
            DataError: If the log holds only clicks or only no-clicks, or tells nothing of w.
        """
        from sklearn.linear_model import LogisticRegression

        check_answers(clicked)
        model = LogisticRegression(C=np.inf).fit(_similarity(shown)[:, None], clicked)
        w, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
        if abs(w) < 1e-9:
            raise DataError("The vectors tell nothing about these clicks (w = 0); train others.")
        return cls(w=w, b=-intercept / w)

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row; never fails."""
        probability = expit(self.w * (_similarity(shown).astype(np.float64) - self.b))
        if self.noise:
            probability += self.noise * uniforms(0, "click-noise", target=shown.target)
            np.minimum(probability, 1, out=probability)
        return Clicks.from_probability(probability, shown.draw, source="distribution")
