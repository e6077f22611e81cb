"""The spread: how far a prompt's figures move when it says the same in another way.

A gain that is smaller than what mere rewording does is no finding about the change that was made
(Mizrahi et al., "State of What Art? A Call for Multi-Prompt LLM Evaluation", TACL 2024; Sclar et
al., ICLR 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evals.bootstrap import Bootstrap
from evals.tables import number
from simulator.errors import ConfigError
from simulator.lab.asking import Advance
from simulator.lab.axes import MEANING_KEPT, sweep_variants
from simulator.lab.evaluation import COMPARED, Evaluation
from simulator.lab.laboratory import Lab
from simulator.lab.variants import Variant


@dataclass(frozen=True)
class Moved:
    """How one measure moves.

    Attributes:
        value: Of the prompt itself.
        deviation: Standard deviation over the prompt and its variants, n - 1 below.
        lowest: Over them.
        highest: Over them.
    """

    value: float
    deviation: float
    lowest: float
    highest: float


@dataclass(frozen=True, eq=False)
class Spread:
    """How a prompt's figures move over variants that keep its meaning.

    Attributes:
        prompt: Its name.
        evaluation: The prompt, as incumbent, and its variants.
        judged: How many of them could be judged and seldom fail, the prompt included.
        moved: By measure: auc and log_loss.
    """

    prompt: str
    evaluation: Evaluation
    judged: int
    moved: dict[str, Moved]

    def holds(self, gain: float, measure: str) -> bool:
        """Whether a gain is no larger than the spread's standard deviation."""
        return abs(gain) <= self.moved[measure].deviation

    def sentence(self, gain: float, measure: str) -> str:
        """A gain over the incumbent, beside the spread, in words.

        Args:
            gain: The difference to the incumbent, either sign.
            measure: Of what.
        """
        moved, name = self.moved[measure], measure.replace("_", "-")
        size = f"{number(abs(gain), 4)} in {name}"
        spread = (
            f"{number(moved.deviation, 4)} (standard deviation over {self.judged} ways of saying "
            f"the same, {number(moved.lowest, 4)} to {number(moved.highest, 4)})"
        )
        if self.holds(gain, measure):
            return f"A difference of {size} to the incumbent is smaller than the spread, {spread}."
        return f"A difference of {size} to the incumbent is larger than the spread, {spread}."


def spread(
    lab: Lab,
    variant: Variant,
    *,
    exposures: int = 2000,
    bootstrap: Bootstrap | None = None,
    progress: Advance | None = None,
) -> Spread:
    """Ask the same in other ways: other label words, wording, direction, order and balance.

    Args:
        lab: Who asks.
        variant: The prompt.
        exposures: Of the development users.
        bootstrap: As in `Lab.evaluate`.
        progress: As in `Lab.evaluate`.

    Raises:
        ConfigError: If nothing else says the same, or none of it could be judged.
        NudgesimError: As in `Lab.evaluate`.
    """
    made = sweep_variants(lab, variant, MEANING_KEPT)
    same = [v for v in made if v.says_as(variant)]
    evaluation = lab.evaluate(
        same,
        exposures=exposures,
        purpose="spread",
        bootstrap=bootstrap,
        progress=progress,
    )
    # What is left of a variant that fails often may be the easy rows: no figure beside the others'.
    base, *others = evaluation.variants
    judged = [base] + [n for n in others if evaluation.judged(n) and not evaluation.fails_often(n)]
    if len(judged) < 2:
        raise ConfigError(
            f"No other way of asking {variant.name} could be judged or seldom fails, so its spread "
            f"is unknown. {' '.join(evaluation.refused.values())}".rstrip()
        )
    moved = {}
    for measure in COMPARED:
        values = np.array([evaluation.value(name, measure) for name in judged])
        moved[measure] = Moved(
            float(values[0]), float(values.std(ddof=1)), float(values.min()), float(values.max())
        )
    return Spread(variant.name, evaluation, len(judged), moved)
