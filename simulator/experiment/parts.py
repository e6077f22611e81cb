"""Recommenders, evolutions and the distribution click model by name."""

from __future__ import annotations

from dataclasses import replace

from recommender import IPG, Arousal, ITMPRec, NextItem, PopularItems, RandomItems
from simulator.clicks import DistributionClicks
from simulator.config import RunConfig
from simulator.domain import Dataset
from simulator.experiment.planners import irn, llm_ipp
from simulator.experiment.sequence import intentions, representation
from simulator.experiment.split import split_log
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
