"""`probe`: ask an agent again with what should not matter changed, and hold it against the log."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evals.bootstrap import Bootstrap, holm
from evals.labelled import LabelledExposures
from evals.probes.examples import balance_variants, order_variants
from evals.probes.findings import Probes
from evals.probes.inquiry import Inquiry, failed_in
from evals.probes.labels import label_variants
from evals.probes.paired import Scale
from evals.probes.titles import title_variants
from evals.probes.variant import (
    PILOT,
    Progress,
    Variant,
    probabilities,
)
from evals.probes.wording import related_templates, wording_variants
from prompts import Template
from simulator.clicks import AgentClicks
from simulator.domain import Catalogue, Exposures, FloatArray, IntArray
from simulator.errors import ConfigError, DataError, PromptError
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
    draws = _draws(sample.shown, rows, seed)
    scale = Scale(sample.shown.user, sample.clicked, draws, bootstrap or Bootstrap())
    inquiry = Inquiry(agent, sample, rows, scale, as_is, progress)
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


def _draws(shown: Exposures, rows: IntArray, seed: int) -> FloatArray:
    """The exposures' luck; where that is one number for all, each row of the log has its own."""
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
    failed = failed_in(as_is)
    if failed:
        out.append(
            f"{failed:,} of {len(sample):,} decisions failed as they are; a row of the table has "
            "only the exposures that were answered both ways."
        )
    return out
