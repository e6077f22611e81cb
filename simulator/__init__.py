"""Language-model users for recommenders: who would click what, and where would it lead them?

>>> from simulator import DistributionClicks, load_dataset, simulate  # doctest: +SKIP
>>> run = simulate(load_dataset("demo"), recommender, DistributionClicks())  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.clicks import (
        AgentClicks,
        Cascade,
        CascadeExamination,
        DistributionClicks,
        Fallback,
        PositionExamination,
    )
    from simulator.data import load_dataset
    from simulator.domain import (
        Catalogue,
        Clicks,
        Dataset,
        Exposures,
        Interactions,
        Ragged,
        Vectors,
    )
    from simulator.engines import open_engine
    from simulator.errors import NudgesimError
    from simulator.experiment import open_agent
    from simulator.interfaces import ClickModel, Engine, Recommender, RoundView
    from simulator.preference import FixedWeight
    from simulator.runlog import Run
    from simulator.session import simulate

_HOMES = {
    "AgentClicks": "clicks",
    "Cascade": "clicks",
    "CascadeExamination": "clicks",
    "Catalogue": "domain",
    "ClickModel": "interfaces",
    "Clicks": "domain",
    "Dataset": "domain",
    "DistributionClicks": "clicks",
    "Engine": "interfaces",
    "Exposures": "domain",
    "Fallback": "clicks",
    "FixedWeight": "preference",
    "Interactions": "domain",
    "NudgesimError": "errors",
    "PositionExamination": "clicks",
    "Ragged": "domain",
    "Recommender": "interfaces",
    "RoundView": "interfaces",
    "Run": "runlog",
    "Vectors": "domain",
    "load_dataset": "data",
    "open_agent": "experiment",
    "open_engine": "engines",
    "simulate": "session",
}

__all__ = [
    "AgentClicks",
    "Cascade",
    "CascadeExamination",
    "Catalogue",
    "ClickModel",
    "Clicks",
    "Dataset",
    "DistributionClicks",
    "Engine",
    "Exposures",
    "Fallback",
    "FixedWeight",
    "Interactions",
    "NudgesimError",
    "PositionExamination",
    "Ragged",
    "Recommender",
    "RoundView",
    "Run",
    "Vectors",
    "load_dataset",
    "open_agent",
    "open_engine",
    "simulate",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for, so that the packages below can import each other."""
    if name not in _HOMES:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    return getattr(import_module(f"simulator.{_HOMES[name]}"), name)
