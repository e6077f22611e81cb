"""The agents of a comparison asked, one language model after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TypeAlias

import numpy as np

from evals.bootstrap import Bootstrap
from evals.labelled import LabelledExposures
from evals.probes import Probes, probe
from simulator.clicks import AgentClicks, DistributionClicks
from simulator.domain import Clicks, Dataset, Exposures, IntArray
from simulator.experiment.agents import agent_on, start_engine
from simulator.experiment.conclusions import METHODS, play_methods
from simulator.experiment.subjects import Subject
from simulator.experiment.world import Say, World
from simulator.interfaces import usage_of
from simulator.runlog import Run
from simulator.session import Progress

Bar: TypeAlias = Callable[[str, int | None], AbstractContextManager[Progress]]
"""Opens a progress bar: a title, and how many decisions, where that is known."""

_AT_ONCE = 2_048
"""Exposures that an agent decides before the progress bar moves."""


@dataclass(frozen=True, eq=False)
class Questions:
    """What every agent is asked.

    Attributes:
        data: The data set.
        log: To be judged on.
        known: Log rows from before it, of which agents may be told, shape (n,).
        probed: Exposures of it that the bias probes ask about again; None: no probes.
        trained_until: The last year of which the language models have read, where that is known.
        world: Of the nudging runs; None: none are played.
        distribution: Decides what an agent cannot in the nudging runs, and is asked beside it.
        seed: Of everything.
        bootstrap: Of the probes.
    """

    data: Dataset
    log: LabelledExposures
    known: IntArray
    probed: int | None
    trained_until: int | None
    world: World | None
    distribution: DistributionClicks | None
    seed: int
    bootstrap: Bootstrap


@dataclass(frozen=True, eq=False)
class Answers:
    """What the agents answered, by the agent's name.

    Attributes:
        clicks: To the log, row for row.
        agents: As they were judged; their engines are closed by now, and they can render prompts.
        probes: Of those that give probabilities.
        runs: By (agent, nudging method).
        cost: What the log alone has cost: the engine's counters.
    """

    clicks: dict[str, Clicks] = field(default_factory=dict)
    agents: dict[str, AgentClicks] = field(default_factory=dict)
    probes: list[Probes] = field(default_factory=list)
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    cost: dict[str, Mapping[str, float]] = field(default_factory=dict)


def ask_agents(subjects: Sequence[Subject], questions: Questions, *, say: Say, bar: Bar) -> Answers:
    """Ask every agent everything.

    Raises:
        NudgesimError: If a model cannot be started, or an agent cannot be asked.
    """
    answers = Answers()
    for subject, opened in opened_agents(subjects, questions.data, questions.seed, say):
        name, log = subject.name, questions.log
        agent = opened.knowing(questions.known)
        answers.agents[name] = agent
        before = usage_of(agent)
        answers.clicks[name] = ask_in_blocks(agent, log.shown, f"{name}: the log", bar)
        spent = {key: value - before.get(key, 0.0) for key, value in usage_of(agent).items()}
        answers.cost[name] = {"decisions": float(len(log)), **spent}
        if questions.probed is not None:
            answers.probes.append(_probe(agent, name, questions, questions.probed, bar))
        if questions.world is not None:
            # Who is played by is not judged, and known as well as the starting histories are.
            playing = opened.knowing(questions.world.known)
            answers.runs.update(_play(playing, subject, questions, questions.world, say, bar))
    return answers


def opened_agents(
    subjects: Sequence[Subject], data: Dataset, seed: int, say: Say
) -> Iterator[tuple[Subject, AgentClicks]]:
    """The agents among the subjects, one after the other, each with its language model up.

    Those that share a model come together: it is started once, and only one is up at a time.

    Raises:
        NudgesimError: If a model cannot be started.
    """

    def model(subject: Subject) -> str:
        # Whatever `start_engine` reads.
        started_by = {"engine", "model", "urls", "cache", "vllm", "trust_remote_code"}
        return subject.config.agent.model_dump_json(include=started_by)

    agents = [subject for subject in subjects if subject.kind == "agent"]
    for _, group in groupby(sorted(agents, key=model), key=model):
        sharing = list(group)
        engine = start_engine(sharing[0].config.agent)
        say(f"engine {engine.name}: {engine.why}")
        try:
            for subject in sharing:
                yield subject, agent_on(engine, subject.config.agent, data, seed, say)
        finally:
            engine.close()


def ask_in_blocks(agent: AgentClicks, shown: Exposures, title: str, bar: Bar) -> Clicks:
    """The agent's answers, with a progress bar that moves block by block."""
    parts = []
    with bar(title, len(shown)) as progress:
        for start in range(0, len(shown), _AT_ONCE):
            rows: IntArray = np.arange(start, min(start + _AT_ONCE, len(shown)))
            parts.append(agent.decide(shown.take(rows)))
            progress(parts[-1])
    return Clicks.joined(parts)


def _probe(agent: AgentClicks, name: str, questions: Questions, probed: int, bar: Bar) -> Probes:
    with bar(f"{name}: bias probes", None) as progress:
        found = probe(
            agent,
            questions.log,
            exposures=probed,
            trained_until=questions.trained_until,
            seed=questions.seed,
            bootstrap=questions.bootstrap,
            progress=progress,
        )
    return replace(found, agent=name)


def _play(
    agent: AgentClicks,
    subject: Subject,
    questions: Questions,
    world: World,
    say: Say,
    bar: Bar,
) -> dict[tuple[str, str], Run]:
    """The nudging methods before the agent, by (agent, method)."""
    total = len(METHODS) * subject.config.rounds * len(world.users) * len(world.targets)
    with bar(f"{subject.name}: nudging", total) as progress:
        return play_methods(
            subject.config,
            METHODS,
            {subject.name: agent},
            say,
            progress,
            world=world,
            stand_in=questions.distribution,
        )
