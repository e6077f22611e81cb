"""One experiment: build the world and its parts, play the rounds, write the summary."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from evals.summary import summarise
from simulator.clicks import AgentClicks, DistributionClicks, Fallback
from simulator.config import RunConfig
from simulator.experiment.parts import (
    make_agent,
    make_distribution,
    make_evolution,
    make_recommender,
    start_engine,
)
from simulator.experiment.world import Say, World, build_world
from simulator.interfaces import ClickModel, Engine, Recommender
from simulator.runlog import Run, RunLog
from simulator.session import Progress, simulate


def run_experiment(
    config: RunConfig,
    out: Path,
    *,
    say: Say = lambda _: None,
    progress: Progress | None = None,
    world: World | None = None,
    agent: AgentClicks | None = None,
) -> Run:
    """Play one experiment into a run directory, or go on where it was interrupted.

    Args:
        config: The settings.
        out: The run directory.
        say: Told what is going on.
        progress: Called with each block's clicks.
        world: A world built before from the same settings, to share between runs.
        agent: An agent started before, to share between runs.

    Raises:
        NudgesimError: Whatever keeps the run from being played; what is done stays done.
    """
    world = world or build_world(config, say)
    distribution = (
        make_distribution(config, world.data, say) if _needs_distribution(config) else None
    )
    own = agent
    if config.clicks == "agent" and own is None:
        own = make_agent(config.agent, world.data, config.seed, say)
    try:
        run = _play(config, out, world, own, distribution, say, progress)
    finally:
        if own is not None and agent is None:
            own.close()
    RunLog(out).write_json("summary.json", summarise(run))
    return run


def _play(
    config: RunConfig,
    out: Path,
    world: World,
    agent: AgentClicks | None,
    distribution: DistributionClicks | None,
    say: Say,
    progress: Progress | None,
) -> Run:
    """All rounds, into the run directory."""
    with _planning_engine(config, agent) as engine:
        recommender = make_recommender(config, world, say, engine)
        return _simulate(config, out, world, recommender, agent, distribution, say, progress)


@contextmanager
def _planning_engine(config: RunConfig, agent: AgentClicks | None) -> Iterator[Engine | None]:
    """The language model for a recommender that needs one: the agent's, or one of its own."""
    if config.recommender != "llm-ipp":
        yield None
    elif agent is not None:
        yield agent.engine
    else:
        with closing(start_engine(config.agent)) as engine:
            yield engine


def _simulate(
    config: RunConfig,
    out: Path,
    world: World,
    recommender: Recommender,
    agent: AgentClicks | None,
    distribution: DistributionClicks | None,
    say: Say,
    progress: Progress | None,
) -> Run:
    clicks, facts = _click_model(config, world, distribution, agent)
    beside = {"distribution": distribution} if config.clicks == "agent" and config.beside else {}
    return simulate(
        world.data,
        recommender,
        clicks,
        rounds=config.rounds,
        seed=config.seed,
        targets=world.targets,
        users=world.users,
        vectors=world.vectors,
        evolution=make_evolution(config, world, say),
        draws=config.protocol.draws,
        beside={name: model for name, model in beside.items() if model is not None},
        out=out,
        config=facts,
        progress=progress,
    )


def _needs_distribution(config: RunConfig) -> bool:
    return config.clicks == "distribution" or config.beside or config.fallback == "distribution"


def _click_model(
    config: RunConfig,
    world: World,
    distribution: DistributionClicks | None,
    agent: AgentClicks | None,
) -> tuple[ClickModel, dict[str, Any]]:
    """The model that steers, and what the manifest says of it."""
    facts: dict[str, Any] = {
        "vectors_sha256": _sha256(world),
        "protocol": config.protocol.model_dump(),
        "without": sorted(config.without),
    }
    if config.clicks == "distribution":
        assert distribution is not None
        return distribution, facts
    assert agent is not None
    facts["agent"] = agent.facts()
    if distribution is None or config.fallback == "none":
        return agent, facts
    return Fallback(agent, distribution, ceiling=config.max_failure_rate), facts


def _sha256(world: World) -> str:
    digest = hashlib.sha256(world.vectors.user.tobytes())
    digest.update(world.vectors.item.tobytes())
    return digest.hexdigest()
