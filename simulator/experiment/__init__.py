"""From settings to a finished run: what `nudgesim run` calls, and a script can."""

from simulator.experiment.agents import make_agent, open_agent
from simulator.experiment.comparing import ComparisonSettings, compare_click_models
from simulator.experiment.forecast import Forecast, forecast
from simulator.experiment.judging import judge_click_models
from simulator.experiment.parts import make_distribution
from simulator.experiment.running import Experiment, run_experiment
from simulator.experiment.world import World, build_world

__all__ = [
    "ComparisonSettings",
    "Experiment",
    "Forecast",
    "World",
    "build_world",
    "compare_click_models",
    "forecast",
    "judge_click_models",
    "make_agent",
    "make_distribution",
    "open_agent",
    "run_experiment",
]
