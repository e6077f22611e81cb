"""`probe`: ask an agent again with what should not matter changed, and hold it against the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evals.bootstrap import Bootstrap, holm
from evals.labelled import LabelledExposures
from evals.probes import against_log
from evals.probes.examples import balance_variants, order_variants
from evals.probes.findings import Probes
from evals.probes.labels import label_variants
from evals.probes.paired import Scale, most_moved
from evals.probes.titles import title_variants
from evals.probes.variant import PILOT, Progress, Variant, probabilities
from evals.probes.wording import related_templates, wording_variants
from prompts import Template
from simulator.clicks import AgentClicks
from simulator.domain import Catalogue, FloatArray, IntArray
from simulator.errors import ConfigError, DataError, LabelError, PromptError
from simulator.seeding import sample_rows, uniforms

COLUMNS = (
    "probe",
    "variant",
    "exposures",
    "users",
    "shift",
    "shift_low",
    "shift_high",
    "p_corrected",
    "moved",
    "flipped",
    "auc",
    "auc_difference",
    "auc_low",
    "auc_high",
    "failures",
    "note",
)

WORST_COLUMNS = ("probe", "variant", "row", "probability", "probability_variant")
WORST = 20
"""Decisions kept of each variant, those that moved most."""

MANY_FAILURES = 0.1
"""Of a variant's decisions; with more, a reader is told why."""

FEW_USERS = 20
"""Below this, a reader is warned."""


def probe(
    agent: AgentClicks,
    log: LabelledExposures,
    *,
    others: Sequence[Template] | None = None,
    exposures: int | None = 1000,
    permutations: int = 4,
    trained_until: int | None = None,
    seed: int = 0,
    bootstrap: Bootstrap | None = None,
    progress: Progress = lambda _: None,
) -> Probes:
    """Ask about the same exposures with changed labels, examples, words and titles.

    Every variant is rendered and asked, through the agent's own engine and its cache.

    Args:
        agent: A mode with probabilities ("sample" or "argmax"); stays open.
        log: Whose exposures have a catalogue.
        others: Templates that ask the same in other words or another language;
            `related_templates` by default.
        exposures: How many are asked about, drawn by seed; None for all.
        permutations: Orders of the examples at random, beside the sorted ones.
        trained_until: The last year of which the model has read, where that is known.
        seed: Of the sample, the orders, the codes, and the luck where the log has none.
        bootstrap: Resampling of users; 1000 replicates and 95% by default.
        progress: See `Progress`.

    Raises:
        ConfigError: If the agent gives no probabilities, or answers nothing as it is.
        DataError: If the exposures have no catalogue.
    """
    catalogue = _check(agent, log)
    rows = _rows(len(log), exposures, seed)
    sample = log.take(rows)
    plain = Variant("", "", agent.template, agent.examples).ask(agent, sample.shown, progress)
    as_is = probabilities(plain)
    if not np.isfinite(as_is).any():
        raise ConfigError(
            f"The agent answered none of the first {len(plain)} exposures, so there is nothing to "
            f"probe; the first failure: {plain.failure[0]}."
        )
    scale = Scale(
        sample.shown.user, sample.clicked, _draws(sample, rows, seed), bootstrap or Bootstrap()
    )
    inquiry = _Inquiry(agent, sample, rows, scale, as_is, progress)
    cautions = _cautions(agent, log, sample, as_is)
    variants = [
        *_label_variants(agent, cautions),
        *order_variants(agent, permutations, seed),
        *balance_variants(agent),
        *wording_variants(agent, related_templates(agent.template) if others is None else others),
        *title_variants(agent, catalogue, seed),
    ]
    table, worst = inquiry.compare(variants, cautions)
    table += inquiry.against_log(trained_until)
    found = pd.DataFrame(table)
    found["p_corrected"] = holm(found["p"].to_numpy(dtype=np.float64))
    return Probes(agent.describe(), found.reindex(columns=COLUMNS), worst, tuple(cautions))


def _widest_first(worst: list[pd.DataFrame]) -> pd.DataFrame:
    """The most moved decision of every variant, then the second of each; widest gap first."""
    moved = pd.concat([part for part in worst if len(part)] or worst)
    gap = (moved["probability_variant"] - moved["probability"]).abs()
    order = moved.assign(place=moved.index, gap=gap).sort_values(
        ["place", "gap"], ascending=[True, False], kind="stable"
    )
    return order[list(WORST_COLUMNS)].reset_index(drop=True)


def _check(agent: AgentClicks, log: LabelledExposures) -> Catalogue:
    if agent.mode == "text":
        raise ConfigError(
            'Bias probes compare probabilities, and mode="text" gives none; open the agent with '
            'mode="sample" or mode="argmax".'
        )
    if log.shown.catalogue is None:
        raise DataError(
            "Bias probes change titles, and these exposures have no catalogue: give them one "
            "(Exposures(..., catalogue=data.catalogue))."
        )
    return log.shown.catalogue


def _rows(n: int, exposures: int | None, seed: int) -> IntArray:
    """The rows that are asked about: a pilot drawn from all over the log, then the others."""
    rows = sample_rows(seed, "probe", n, n if exposures is None else exposures)
    pilot = sample_rows(seed, "probe pilot", len(rows), PILOT)
    return np.concatenate([rows[pilot], np.delete(rows, pilot)])


def _draws(sample: LabelledExposures, rows: IntArray, seed: int) -> FloatArray:
    """The log's luck; where it is one number for all, each row's own."""
    shown = sample.shown
    if len(np.unique(shown.draw)) > 1:
        return shown.draw
    return uniforms(seed, "probe", user=shown.user, target=shown.item, position=rows)


def _label_variants(agent: AgentClicks, cautions: list[str]) -> list[Variant]:
    """None for a template that cannot be asked with other labels."""
    try:
        return label_variants(agent)
    except PromptError as error:
        cautions.append(f"Labels were not swapped. {error}")
        return []


@dataclass(frozen=True, eq=False)
class _Inquiry:
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
            if _failed(answers) > MANY_FAILURES * len(answers):
                cautions.append(
                    f"{variant.probe}, {variant.name}: {_failed(answers):,} of {len(answers):,} "
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
            "failures": _failed(answers),
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
        return [{"failures": _failed(as_is), **row} for row in rows]


def _cautions(
    agent: AgentClicks, log: LabelledExposures, sample: LabelledExposures, as_is: FloatArray
) -> list[str]:
    out: list[str] = []
    if len(sample) < len(log):
        out.append(f"The probes ask about {len(sample):,} of {len(log):,} exposures, by seed.")
    if sample.n_users < FEW_USERS:
        out.append(f"Only {sample.n_users} users are behind the probes; intervals say little.")
    if not log.observed:
        out.append(
            "The no-clicks are low ratings of items that users chose themselves, and the "
            "positivity, popularity and years probes measure that choice as well as the agent."
        )
    if len(agent.examples) < 2:
        out.append(
            f"The prompt shows {len(agent.examples) or 'no'} example"
            f"{'' if len(agent.examples) == 1 else 's'}, so their order cannot be changed."
        )
    failed = _failed(as_is)
    if failed:
        out.append(
            f"{failed:,} of {len(sample):,} decisions failed as they are; a row of the table has "
            "only the exposures that were answered both ways."
        )
    return out


def _failed(answers: FloatArray) -> int:
    return int((~np.isfinite(answers)).sum())
