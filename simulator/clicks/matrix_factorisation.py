"""Logistic matrix factorisation: the classic collaborative filter, read as a click model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Self

import numpy as np
from scipy.special import expit

from simulator.clicks.click_rate import check_answers, check_log
from simulator.clicks.factorisation_fit import Factors, FactorSettings, fit_factors
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray
from simulator.errors import ConfigError
from simulator.seeding import generator

SHAPES = ((0, 0.0), (2, 2.0), (2, 5.0), (4, 2.0), (4, 5.0))
"""Dimensions of the vectors, and penalties of their squared lengths, that are tried."""
BIAS_PENALTIES = (3.0, 1.0, 10.0, 30.0)
"""Penalties of the biases' squares that are tried; shapes are compared under the first."""
_VALIDATION_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class MatrixFactorisationClicks:
    """P(click) = sigmoid(m + b_u + c_i + p_u . q_i), from real clicks and real no-clicks.

    The model of Koren, Bell and Volinsky ("Matrix factorization techniques for recommender
    systems", Computer 2009, Eq. 4) through a logistic curve, as a click is a yes or a no. A user or
    an item that the log does not know has bias 0 and vector 0.

    Attributes:
        factors: What was fitted.
        settings: What was chosen.
    """

    factors: Factors
    settings: FactorSettings

    @classmethod
    def fit(
        cls,
        shown: Exposures,
        clicked: BoolArray,
        *,
        validation: BoolArray | None = None,
        seed: int = 0,
    ) -> Self:
        """Maximise the penalised likelihood; settings are chosen by log-loss on a part of the log.

        First the vectors' dimension and penalty are chosen, then the penalty of the biases, all
        from small fixed grids; then it is fitted to the whole log. The same log and seed give the
        same model.

        Args:
            shown: n logged exposures. Those of users who will be asked about, before the moments
                that will be asked about, give these users their vectors.
            clicked: What the users did, shape (n,).
            validation: Rows to choose settings by, bool, shape (n,), best those that are most like
                the rows to be asked about; a tenth, drawn by seed, by default.
            seed: Of that draw, and of the vectors' start.

        Raises:
            DataError: If the log, or what `validation` leaves of it, is empty or of one answer.
            ConfigError: If lengths differ.
        """
        check_log(shown, clicked)
        if validation is None:
            validation = generator(seed, "factorisation validation").random(len(shown)) < (
                _VALIDATION_SHARE
            )
        if len(validation) != len(shown):
            raise ConfigError(f"{len(shown)} exposures, but {len(validation)} validation marks.")
        check_answers(clicked[~validation])
        settings = _choose(shown, clicked, validation, seed)
        return cls(fit_factors(shown.user, shown.item, clicked, settings, seed=seed), settings)

    def probability(self, shown: Exposures) -> FloatArray:
        """P(click) of each row, float64, shape (n,)."""
        return np.asarray(expit(self.factors.logit(shown.user, shown.item)))

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row; never fails."""
        return Clicks.from_probability(
            self.probability(shown), shown.draw, source="matrix factorisation"
        )

    def describe(self) -> str:
        """The settings that were chosen."""
        return f"matrix factorisation({self.settings.describe()})"


def log_loss(probability: FloatArray, clicked: BoolArray) -> float:
    """Mean surprise at what the users did, in nats."""
    said = np.where(clicked, probability, 1 - probability)
    return float(-np.log(np.maximum(said, 1e-12)).mean())


def _choose(
    shown: Exposures, clicked: BoolArray, validation: BoolArray, seed: int
) -> FactorSettings:
    """The settings under which the other rows predict the validation's best."""
    trials = [FactorSettings(*shape, BIAS_PENALTIES[0]) for shape in SHAPES]
    if not validation.any():
        return trials[-1]
    learnt, asked = shown.take(~validation), shown.take(validation)

    @cache
    def surprise(tried: FactorSettings) -> float:
        factors = fit_factors(learnt.user, learnt.item, clicked[~validation], tried, seed=seed)
        return log_loss(expit(factors.logit(asked.user, asked.item)), clicked[validation])

    shape = min(trials, key=surprise)
    return min(
        (replace(shape, bias_penalty=tried) for tried in BIAS_PENALTIES),
        key=surprise,
    )
