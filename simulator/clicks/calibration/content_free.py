"""Content-free calibration: what a prompt answers when it is asked about nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from prompts.examples import Example
from prompts.quoting import UNTITLED, ShownItem
from prompts.template import Template
from simulator.clicks.calibration.log_odds import without_bias
from simulator.domain import FloatArray
from simulator.errors import EngineError
from simulator.interfaces import LabelProbabilities, Prompt

NOTHING = ("N/A", "MASK", UNTITLED)
"""Titles that say nothing; the second stands for "[MASK]", which would be a special token, and the
last is what a prompt shows for an empty one."""

Ask: TypeAlias = Callable[[Sequence[Prompt]], LabelProbabilities]
"""The uncalibrated answers of a model, one a prompt, the click's label first."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ContentFree:
    """The label odds for a content-free history and candidate are divided out of each answer.

    Source: Zhao et al., "Calibrate Before Use: Improving Few-Shot Performance of Language Models",
    ICML 2021, Section 5: the probabilities for "N/A", "[MASK]" and the empty string are averaged.
    No logged answer is needed; the model is asked once. Whatever the words of the prompt and its
    examples make a model say of nothing counts as bias, also where users really do skip more than
    they click: read the effect before it is used.

    Attributes:
        bias: P(click) of the content-free input, in (0, 1).
    """

    bias: Annotated[float, Field(gt=0, lt=1)]
    kind: Literal["content-free"] = "content-free"

    @classmethod
    def fit(cls, ask: Ask, template: Template, examples: Sequence[Example] = ()) -> Self:
        """Ask a model about nothing.

        Args:
            ask: `AgentClicks.label_probabilities`, say.
            template: The prompt template.
            examples: The few-shot examples of the static part.

        Raises:
            EngineError: If the model gives no answer.
        """
        static = template.render_static(examples)
        prompts = []
        for title in NOTHING:
            item = ShownItem(title)
            user, candidate = template.render_user([item]), template.render_candidate(item)
            prompts.append(Prompt(static, user, candidate))
        bias = float(ask(prompts).probabilities[:, 0].astype(np.float64).mean())
        if not 0 < bias < 1:
            raise EngineError(
                f"Asked about nothing, the model says P(click) = {bias:g}, which cannot be divided "
                "out; fit platt or isotonic."
            )
        return cls(bias)

    def apply(self, probability: FloatArray) -> FloatArray:
        """The calibrated P(click), float64, of the same shape; NaN stays NaN."""
        return without_bias(probability, self.bias)
