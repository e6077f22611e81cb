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
    """Distribution models by name: the settings' own, others that are usual, and a grid around it.

    The usual ones are fitted to the log, where there is one, and the presets. The grid halves and
    doubles the slope w at the same b, and the odds of a click at the same w.

    Args:
        config: Settings of the distribution, the vectors and the protocol.
        data: What is played on.
        say: Told what is going on.

    Returns:
        The settings' own comes first; the conclusions under it are held against the others'.
    """
    own = make_distribution(config, data, say)
    usual = {
        f"distribution ({name})": DistributionClicks.preset(name)
        for name in DistributionClicks.PRESETS
    }
    if data.log is not None:
        usual = {FITTED: fit_distribution(config, data, say), **usual}
    usual = {name: replace(model, noise=own.noise) for name, model in usual.items()}
    first = next((name for name, model in usual.items() if model == own), _named(own))
    step = float(np.log(2)) / own.w
    grid = [
        replace(own, w=own.w / 2),
        replace(own, w=own.w * 2),
        replace(own, b=own.b - step),
        replace(own, b=own.b + step),
    ]
    return {first: own, **usual, **{_named(model): model for model in grid}}


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
