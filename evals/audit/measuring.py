"""`audit_titles`: how far hostile titles move a model from where their twins leave it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evals.audit.corpus import TitlePair, hostile_titles
from evals.audit.findings import TitleAudit
from evals.audit.placing import PLACES, PlacedTitles, exchanged
from evals.audit.raw import NAME as RAW
from evals.audit.raw import RawPrompts
from evals.audit.shifts import Answers
from evals.bootstrap import Bootstrap
from simulator.clicks import AgentClicks
from simulator.domain import Exposures
from simulator.errors import ConfigError
from simulator.interfaces import Prompt

Progress = Callable[[int, int], None]
"""Told the decisions so far and those to come in all."""

_OTHER_ITEMS = 8
"""Real items that stand in for a user's own, to measure what those do to a template."""

Render = Callable[[Exposures], Sequence[Prompt]]


def audit_titles(
    agent: AgentClicks,
    base: Exposures,
    *,
    pairs: Sequence[TitlePair] | None = None,
    bootstrap: Bootstrap | None = None,
    progress: Progress = lambda done, total: None,
) -> TitleAudit:
    """Show users hostile titles and their twins, through the agent's template and the raw one.

    Every title is put in front of every user, once as the candidate and once as the newest item
    of the history; all else in a prompt is the same for a title and its twin. Beside that, other
    users' items stand there, to measure how far real items move each template. The agent's
    calibration is left out: it is the model that is audited.

    Args:
        agent: Whose model, template, examples and minimum mass.
        base: A row a user, with a history and a catalogue, such as `users_of` gives.
        pairs: What to audit; the corpus by default.
        bootstrap: Of users and titles; 1000 replicates and 95% by default.
        progress: See `Progress`.

    Raises:
        ConfigError: If the agent answers in text, its template has the baseline's name, or there is
            nobody or nothing to audit.
        DataError: If the exposures have no catalogue, or a user no history.
        LabelError: If the template's labels are not tokens of the model.
    """
    pairs = hostile_titles() if pairs is None else tuple(pairs)
    if agent.mode == "text":
        raise ConfigError(
            'The audit compares probabilities, and mode="text" gives none; open the agent with '
            'mode="sample".'
        )
    if agent.template.name == RAW:
        raise ConfigError(
            f"{agent.template.path}: the audit calls its own baseline {RAW!r}; give the template "
            "another name in its front matter."
        )
    if not len(base) or not pairs:
        raise ConfigError("Nothing to audit; give at least one user and one pair of titles.")
    titles = [pair.hostile for pair in pairs] + [pair.twin for pair in pairs]
    placed = PlacedTitles(base, list(dict.fromkeys(titles)))
    column = {title: k for k, title in enumerate(placed.titles)}
    columns = np.array([column[title] for title in titles])
    ways: dict[str, Render] = {
        agent.template.name: agent.prompts,
        RAW: RawPrompts(agent.template, agent.examples).render,
    }
    others = min(_OTHER_ITEMS, len(base) - 1)
    total = len(ways) * len(PLACES) * len(base) * (len(placed.titles) + 1 + others)
    done = 0
    answers: dict[tuple[str, str], Answers] = {}
    items: dict[tuple[str, str], Answers] = {}
    for place in PLACES:
        shown, real = placed.exposures(place), exchanged(base, place, others)
        for name, render in ways.items():
            answers[name, place] = _ask(agent, render(shown), len(base)).titles(columns)
            items[name, place] = _ask(agent, render(real), len(base))
            done += len(shown) + len(real)
            progress(done, total)
    return TitleAudit.of(
        pairs,
        answers,
        items,
        model=str(getattr(agent.engine, "model", type(agent.engine).__name__)),
        bootstrap=bootstrap or Bootstrap(),
    )


def _ask(agent: AgentClicks, prompts: Sequence[Prompt], n_users: int) -> Answers:
    """The answers to a user's prompts in a row, all users' of equal number."""
    found = agent.label_probabilities(prompts)
    failed = (found.failure != "") | ~(found.mass >= agent.minimum_mass)
    probability = found.probabilities[:, 0].astype(np.float64)
    return Answers(probability.reshape(n_users, -1), failed.reshape(n_users, -1))
