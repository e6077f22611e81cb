"""One experiment: prepare its parts, play the rounds, write the summary."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from evals.summary import summarise
from simulator.clicks import AgentClicks, Cascade, DistributionClicks, Fallback
from simulator.config import RunConfig
from simulator.domain import IntArray
from simulator.experiment.agents import make_agent, start_engine
from simulator.experiment.parts import make_distribution, make_evolution, make_recommender
from simulator.experiment.world import Say, World, build_world
from simulator.interfaces import ClickModel, Engine, PreferenceEvolution, Recommender
from simulator.run_lock import only_writer
from simulator.runlog import Run, RunLog
from simulator.session import Progress, simulate


@dataclass(frozen=True, eq=False)
class Experiment:
    """All that a run plays with but the language model; it can be sent to other machines.

    Attributes:
        config: The settings.
        world: Data, vectors, users, targets.
        recommender: Who shows; None for LLM-IPP, which is made where its language model is.
        evolution: How users change.
        distribution: Decides, stands in, cascades or answers beside; None where nobody needs it.
    """

    config: RunConfig
    world: World
    recommender: Recommender | None
    evolution: PreferenceEvolution
    distribution: DistributionClicks | None

    @classmethod
    def prepare(cls, config: RunConfig, say: Say, world: World | None = None) -> Self:
        """Train all that has to be trained, or find it in the cache.

        Args:
            config: The settings.
            say: Told what is going on.
            world: A world built before from the same settings.
        """
        world = world or build_world(config, say)
        plans = config.recommender == "llm-ipp"
        return cls(
            config,
            world,
            recommender=None if plans else make_recommender(config, world, say),
            evolution=make_evolution(config, world, say),
            distribution=make_distribution(config, world.data, say)
            if _needs_distribution(config)
            else None,
        )

    def play(
        self,
        agent: AgentClicks | None,
        *,
        out: Path | None = None,
        users: IntArray | None = None,
        stand_in: ClickModel | None = None,
        say: Say = lambda _: None,
        progress: Progress | None = None,
    ) -> Run:
        """All rounds.

        Args:
            agent: Clicks where the settings say so; its engine also plans for LLM-IPP. Where the
                world knows not all of the log, it is told of users what the world knows.
            out: The run directory, in which an interrupted run goes on; None: memory only.
            users: Some of the world's users, shape (n,); all by default.
            stand_in: Decides in the agent's place, as in a rehearsal.
            say: Told what is going on.
            progress: Called with each block's clicks.
        """
        config, world = self.config, self.world
        if agent is not None and world.known is not None:
            agent = agent.knowing(world.known)
        with _planning_engine(config, agent) as engine:
            return simulate(
                world.data,
                self.recommender or make_recommender(config, world, say, engine),
                self._click_model(stand_in or agent),
                rounds=config.rounds,
                seed=config.seed,
                targets=world.targets,
                users=world.users if users is None else users,
                vectors=world.vectors,
                evolution=self.evolution,
                draws=config.protocol.draws,
                beside=self._beside(),
                out=out,
                config=self.facts(agent),
                machine=agent.machine() if agent is not None and self._asks_agent else {},
                progress=progress,
            )

    @property
    def _asks_agent(self) -> bool:
        return self.config.clicks == "agent"

    def _click_model(self, agent: ClickModel | None) -> ClickModel:
        """Who steers."""
        config, distribution = self.config, self.distribution
        if not self._asks_agent:
            assert distribution is not None
            return distribution
        assert agent is not None
        model: ClickModel = agent
        if config.fallback == "distribution":
            assert distribution is not None
            model = Fallback(agent, distribution, ceiling=config.max_failure_rate)
        if config.cascade is not None:
            assert distribution is not None
            model = Cascade(
                distribution, model, band=config.cascade, audit=config.audit, seed=config.seed
            )
        return model

    def _beside(self) -> Mapping[str, ClickModel]:
        if not _beside_agent(self.config):
            return {}
        assert self.distribution is not None
        return {"distribution": self.distribution}

    def facts(self, agent: AgentClicks | None) -> dict[str, Any]:
        """What the manifest says of the settings; of the agent nothing where there is none."""
        facts: dict[str, Any] = {
            "vectors_sha256": _sha256(self.world),
            "protocol": self.config.protocol.model_dump(),
            "without": sorted(self.config.without),
        }
        if agent is not None and self._asks_agent:
            facts["agent"] = agent.facts()
            if self.config.agent.trust_remote_code:
                facts["trust_remote_code"] = True
        if self.config.cascade is not None:
            facts["cascade"] = {
                "cheap": "distribution",
                "band": list(self.config.cascade),
                "audit": self.config.audit,
            }
        return facts


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
    with only_writer(out):
        experiment = Experiment.prepare(config, say, world)
        own = agent
        if config.clicks == "agent" and own is None:
            own = make_agent(config.agent, experiment.world.data, config.seed, say)
        try:
            run = experiment.play(own, out=out, say=say, progress=progress)
        finally:
            if own is not None and agent is None:
                own.close()
        RunLog(out).write_json("summary.json", summarise(run))
    return run


@contextmanager
def _planning_engine(config: RunConfig, agent: AgentClicks | None) -> Iterator[Engine | None]:
    """The language model for a recommender that needs one: the agent's, or one of its own."""
    if config.recommender != "llm-ipp":
        yield None
    elif agent is not None:
        yield agent.engine
    else:
        engine = start_engine(config.agent)
        try:
            yield engine
        finally:
            engine.close()


def _needs_distribution(config: RunConfig) -> bool:
    return (
        config.clicks == "distribution"
        or config.fallback == "distribution"
        or _beside_agent(config)
    )


def _beside_agent(config: RunConfig) -> bool:
    """A cascade is judged by what the cheap model says of all exposures."""
    return config.clicks == "agent" and (config.beside or config.cascade is not None)


def _sha256(world: World) -> str:
    digest = hashlib.sha256(world.vectors.user.tobytes())
    digest.update(world.vectors.item.tobytes())
    return digest.hexdigest()
