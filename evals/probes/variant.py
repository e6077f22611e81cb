"""A variant: the agent with something changed that should not matter, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prompts import Example, Template
from simulator.clicks import AgentClicks
from simulator.domain import Catalogue, Clicks, Exposures, FloatArray

PILOT = 64
"""Exposures that a variant is tried on: a model that knows neither word would fail in them all."""

Progress = Callable[[Clicks], None]
"""Called with answers as they come."""

AS_IS = ""
"""Names the agent without any change, in `Variant.against`."""


@dataclass(frozen=True, eq=False)
class Variant:
    """One change.

    Attributes:
        probe: The probe that it belongs to, such as "label swap".
        name: What was changed, in words; unique within the probe.
        template: What the prompts say.
        examples: What they show.
        catalogue: Whose titles they name; None for those of the log.
        against: The variant of the same probe that it is held against, or `AS_IS`.
        note: What its shift means, where that is not plain.
    """

    probe: str
    name: str
    template: Template
    examples: Sequence[Example]
    catalogue: Catalogue | None = None
    against: str = AS_IS
    note: str = ""

    def ask(self, agent: AgentClicks, shown: Exposures, progress: Progress) -> Clicks:
        """The answers to all exposures, or to the first `PILOT` where all of those failed.

        The prompts are rendered and the agent's own engine is asked: what it has answered before
        is in its cache, and it stays open.
        """
        changed = AgentClicks(
            agent.engine,
            self.template,
            examples=self.examples,
            mode=agent.mode,
            minimum_mass=agent.minimum_mass,
            calibration=agent.calibration,
            personas=agent.personas,
        )
        if self.catalogue is not None:
            shown = replace(shown, catalogue=self.catalogue)
        answers = changed.decide(shown.take(np.arange(len(shown)) < PILOT))
        progress(answers)
        if answers.undecided.all() or len(shown) <= PILOT:
            return answers
        rest = changed.decide(shown.take(np.arange(len(shown)) >= PILOT))
        progress(rest)
        return Clicks.joined([answers, rest])


def probabilities(answers: Clicks) -> FloatArray:
    """P(click), float64, shape (n,); NaN where the decision failed."""
    return np.where(answers.undecided, np.nan, answers.probability.astype(np.float64))
