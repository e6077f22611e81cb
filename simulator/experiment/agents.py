"""The click agent as settings name it: engine, cache, template, few-shot examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prompts import (
    Example,
    Personas,
    Template,
    draw_examples,
    load_examples,
    load_template,
    shipped_examples,
)
from simulator.clicks import AgentClicks
from simulator.clicks.calibration import load_calibration
from simulator.config import AgentConfig, RunConfig
from simulator.domain import Dataset, IntArray
from simulator.engines import open_engine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.limited import NO_LIMIT, Budget, LimitedEngine
from simulator.engines.loading import RunningEngine
from simulator.errors import ConfigError
from simulator.experiment.persona_words import read_words
from simulator.experiment.split import example_givers
from simulator.experiment.trained import settled
from simulator.experiment.world import Say
from simulator.interfaces import Engine


def start_engine(settings: AgentConfig, budget: Budget = NO_LIMIT) -> RunningEngine:
    """The language model that the settings name, started, behind the cache of its answers.

    Close it after use.
    """
    # Opened first: a fault in the file should not wait for a model to be loaded.
    cache = None if settings.cache == "none" else DecisionCache(_cache_file(settings))
    try:
        engine: RunningEngine = open_engine(
            settings.engine,
            model=settings.model,
            urls=settings.urls,
            options=settings.vllm,
            trust_remote_code=settings.trust_remote_code,
        )
    except BaseException:
        if cache is not None:
            cache.close()
        raise
    if budget != NO_LIMIT:
        engine = LimitedEngine(engine, budget)
    return engine if cache is None else CachedEngine(engine, cache)


def _cache_file(settings: AgentConfig) -> Path | None:
    return None if settings.cache == "auto" else Path(settings.cache)


def open_agent(
    model: str = "auto",
    *,
    domain: str = "general",
    say: Say = lambda _: None,
    **settings: Any,
) -> AgentClicks:
    """A click agent by name, for any titles and any data set; close it after use.

    Example:
        >>> agent = open_agent("pocket", domain="movies")  # doctest: +SKIP
        >>> agent.click([["Alien", "Blade Runner"]], ["Solaris"])  # doctest: +SKIP

    Args:
        model: A preset's name, a Hugging Face id, or a folder; "auto" as in `AgentConfig`.
        domain: What the titles name ("movies", "music", "games", "news"), for the template.
        say: Told what is taken from the model's folder, and how the engine is started.
        settings: Further fields of `AgentConfig`: engine, urls, template, examples, mode, cache,
            calibration. Without a data set nothing is known of users, and there are no personas.

    Raises:
        ConfigError: If a setting is out of range, or the calibration is another agent's.
        UnknownNameError: If there is no such setting, model or template.
        DataError: If the calibration's file cannot be read.
        EngineError: If the engine cannot be started.
    """
    flags = {f"agent.{name}": value for name, value in {"model": model, **settings}.items()}
    config = RunConfig.read(None, flags).agent
    return _started(
        _maker(settled(config, domain, has_users=False, say=say), domain), config, say=say
    )


def make_agent(
    settings: AgentConfig, data: Dataset, seed: int, say: Say, *, budget: Budget = NO_LIMIT
) -> AgentClicks:
    """The click agent for a data set, with its engine started.

    What it is told of users is all that the data's log tells; `AgentClicks.knowing` tells it less.

    Raises:
        NudgesimError: What keeps it from being made, as of `open_agent`.
    """
    settings = settled(settings, data.catalogue.domain, say=say)
    make = _maker(settings, data.catalogue.domain, data, seed)
    agent = _started(make, settings, budget, say)
    if settings.calibration != "none":
        source = load_calibration(settings.calibration).fitted_on.data
        if source != data.name:
            say(f"{settings.calibration} was fitted on {source}, and is applied to {data.name}")
    return agent


def agent_on(
    engine: Engine, settings: AgentConfig, data: Dataset, seed: int, say: Say = lambda _: None
) -> AgentClicks:
    """A click agent for a data set on an engine that runs, which others may share.

    Args:
        engine: Stays the caller's to close.
        settings: Template, examples, personas, mode, minimum mass and calibration; the rest is the
            engine's.
        data: Whose domain and log they may ask for; what it is told of users is as of `make_agent`.
        seed: Of examples drawn from the log.
        say: Told what is taken from the model's folder.

    Raises:
        NudgesimError: What keeps it from being made, as of `open_agent`.
    """
    settings = settled(settings, data.catalogue.domain, say=say)
    return _maker(settings, data.catalogue.domain, data, seed)(engine)


def _maker(
    settings: AgentConfig, domain: str, data: Dataset | None = None, seed: int = 0
) -> Callable[[Engine], AgentClicks]:
    """Makes the agent once an engine runs; all files are read before that.

    Args:
        settings: Settled.
        domain: Of the titles.
        data: As of `agent_on`.
        seed: As of `agent_on`.
    """
    template = load_template(settings.template)
    examples = choose_examples(settings, template, data, seed)
    personas = choose_personas(settings, template, data)
    fitted = None if settings.calibration == "none" else load_calibration(settings.calibration)

    def make(engine: Engine) -> AgentClicks:
        agent = AgentClicks(
            engine,
            template,
            examples=examples,
            mode=settings.mode,
            minimum_mass=settings.minimum_mass,
            calibration=None if fitted is None else fitted.calibration,
            personas=personas,
        )
        if fitted is not None:
            fitted.fitted_on.require_same(agent.facts())
        return agent

    return make


def _started(
    make: Callable[[Engine], AgentClicks],
    settings: AgentConfig,
    budget: Budget = NO_LIMIT,
    say: Say = lambda _: None,
) -> AgentClicks:
    """On an engine of its own, which is closed again where no agent comes of it."""
    engine = start_engine(settings, budget)
    try:
        say(f"engine {engine.name}: {engine.why}")
        return make(engine)
    except BaseException:
        engine.close()
        raise


def choose_personas(
    settings: AgentConfig, template: Template, data: Dataset | None = None
) -> Personas | None:
    """Personas as `AgentConfig.personas` asks for them, by all that the log tells; None for none.

    Raises:
        ConfigError: If there is no data set that tells of users, or the template shows no persona.
        DataError: If a file of words cannot be read.
    """
    if settings.personas in ("auto", "none"):
        return None
    if data is None:
        raise ConfigError(
            f"agent.personas = {settings.personas!r}: give the data set whose users are described; "
            "titles alone tell nothing of them."
        )
    if not template.mentions_persona:
        raise ConfigError(
            f"agent.personas = {settings.personas!r}, but {template.name} shows none: write "
            "{{ persona }} into its user block, or leave agent.personas out."
        )
    return personas_of(settings.personas, data)


def personas_of(setting: str, data: Dataset, rows: IntArray | None = None) -> Personas | None:
    """Personas as `AgentConfig.personas` asks for them; None for "none".

    Args:
        setting: "log", "none", or a file of `nudgesim agent personas`.
        data: Whose users are described.
        rows: Log rows that are known, shape (n,); all by default.

    Raises:
        DataError: If the file cannot be read.
    """
    if setting in ("auto", "none"):
        return None
    words = {} if setting == "log" else read_words(Path(setting), data)
    return Personas(data, rows, words=words)


def choose_examples(
    settings: AgentConfig, template: Template, data: Dataset | None = None, seed: int = 0
) -> Sequence[Example]:
    """Few-shot examples as `AgentConfig.examples` asks for them.

    Raises:
        ConfigError: If they are to be drawn from a log, and there is none or no number.
    """
    kind, _, number = settings.examples.partition(":")
    if kind == "none":
        return ()
    if kind in ("auto", "shipped"):
        return shipped_examples(template)
    if kind == "log":
        if data is None or not number.isdigit():
            raise ConfigError(
                f"agent.examples = {settings.examples!r}: write log:4, say, and give the data set "
                "whose log they are drawn from."
            )
        return draw_examples(data, users=example_givers(data), n=int(number), seed=seed)
    return load_examples(Path(settings.examples))
