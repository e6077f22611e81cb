"""What a run will take: decisions, tokens and time, from a rehearsal and a few real answers."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from simulator.clicks import AgentClicks
from simulator.config import RunConfig
from simulator.domain import Clicks, Exposures
from simulator.errors import ConfigError, EngineError
from simulator.experiment.agents import make_agent
from simulator.experiment.running import Experiment
from simulator.experiment.world import Say, World
from simulator.seeding import sample_rows

_REHEARSED = 1_024
"""Episodes of the rehearsal, and the most prompts that the model is timed on."""

_FIRST = 128
"""Exposures that tell how often the model clicks; they warm the engine up as well."""


@dataclass(frozen=True)
class Forecast:
    """What is left of a run.

    Attributes:
        decisions: Exposures to decide.
        asked: Distinct prompts among them, which the model is asked.
        prompt_tokens: Tokens of these prompts.
        cached_tokens: Those of them that a prefix cache spares.
        seconds: Wall time of the agent's decisions.
        timed: Prompts that the model was timed on.
    """

    decisions: int
    asked: int
    prompt_tokens: int
    cached_tokens: int
    seconds: float
    timed: int

    def price(self, a_million: float, a_million_cached: float | None = None) -> float:
        """Money for all prompt tokens, in the currency of the prices.

        Args:
            a_million: For a million prompt tokens.
            a_million_cached: For a million that the prefix cache spares; the same by default.
        """
        cheap = a_million if a_million_cached is None else a_million_cached
        new = self.prompt_tokens - self.cached_tokens
        return (new * a_million + self.cached_tokens * cheap) / 1e6


def forecast(
    config: RunConfig, say: Say, *, world: World | None = None, rounds_done: int = 0
) -> Forecast:
    """Rehearse a run with some of its users, and time the model on one rehearsed round.

    The rehearsal plays all rounds with an agent that clicks as often as the model did on its first
    prompts, so prompts, repetitions and growing histories are the run's own; then the model decides
    up to 1,024 prompts of the middle round. The decision cache is left out: what it holds will
    cost nothing.

    Args:
        config: Settings of a run whose clicks are an agent's.
        say: Told what is going on.
        world: A world built before from the same settings.
        rounds_done: Rounds that a run directory holds already.

    Raises:
        ConfigError: If there is no agent to ask, or the recommender asks the model itself.
        EngineError: If the model answers nothing.
    """
    if config.clicks != "agent":
        raise ConfigError("--dry-run forecasts the agent's cost; --clicks distribution has none.")
    if config.recommender == "llm-ipp":
        raise ConfigError("--dry-run cannot rehearse llm-ipp, which asks the model for paths.")
    if rounds_done >= config.rounds:
        return Forecast(0, 0, 0, 0, 0.0, 0)
    experiment = Experiment.prepare(config, say, world)
    uncached = config.agent.model_copy(update={"cache": "none"})
    agent = make_agent(uncached, experiment.world.data, config.seed, say)
    try:
        return _rehearse(experiment, agent, rounds_done)
    finally:
        agent.close()


def _rehearse(experiment: Experiment, agent: AgentClicks, rounds_done: int) -> Forecast:
    config, world = experiment.config, experiment.world
    size = max(1, _REHEARSED // len(world.targets))
    users = world.users[sample_rows(config.seed, "forecast", len(world.users), size)]
    rehearsal = _Rehearsal(agent, middle=(config.rounds + rounds_done) // 2 + 1)
    experiment.play(agent, users=users, stand_in=rehearsal)
    rounds = range(rounds_done + 1, config.rounds + 1)
    scale = len(world.users) / len(users)
    timed = rehearsal.time_middle()
    characters = sum(rehearsal.characters[number] for number in rounds)
    longer = scale * characters / timed.characters
    return Forecast(
        decisions=len(world.users) * len(world.targets) * len(rounds),
        asked=round(scale * sum(rehearsal.asked[number] for number in rounds)),
        prompt_tokens=round(longer * timed.spent["prompt_tokens"]),
        cached_tokens=round(longer * timed.spent["cached_tokens"]),
        seconds=longer * timed.seconds,
        timed=timed.prompts,
    )


@dataclass(frozen=True)
class _Timed:
    """What the model took for some prompts."""

    prompts: int
    characters: int
    seconds: float
    spent: Counter[str]


class _Rehearsal:
    """Clicks as often as the agent did at first, and notes what the agent would be asked.

    Attributes:
        asked: Distinct prompts by round.
        characters: Of these prompts, by round.
    """

    def __init__(self, agent: AgentClicks, middle: int) -> None:
        self.asked: Counter[int] = Counter()
        self.characters: Counter[int] = Counter()
        self._agent = agent
        self._middle = middle
        self._kept: Exposures | None = None
        self._rate: float | None = None

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row."""
        if self._rate is None:
            first = self._agent.decide(shown.take(np.arange(min(len(shown), _FIRST))))
            decided = ~first.undecided
            if not decided.any():
                raise EngineError(
                    f"The model answered none of {len(first)} prompts: {first.failure[0]}."
                )
            self._rate = float(first.clicked[decided].mean())
        number = int(shown.round[0])
        prompts = set(self._agent.prompts(shown))
        self.asked[number] += len(prompts)
        self.characters[number] += sum(len(prompt.text) for prompt in prompts)
        if self._kept is None and number >= self._middle:
            self._kept = shown.take(np.arange(min(len(shown), _REHEARSED)))
        rate = np.full(len(shown), self._rate)
        return Clicks.from_probability(rate, shown.draw, source="agent")

    def time_middle(self) -> _Timed:
        """Let the agent decide what it would be shown in the middle round."""
        assert self._kept is not None
        prompts = set(self._agent.prompts(self._kept))
        before = Counter(self._agent.usage())
        began = time.perf_counter()
        self._agent.decide(self._kept)
        seconds = time.perf_counter() - began
        spent = Counter(self._agent.usage())
        spent.subtract(before)
        return _Timed(len(prompts), sum(len(p.text) for p in prompts), seconds, spent)
