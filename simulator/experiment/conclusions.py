"""The same nudging methods before many click models: do the conclusions depend on who clicks?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from simulator.clicks import AgentClicks, DistributionClicks
from simulator.config import RecommenderName, RunConfig
from simulator.domain import Dataset
from simulator.errors import ConfigError
from simulator.experiment.parts import fit_distribution, make_distribution
from simulator.experiment.running import Experiment
from simulator.experiment.world import Say, World, build_world
from simulator.interfaces import ClickModel
from simulator.runlog import Run
from simulator.session import Progress

METHODS: tuple[RecommenderName, ...] = ("itmprec", "ipg", "popular", "random")
"""Two that nudge and two that know no target."""

FITTED = "distribution (fitted)"


def nudging_click_models(
    config: RunConfig, data: Dataset, say: Say
) -> dict[str, DistributionClicks]:
    """Distribution models by name: fitted to the log, the presets, and a grid around the first.

    The grid halves and doubles the slope w at the same b, and the odds of a click at the same w.

    Args:
        config: Settings of the vectors and the protocol.
        data: With a log, or there is no fitted model and the grid is around the settings' own.
        say: Told what is going on.

    Returns:
        The model that the others are held against comes first.
    """
    if data.log is not None:
        name = FITTED
        fitted = fit_distribution(config, data, say)
        first = replace(fitted, noise=config.protocol.click_noise)
    else:
        first = make_distribution(config, data, say)
        name = _named(first)
    models = {name: first}
    for preset in DistributionClicks.PRESETS:
        model = DistributionClicks.preset(preset)
        models[f"distribution ({preset})"] = replace(model, noise=first.noise)
    step = np.log(2) / first.w
    grid = [
        replace(first, w=first.w / 2),
        replace(first, w=first.w * 2),
        replace(first, b=float(first.b - step)),
        replace(first, b=float(first.b + step)),
    ]
    models |= {_named(model): model for model in grid}
    return models


def _named(model: DistributionClicks) -> str:
    return f"distribution (w {model.w:.2g}, b {model.b:.2g})"


def play_methods(
    config: RunConfig,
    methods: Sequence[RecommenderName],
    models: Mapping[str, ClickModel],
    say: Say,
    progress: Progress = lambda _: None,
    *,
    world: World | None = None,
    stand_in: DistributionClicks | None = None,
) -> dict[tuple[str, str], Run]:
    """Play every method before every click model, in memory: the same users, targets and luck.

    An agent's failed decisions go to a distribution model, which is also asked beside it.

    Args:
        config: Everything else: data, rounds, users, targets, vectors, seed, protocol.
        methods: Recommenders, each once.
        models: Click models by name.
        say: Told what is going on.
        progress: Called with each block's clicks.
        world: A world built before from the same settings.
        stand_in: That distribution model; the first among `models` by default.

    Returns:
        By (click model, method); a run is named by its click model.

    Raises:
        ConfigError: If the protocol gives methods targets of their own.
        NudgesimError: Whatever keeps a run from being played.
    """
    if config.protocol.targets != "every method":
        raise ConfigError(
            f"protocol.targets = {config.protocol.targets!r} gives methods targets of their own, "
            "so that they cannot be paired; set it to 'every method', as the protocol fair has it."
        )
    world = world or build_world(config, say)
    if stand_in is None:
        stand_in = next((m for m in models.values() if isinstance(m, DistributionClicks)), None)
    runs: dict[tuple[str, str], Run] = {}
    for method in methods:
        alone = {"recommender": method, "clicks": "agent", "cascade": None}
        bare = config.model_copy(update={**alone, "fallback": "none", "beside": False})
        experiment = Experiment.prepare(bare, say, world)
        for name, model in models.items():
            say(f"{method} before {name}")
            if isinstance(model, AgentClicks):
                asked = _with_stand_in(experiment, config, alone, stand_in)
                run = asked.play(model, progress=progress)
            else:
                run = experiment.play(None, stand_in=model, progress=progress)
            runs[name, method] = replace(run, manifest={**run.manifest, "name": name})
    return {(name, method): runs[name, method] for name in models for method in methods}


def _with_stand_in(
    experiment: Experiment,
    config: RunConfig,
    method: Mapping[str, object],
    stand_in: DistributionClicks | None,
) -> Experiment:
    """The experiment for an agent: with a distribution model to fall back on, and beside it."""
    if stand_in is None:
        return experiment
    settings = config.model_copy(update={**method, "beside": True})
    return replace(experiment, config=settings, distribution=stand_in)
