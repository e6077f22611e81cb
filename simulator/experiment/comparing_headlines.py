"""Agents held against randomised headline tests, which have readers but no users."""

from __future__ import annotations

import numpy as np

from evals.bootstrap import Bootstrap
from evals.headlines import headline_exposures, judge_headline_answers
from evals.report import Contents
from simulator.data.upworthy import HeadlineTests, load_upworthy
from simulator.domain import Dataset, Interactions
from simulator.errors import ConfigError
from simulator.experiment.asking import Bar, ask_in_blocks, opened_agents
from simulator.experiment.subjects import Subject
from simulator.experiment.world import Say
from simulator.seeding import generator

UPWORTHY = "upworthy"
"""The name by which the headline tests are asked for, in a data set's place."""


def compare_on_headlines(
    subjects: tuple[Subject, ...],
    *,
    headlines: int,
    draws: int,
    seed: int,
    say: Say,
    bar: Bar,
) -> Contents:
    """Does each agent order two headlines of an article as readers did?

    Args:
        subjects: Agents; there are no users, so that a distribution model has nothing to go by.
        headlines: How many are asked about, about; tests are drawn by seed and taken whole.
        draws: Bootstrap resamples of the tests.
        seed: Of the draw, and of examples drawn from a log.
        say: Told what is going on.
        bar: Shows how far the agents are.

    Raises:
        ConfigError: If a subject is no agent.
        NudgesimError: If the tests cannot be read, or a model cannot be started.
    """
    for subject in subjects:
        if subject.kind != "agent":
            raise ConfigError(
                f"{subject.name}: headline tests have no users, and a distribution model goes by "
                "its users' vectors; compare agents on them."
            )
    tests = _drawn(load_upworthy().contested(), headlines, seed)
    say(f"{len(tests):,} headlines of {len(tests.test_ids):,} tests")
    shown = headline_exposures(tests)
    assert shown.catalogue is not None
    nothing = np.empty(0, dtype=np.int64)
    readers = Dataset(
        name=UPWORTHY,
        catalogue=shown.catalogue,
        interactions=Interactions.from_columns(
            nothing, nothing, nothing, n_users=1, n_items=len(tests)
        ),
        user_ids=["reader"],
        source=tests.source,
    )
    probability = {
        subject.name: ask_in_blocks(agent, shown, subject.name, bar).probability.astype(np.float64)
        for subject, agent in opened_agents(subjects, readers, seed, say)
    }
    return Contents(
        data=UPWORTHY,
        headlines=judge_headline_answers(probability, tests, bootstrap=Bootstrap(draws)),
    )


def _drawn(tests: HeadlineTests, size: int, seed: int) -> HeadlineTests:
    order = generator(seed, "headlines").permutation(len(tests.test_ids))
    enough = np.searchsorted(np.cumsum(np.bincount(tests.test)[order]), size) + 1
    return tests.take(np.isin(tests.test, order[:enough]))
