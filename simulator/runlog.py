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

from simulator.errors import RunError
from simulator.files import atomic_write, remove_leftovers, write_text

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
        manifest = log.read_json("manifest.json")
        rounds = log.finished_rounds()
        if not rounds:
            raise RunError(f"{path}: no round is finished yet; run it again to go on.")
        return cls(
            manifest=manifest,
            episodes=_read_table(log.path / "episodes.parquet", EPISODE_COLUMNS),
            exposures=pd.concat(
                [_read_table(log.round_path(r), EXPOSURE_COLUMNS) for r in rounds],
                ignore_index=True,
            ),
            cost=log.read_json("cost.json"),
            path=log.path,
            titles=_read_table(log.path / "items.parquet", ("title",))["title"].tolist(),
        )


def _read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A table of a run, with these columns and perhaps more.

    Raises:
        RunError: If it cannot be read, or lacks a column.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged; repeat the run.") from error
    if lacking := [name for name in columns if name not in table]:
        raise RunError(
            f"{path} has no column {', '.join(lacking)}: another version of nudgesim wrote it. "
            "Repeat the run."
        )
    return table


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
        before = self.read_json("manifest.json").get("config", {})
        now = json.loads(json.dumps(manifest.get("config", {})))
        different = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        if different:
            key = different[0]
            raise RunError(
                f"{self.path} holds a run with {key} = {before.get(key)!r}, not {now.get(key)!r}"
                f"{f' (and {len(different) - 1} more differences)' if different[1:] else ''}; "
                "choose another --out, or repeat the run's own settings to resume it."
            )

    def finished_rounds(self) -> list[int]:
        """Numbers of the rounds whose exposures and state are whole, ascending from 1."""
        return list(range(1, max(self._states(), default=0) + 1))

    def _states(self) -> list[int]:
        """Rounds whose state is here: two where a process died between writing and deleting."""
        return [int(path.stem.rpartition("-")[2]) for path in self.path.glob("state/round-*.npz")]

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
        before = pd.read_parquet(self.path / "episodes.parquet")
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

    def write_round(
        self, number: int, exposures: pd.DataFrame, state: Mapping[str, np.ndarray]
    ) -> None:
        """Write a round: exposures first, then the state that makes the round count as done."""
        self._write_parquet(self.round_path(number), exposures)
        with atomic_write(self._state_path(number)) as file:
            np.savez(file, allow_pickle=False, **state)
        self._drop_old_states()

    def read_state(self, number: int) -> dict[str, np.ndarray]:
        """The state after a round."""
        with np.load(self._state_path(number), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def write_json(self, name: str, content: Json) -> None:
        """Write one of the JSON files."""
        write_text(self.path / name, json.dumps(content, indent=2, sort_keys=True) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Read one of the JSON files.

        Raises:
            RunError: If it is missing or malformed.
        """
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(
                f"{self.path} is no run directory (it has no {name}); "
                "make one with `nudgesim run --out DIR`."
            ) from None
        except json.JSONDecodeError as error:
            raise RunError(f"{self.path / name}, line {error.lineno}: {error.msg}.") from error
        return dict(content)

    @staticmethod
    def _write_parquet(path: Path, frame: pd.DataFrame) -> None:
        with atomic_write(path) as file:
            frame.to_parquet(file, index=False, compression="zstd")
