"""What to reproduce, on which data, in which size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.config import RunConfig
from simulator.errors import ConfigError
from simulator.protocol import PRESETS
from simulator.reproduction.methods import Method

WHOLE_CATALOGUE = "all"
"""The category that stands for every item."""

POOLS: Mapping[str, str] = {
    "demo": "Sci-Fi",
    "ml-100k": "Sci-Fi",
    "ml-100k-all": "Sci-Fi",
    "lastfm": "rock",
    "lastfm-all": "rock",
    "steam-reviews": "RPG",
    "steam-reviews-all": "RPG",
    "douban-movie": "科幻",
}
"""Where targets come from if nothing is said: on MovieLens the paper's category, and its Chinese
name on Douban; elsewhere one large enough to choose twenty from. Data that is not named here has no
categories, or unknown ones, and offers its whole catalogue."""


@dataclass(frozen=True)
class ReproductionSettings:
    """What a table or figure is made from.

    Attributes:
        data: A data set's name, or the TOML file of plain tables.
        out: The folder of runs and results.
        protocols: Presets of `NudgingProtocol`, by name, each played and shown.
        seeds: How many seeds, 0, 1, ...
        targets: How many targets.
        users: How many users, drawn by seed; None for all.
        rounds: Rounds of each run.
        methods: Names of methods, see `Method`; None for those of the paper.
        category: Where targets come from; None for the pool of `POOLS`, `WHOLE_CATALOGUE` for
            every item.
        distribution: Preset of the distribution click model; the same for every protocol, so that
            the protocol alone differs.
        agent: Settings of `AgentConfig` for what asks a language model; one without "model" means
            that none was named.
        user: The user of a case study, by id; None for one drawn by seed.
    """

    data: str = "ml-100k"
    out: Path = Path("runs/reproduce")
    protocols: tuple[str, ...] = tuple(PRESETS)
    seeds: int = 1
    targets: int = 20
    users: int | None = None
    rounds: int = 20
    methods: tuple[str, ...] | None = None
    category: str | None = None
    distribution: str = "released-code"
    agent: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ConfigError(f"seeds = {self.seeds}: give at least 1.")

    @property
    def pool(self) -> str | None:
        """The category that targets come from; None for the whole catalogue."""
        category = self.category or POOLS.get(self.data, WHOLE_CATALOGUE)
        return None if category == WHOLE_CATALOGUE else category

    @property
    def folder(self) -> Path:
        """Where the runs and results of this data lie."""
        return self.out / Path(self.data).stem

    def config(
        self, method: Method, protocol: str, seed: int, changed: Mapping[str, Any] | None = None
    ) -> RunConfig:
        """The settings of one run.

        Args:
            method: Who shows.
            protocol: Name of a preset.
            seed: Of everything.
            changed: Further settings by dotted name, see `RunConfig.read`.

        Raises:
            ConfigError: If a value is out of range.
            UnknownNameError: If a name is unknown.
        """
        changed = changed or {}
        # Who asks no model has the same run whatever model was named.
        asks = method.recommender == "llm-ipp" or changed.get("clicks") == "agent"
        agent = {f"agent.{name}": value for name, value in self.agent.items()} if asks else {}
        return RunConfig.read(
            None,
            {
                "data": self.data,
                "recommender": method.recommender,
                "without": sorted(method.without) or None,
                "clicks": "distribution",
                "rounds": self.rounds,
                "users": self.users,
                "targets": self.targets,
                "category": self.pool,
                "protocol": protocol,
                "seed": seed,
                "distribution.preset": self.distribution,
                **agent,
                **changed,
            },
        )
