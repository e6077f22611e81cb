"""The run directory: what a run was, every exposure it made, and where to resume it.

    <run>/manifest.json            configuration, seed, versions, hashes
         /items.parquet            ids and titles, by catalogue row
         /episodes.parquet         one row an episode: the state before the first round
         /rounds/round-001.parquet one row an exposure
         /state/round-001.npz      what the next round starts from; only the newest is kept
         /summary.json             metrics and failures, written when the last round is done
         /cost.json                tokens and seconds; the only file that differs between repeats

Every write is atomic, so a run killed at any instant resumes after its last whole round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from simulator.errors import RunError, excerpt
from simulator.files import atomic_write, remove_leftovers, write_text
from simulator.run_files import read_json, read_state, read_table

EPISODE_COLUMNS = ("user", "target", "similarity", "rank", "known")
"""Before round 1: `similarity` is e_j . e_u, `rank` the target's rank (from 0), and `known` says
whether the target is in the user's history already."""

EXPOSURE_COLUMNS = (
    "user",
    "target",
    "round",
    "position",
    "item",
    "draw",
    "probability",
    "clicked",
    "source",
    "failure",
    "reason",
    "kept_weight",
    "similarity",
    "rank",
)
"""`similarity` and `rank` are the episode's after the round; NaN and -1 without vectors or target.

Beside these, a click model `m` that was asked about the same exposures without steering the run
adds `m:probability` and `m:clicked`.
"""

Json = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Run:
    """A finished (or unfinished) run, read by metrics and reports.

    Attributes:
        manifest: What was run.
        episodes: One row an episode, columns `EPISODE_COLUMNS`.
        exposures: One row an exposure, columns `EXPOSURE_COLUMNS` and those of the models beside,
            ordered by round, episode and position.
        cost: Counters and seconds: decisions, seconds, prompt_tokens, cached_tokens, ...
        path: Its directory, or None for a run held in memory.
        titles: The items' titles by catalogue row.
    """

    manifest: Json
    episodes: pd.DataFrame
    exposures: pd.DataFrame
    cost: Json
    path: Path | None = None
    titles: Sequence[str] = ()

    @property
    def name(self) -> str:
        """What tables and legends call it."""
        return str(self.manifest.get("name") or (self.path.name if self.path else "run"))

    @property
    def rounds(self) -> int:
        """Rounds done."""
        return int(self.exposures["round"].max()) if len(self.exposures) else 0

    @property
    def beside(self) -> tuple[str, ...]:
        """Names of the click models that were asked beside the one that steered."""
        suffix = ":clicked"
        return tuple(c[: -len(suffix)] for c in self.exposures.columns if c.endswith(suffix))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a run directory.

        Raises:
            RunError: If it is not one, holds no finished round, or one of its files is missing or
                lacks a column.
        """
        log = RunLog(Path(path))
        manifest = log.manifest()
        rounds = log.finished_rounds()
        if not rounds:
            raise RunError(
                f"{path}: no round is finished yet (state/ holds none); run it again to go on."
            )
        return cls(
            manifest=manifest,
            episodes=log.episodes(),
            exposures=pd.concat(
                [read_table(log.round_path(r), EXPOSURE_COLUMNS) for r in rounds],
                ignore_index=True,
            ),
            cost=log.cost(),
            path=log.path,
            titles=log.titles(),
        )


class RunLog:
    """Writes a run directory, and finds where an interrupted run stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def round_path(self, number: int) -> Path:
        """The exposures of one round."""
        return self.path / "rounds" / f"round-{number:03d}.parquet"

    def _state_path(self, number: int) -> Path:
        return self.path / "state" / f"round-{number:03d}.npz"

    def begin(self, manifest: Json) -> None:
        """Create the directory, or recognise the same run in it.

        Raises:
            RunError: If the directory holds a run of another configuration.
        """
        for folder in ("rounds", "state"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.path)
        self._drop_old_states()
        if not (self.path / "manifest.json").exists():
            self.write_json("manifest.json", manifest)
            return
        before = self.manifest().get("config", {})
        now = json.loads(json.dumps(manifest.get("config", {})))
        different = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        if different:
            key = different[0]
            raise RunError(
                f"{self.path} holds a run with {excerpt(key)[1:-1]} = {excerpt(before.get(key))}, "
                f"not {excerpt(now.get(key))}"
                f"{f' (and {len(different) - 1} more differences)' if different[1:] else ''}; "
                "choose another --out, or repeat the run's own settings to resume it."
            )

    def finished_rounds(self) -> list[int]:
        """Numbers of the rounds whose exposures and state are whole, ascending from 1.

        Raises:
            RunError: If the exposures of one are not here.
        """
        done = max(self._states(), default=0)
        found = set(self.path.glob("rounds/round-*.parquet"))
        for number in range(1, done + 1):
            if self.round_path(number) not in found:
                raise RunError(f"{self.round_path(number)} is missing; repeat the run.")
        return list(range(1, done + 1))

    def _states(self) -> list[int]:
        """Rounds whose state is here: two where a process died between writing and deleting."""
        numbers = (path.stem.rpartition("-")[2] for path in self.path.glob("state/round-*.npz"))
        return [int(number) for number in numbers if number.isdecimal()]

    def _drop_old_states(self) -> None:
        for number in sorted(self._states())[:-1]:
            self._state_path(number).unlink(missing_ok=True)

    def write_start(self, items: pd.DataFrame, episodes: pd.DataFrame) -> None:
        """Write the items (columns item_id, title) and the state before round 1."""
        self._write_parquet(self.path / "items.parquet", items)
        self._write_parquet(self.path / "episodes.parquet", episodes)

    def check_start(self, episodes: pd.DataFrame) -> None:
        """Recognise the episodes that the run here began with.

        Raises:
            RunError: If it began with other users, targets or vectors.
        """
        before = self.episodes()
        same = before[["user", "target"]].equals(episodes[["user", "target"]]) and np.allclose(
            # Another machine may round the last digits of a similarity otherwise.
            before["similarity"],
            episodes["similarity"],
            atol=1e-4,
            equal_nan=True,
        )
        if not same:
            raise RunError(
                f"{self.path} holds a run that began with other users, targets or vectors; "
                "choose another --out, or give the run's own to resume it."
            )

    def manifest(self) -> dict[str, Any]:
        """What was run.

        Raises:
            RunError: If it is missing or damaged.
        """
        content = self.read_json("manifest.json")
        if not isinstance(content.get("config", {}), dict):
            raise RunError(f"{self.path / 'manifest.json'} is damaged: config is no object.")
        return content

    def cost(self) -> dict[str, float]:
        """Counters and seconds.

        Raises:
            RunError: If they are missing or damaged.
        """
        content = self.read_json("cost.json")
        for name, value in content.items():
            if not isinstance(value, int | float):
                raise RunError(
                    f"{self.path / 'cost.json'} is damaged: {excerpt(name)} is no number. Delete "
                    "the run and repeat it."
                )
        return content

    def episodes(self) -> pd.DataFrame:
        """The state before round 1, columns `EPISODE_COLUMNS`.

        Raises:
            RunError: If it is missing or damaged.
        """
        return read_table(self.path / "episodes.parquet", EPISODE_COLUMNS)

    def titles(self) -> list[str]:
        """The items' titles by catalogue row.

        Raises:
            RunError: If they are missing or damaged.
        """
        return read_table(self.path / "items.parquet", ("title",))["title"].tolist()

    def write_round(
        self, number: int, exposures: pd.DataFrame, state: Mapping[str, np.ndarray]
    ) -> None:
        """Write a round: exposures first, then the state that makes the round count as done."""
        self._write_parquet(self.round_path(number), exposures)
        with atomic_write(self._state_path(number)) as file:
            np.savez(file, allow_pickle=False, **state)
        self._drop_old_states()

    def read_state(self, number: int) -> dict[str, np.ndarray]:
        """The state after a round.

        Raises:
            RunError: If it is missing, damaged, or another run's.
        """
        sizes = len(self.episodes()), len(self.titles())
        return read_state(self._state_path(number), number, *sizes)

    def write_json(self, name: str, content: Json) -> None:
        """Write one of the JSON files."""
        write_text(self.path / name, json.dumps(content, indent=2, sort_keys=True) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Read one of the JSON files.

        Raises:
            RunError: If it is missing or malformed.
        """
        try:
            return read_json(self.path / name)
        except FileNotFoundError:
            raise RunError(
                f"{self.path} is no run directory (it has no {name}); "
                "make one with `nudgesim run --out DIR`."
            ) from None

    @staticmethod
    def _write_parquet(path: Path, frame: pd.DataFrame) -> None:
        with atomic_write(path) as file:
            frame.to_parquet(file, index=False, compression="zstd", write_page_checksum=True)
