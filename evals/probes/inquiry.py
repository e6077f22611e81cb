"""Asks variants about the same exposures, and lays out what came of them as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evals.labelled import LabelledExposures
from evals.probes import against_log
from evals.probes.paired import Scale, most_moved
from evals.probes.variant import Progress, Variant, probabilities
from simulator.clicks import AgentClicks
from simulator.domain import FloatArray, IntArray
from simulator.errors import LabelError

WORST_COLUMNS = ("probe", "variant", "row", "probability", "probability_variant")
WORST = 20
"""Decisions kept of each variant, those that moved most."""

MANY_FAILURES = 0.1
"""Of a variant's decisions; with more, a reader is told why."""


@dataclass(frozen=True, eq=False)
class Inquiry:
    """Exposures that variants are asked about.

    Attributes:
        agent: As is.
        sample: The exposures.
        rows: Which rows of the log they are.
        scale: Weighs the answers.
        as_is: The agent's own.
        progress: See `Progress`.
    """

    agent: AgentClicks
    sample: LabelledExposures
    rows: IntArray
    scale: Scale
    as_is: FloatArray
    progress: Progress

    def compare(
        self, variants: Sequence[Variant], cautions: list[str]
    ) -> tuple[list[dict[str, Any]], pd.DataFrame]:
        """A row a variant that could be asked, and the decisions that moved most."""
        table: list[dict[str, Any]] = []
        worst = [pd.DataFrame(columns=list(WORST_COLUMNS))]
        answered: dict[tuple[str, str], FloatArray] = {}
        for variant in variants:
            about = {"probe": variant.probe, "variant": variant.name}
            base = answered.get((variant.probe, variant.against)) if variant.against else self.as_is
            if base is None:
                continue  # what it is held against could not be asked
            try:
                clicks = variant.ask(self.agent, self.sample.shown, self.progress)
            except LabelError as error:
                cautions.append(f"{variant.probe}, {variant.name}: not asked. {error}")
                continue
            if clicks.undecided.all():
                cautions.append(
                    f"{variant.probe}, {variant.name}: not asked further, since all of the first "
                    f"{len(clicks)} decisions failed, such as: {clicks.failure[0]}."
                )
                continue
            answers = probabilities(clicks)
            if failed_in(answers) > MANY_FAILURES * len(answers):
                cautions.append(
                    f"{variant.probe}, {variant.name}: {failed_in(answers):,} of {len(answers):,} "
                    f"decisions failed, such as: {clicks.failure[np.isnan(answers)][0]}."
                )
            answered[variant.probe, variant.name] = answers
            table.append({**about, **self._figures(variant, answers, base)})
            worst.append(most_moved(answers, base, self.rows, WORST).assign(**about))
        return table, _widest_first(worst)

    def _figures(self, variant: Variant, answers: FloatArray, base: FloatArray) -> dict[str, Any]:
        against = f"against {variant.against}" if variant.against else ""
        return {
            **self.scale.pair(answers, base, argmax=self.agent.mode == "argmax"),
            "failures": failed_in(answers),
            "note": "; ".join(filter(None, [against, variant.note])),
        }

    def against_log(self, trained_until: int | None) -> list[dict[str, Any]]:
        """What the agent's error goes with."""
        scale, as_is, sample = self.scale, self.as_is, self.sample
        rows = (
            against_log.positivity(scale, as_is),
            *against_log.popularity(scale, as_is, sample),
            *against_log.position(scale, as_is, sample),
            *against_log.years(scale, as_is, sample, trained_until),
        )
        return [{"failures": failed_in(as_is), **row} for row in rows]


def failed_in(answers: FloatArray) -> int:
    """How many decisions failed."""
    return int((~np.isfinite(answers)).sum())


def _widest_first(worst: list[pd.DataFrame]) -> pd.DataFrame:
    """The most moved decision of every variant, then the second of each; widest gap first."""
    moved = pd.concat([part for part in worst if len(part)] or worst)
    gap = (moved["probability_variant"] - moved["probability"]).abs()
    order = moved.assign(place=moved.index, gap=gap).sort_values(
        ["place", "gap"], ascending=[True, False], kind="stable"
    )
    return order[list(WORST_COLUMNS)].reset_index(drop=True)
