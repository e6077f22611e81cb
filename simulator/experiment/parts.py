"""Recommenders and click models by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prompts import (
    Example,
    Template,
    draw_examples,
    load_examples,
    load_template,
    shipped_examples,
    template_names,
)
from recommender import IPG, Arousal, ITMPRec, NextItem, PopularItems, RandomItems
from simulator.clicks import AgentClicks, DistributionClicks
from simulator.config import AgentConfig, RunConfig
from simulator.domain import Dataset
from simulator.engines import open_engine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.limited import NO_LIMIT, Budget, LimitedEngine
from simulator.engines.loading import RunningEngine
from simulator.errors import ConfigError
from simulator.experiment.planners import irn, llm_ipp
from simulator.experiment.sequence import intentions, representation
from simulator.experiment.split import split_log, users_split
from simulator.experiment.world import Say, World, fit_vectors
from simulator.interfaces import Engine, PreferenceEvolution, Recommender
from simulator.preference import FixedWeight, StillOnArrival


def make_recommender(
    config: RunConfig, world: World, say: Say, engine: Engine | None = None
) -> Recommender:
    """The recommender that the settings name; what it needs is trained, or found in the cache.

    Args:
        config: The settings.
        world: Of the run.
        say: Told what is going on.
        engine: The language model that LLM-IPP plans with.
    """
    name, protocol, vectors = config.recommender, config.protocol, world.vectors
    if name == "popular":
        return PopularItems(world.data.interactions)
    if name == "random":
        return RandomItems()
    if name == "ipg":
        return IPG(
            vectors,
            representation=representation(config, world, say),
            liking=protocol.liking,
            nudge=protocol.nudge,
        )
    if name == "itmprec":
        return ITMPRec(
            vectors,
            representation=representation(config, world, say),
            intentions=intentions(config, world, say),
            intention_weight=0 if "intention" in config.without else config.nudge.intention_weight,
            liking=protocol.liking,
            nudge=protocol.nudge,
        )
    if name == "irn":
        return irn(config, world, say)
    if name == "llm-ipp":
        assert engine is not None
        return llm_ipp(config, world, engine)
    return NextItem(representation(config, world, say, method=name))


def make_evolution(config: RunConfig, world: World, say: Say) -> PreferenceEvolution:
    """How users change at a click."""
    protocol = config.protocol
    by_arousal = protocol.arousal in ("every method", config.recommender)
    moving: PreferenceEvolution = FixedWeight(config.nudge.kept)
    if by_arousal and "arousal" not in config.without:
        moving = Arousal(
            world.vectors,
            representation=representation(config, world, say),
            top=config.nudge.arousal_items,
            pooling=config.nudge.pooling,
            floor=protocol.arousal_floor,
            keeps=protocol.arousal_keeps,
            decimals=protocol.weight_decimals,
        )
    return StillOnArrival(moving) if protocol.arrived == "still" else moving


def make_distribution(config: RunConfig, data: Dataset, say: Say) -> DistributionClicks:
    """The distribution click model: preset, fitted, or given."""
    return replace(_distribution(config, data, say), noise=config.protocol.click_noise)


def _distribution(config: RunConfig, data: Dataset, say: Say) -> DistributionClicks:
    settings = config.distribution
    if settings.w is not None and settings.b is not None:
        return DistributionClicks(settings.w, settings.b)
    if settings.w is not None or settings.b is not None:
        raise ConfigError("distribution: give both w and b, or neither.")
    preset = settings.preset
    if preset == "auto":
        preset = "fitted" if data.log is not None and data.log.observed else "released-code"
    if preset != "fitted":
        return DistributionClicks.preset(preset)
    model = fit_distribution(config, data, say)
    say(f"distribution model fitted to the log: w = {model.w:.3f}, b = {model.b:.3f}")
    if model.w <= 0:
        say("w is not above 0: in this log, liking and clicking do not go together")
    return model


def fit_distribution(config: RunConfig, data: Dataset, say: Say) -> DistributionClicks:
    """Fit w and b on training users' late exposures, with vectors of early interactions.

    Raises:
        ConfigError: If the data has no log to fit to.
    """
    split = split_log(data)
    vectors = fit_vectors(split.early, config.vectors, config.seed, say).normalised()
    shown = data.logged_exposures(split.fitting).with_vectors(vectors)
    assert data.log is not None
    return DistributionClicks.fit(shown, data.log.clicked[split.fitting])


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


def make_agent(
    settings: AgentConfig, data: Dataset, seed: int, say: Say, *, budget: Budget = NO_LIMIT
) -> AgentClicks:
    """The click agent, with its engine started."""
    template = load_template(template_name(settings, data))
    examples = choose_examples(settings, template, data, seed)
    engine = start_engine(settings, budget)
    say(f"engine {engine.name}: {engine.why}")
    return AgentClicks(
        engine,
        template,
        data.catalogue,
        examples=examples,
        mode=settings.mode,
        minimum_mass=settings.minimum_mass,
    )


def template_name(settings: AgentConfig, data: Dataset) -> str:
    """The template that "auto" stands for: the data's domain in English, or the general one."""
    if settings.template != "auto":
        return settings.template
    own = f"{data.catalogue.domain}/click-en"
    return own if own in template_names() else "general/click-en"


def choose_examples(
    settings: AgentConfig, template: Template, data: Dataset, seed: int
) -> Sequence[Example]:
    """Few-shot examples as `AgentConfig.examples` asks for them."""
    kind, _, number = settings.examples.partition(":")
    if kind == "none":
        return ()
    if kind == "shipped":
        return shipped_examples(template)
    if kind == "log":
        if not number.isdigit():
            raise ConfigError(f"agent.examples = {settings.examples!r}: write log:4, say.")
        training, _ = users_split(data)
        return draw_examples(data, users=training, n=int(number), seed=seed)
    return load_examples(Path(settings.examples))
