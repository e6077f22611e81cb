"""Under what an evaluation was made, as the lab book keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from evals.labelled import LabelledExposures
from simulator.config import AgentConfig
from simulator.domain import Dataset
from simulator.engines.loading import RunningEngine
from simulator.manifest import data_sha256

RUNG = "race rung"
"""The purpose of a sitting that only decides who stays in a race."""


@dataclass(frozen=True)
class Sitting:
    """Under what an evaluation is made.

    Attributes:
        purpose: "eval", "sweep", "race" or `RUNG`.
        data: The data set's name.
        data_sha256: Of the catalogue and the histories.
        split: "development" or "test".
        seed: Of the sample.
        exposures: How many.
        users: Of how many users.
        click_rate: The users' own, in [0, 1].
        engine: "vllm", "transformers", "openai", ...
        model: What the model goes by.
        revision: "" where a server does not tell.
        precision: "" where a server does not tell.
        mode: Of the agent.
        minimum_mass: Of the agent.
        nudgesim: This package's version.
    """

    purpose: str
    data: str
    data_sha256: str
    split: str
    seed: int
    exposures: int
    users: int
    click_rate: float
    engine: str
    model: str
    revision: str
    precision: str
    mode: str
    minimum_mass: float
    nudgesim: str


def sitting(
    purpose: str,
    split: str,
    seed: int,
    log: LabelledExposures,
    data: Dataset,
    engine: RunningEngine,
    settings: AgentConfig,
) -> Sitting:
    """The sitting of an evaluation that begins."""
    return Sitting(
        purpose=purpose,
        data=data.name,
        data_sha256=data_sha256(data),
        split=split,
        seed=seed,
        exposures=len(log),
        users=log.n_users,
        click_rate=float(log.clicked.mean()),
        engine=str(engine.name),
        model=str(engine.model),
        revision=str(getattr(engine, "revision", None) or ""),
        precision=str(getattr(engine, "precision", "")),
        mode=settings.mode,
        minimum_mass=settings.minimum_mass,
        nudgesim=version("nudgesim"),
    )
