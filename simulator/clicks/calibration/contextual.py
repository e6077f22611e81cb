"""Contextual calibration: what a user's own history answers for a candidate that says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from prompts.quoting import ShownItem
from prompts.template import Template
from simulator.clicks.calibration.content_free import NOTHING, Ask
from simulator.clicks.calibration.log_odds import without_bias
from simulator.domain import FloatArray
from simulator.interfaces import Prompt


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Contextual:
    """The label odds for the same history with a content-free candidate are divided out.

    Zhao et al.'s contextual calibration (ICML 2021, Section 5) with the user's history as part of
    the context; for one input it is the domain-conditional pointwise mutual information of Holtzman
    et al., "Surface Form Competition", EMNLP 2021. The model is asked at decision time, about each
    history and content-free title once; there is nothing to fit. What is divided out may be a
    user's true readiness to click: read the effect before it is used.

    Attributes:
        titles: Content-free titles, whose probabilities are averaged.
    """

    titles: tuple[str, ...] = NOTHING
    kind: Literal["contextual"] = "contextual"

    def bias(self, ask: Ask, template: Template, prompts: Sequence[Prompt]) -> FloatArray:
        """P(click) of each prompt with its candidate replaced by nothing.

        Args:
            ask: `AgentClicks.label_probabilities`, say; equal prompts are worth asking once.
            template: What words the question.
            prompts: n prompts.

        Returns:
            Means over the titles, float64, shape (n,); NaN where the model gave no answer.
        """
        candidates = [template.render_candidate(ShownItem(title)) for title in self.titles]
        answers = ask([Prompt(p.static, p.user, c) for c in candidates for p in prompts])
        free = answers.probabilities[:, 0].astype(np.float64)
        return np.asarray(free.reshape(len(candidates), len(prompts)).mean(axis=0))

    def apply(self, probability: FloatArray, bias: FloatArray) -> FloatArray:
        """The calibrated P(click), float64, shape (n,); NaN where either is NaN."""
        return without_bias(probability, bias)
