"""Shards: runs of consecutive users, kept one by one, and joined to one run at the end.

    <run>/shards/plan.json   what is dealt out, and in which portions
                /00000/      a finished shard: a run directory of its own

A shard is there whole or not at all, so a driver killed at any instant finds what was finished.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simulator.domain import IntArray
from simulator.errors import RunError
from simulator.files import atomic_write, write_text
from simulator.runlog import RunLog

Files = Mapping[str, bytes]
"""A run directory's files by relative path."""

_PARTIAL = ".partial-"


@dataclass(frozen=True, eq=False)
class Shard:
    """Users whose episodes are played together.

    Attributes:
        number: From 0, in the order of the users.
        users: Rows of the data set, shape (n,).
    """

    number: int
    users: IntArray


class ShardStore:
    """The finished shards of a run.

    Args:
        out: The run directory.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / "shards"

    def deal(self, users: IntArray, size: int, settings: Mapping[str, Any]) -> list[Shard]:
        """Cut users into shards, or find the cut that an interrupted run made.

        Args:
            users: All who take part, shape (n,).
            size: Users in a shard, for a new run.
            settings: What must be the same when the run goes on; anything JSON can hold.

        Raises:
            RunError: If the shards here are another run's.
        """
        plan = {"size": size, "users": users.tolist(), "settings": dict(settings)}
        file = self.path / "plan.json"
        if file.exists():
            before = json.loads(file.read_text(encoding="utf-8"))
            now = json.loads(json.dumps(plan))
            if any(before[key] != now[key] for key in ("users", "settings")):
                raise RunError(
                    f"{self.path} holds shards of a run with other settings; choose another --out, "
                    "or repeat the run's own settings to resume it."
                )
            size = before["size"]
        else:
            self.path.mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps(plan, sort_keys=True) + "\n")
        for left in self.path.glob(f"{_PARTIAL}*"):
            shutil.rmtree(left)
        starts = range(0, len(users), size)
        return [Shard(k, users[start : start + size]) for k, start in enumerate(starts)]

    def holds(self, shard: Shard) -> bool:
        """Whether a shard is finished."""
        return self._folder(shard).is_dir()

    def write(self, shard: Shard, files: Files) -> None:
        """Keep a finished shard."""
        partial = self.path / f"{_PARTIAL}{shard.number:05d}"
        for name, content in files.items():
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                file.write(content)
        partial.rename(self._folder(shard))

    def discard(self, shard: Shard) -> None:
        """Take a shard for not played."""
        shutil.rmtree(self._folder(shard))

    def join(self, shards: Sequence[Shard], rounds: int, log: RunLog) -> None:
        """Make the ordinary run directory of all shards, and remove them.

        Everything is written in a folder beside and moved; the state, which makes the rounds count
        as done, is moved last.
        """
        logs = [RunLog(self._folder(shard)) for shard in shards]
        beside = RunLog(self.path / f"{_PARTIAL}run")
        beside.begin(log.read_json("manifest.json"))
        beside.write_start(
            pd.read_parquet(logs[0].path / "items.parquet"),
            _joined([part.path / "episodes.parquet" for part in logs]),
        )
        beside.write_json("cost.json", _summed([part.read_json("cost.json") for part in logs]))
        for number in range(1, rounds + 1):
            table = _joined([part.round_path(number) for part in logs])
            states = [part.read_state(number) for part in logs] if number == rounds else []
            beside.write_round(number, table, _end_to_end(states))
        for pattern in ("*.parquet", "cost.json", "rounds/*", "state/*"):
            for path in sorted(beside.path.glob(pattern)):
                path.replace(log.path / path.relative_to(beside.path))
        self.remove()

    def remove(self) -> None:
        """Delete what is no longer needed."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _folder(self, shard: Shard) -> Path:
        return self.path / f"{shard.number:05d}"


def read_files(folder: Path) -> dict[str, bytes]:
    """All files under a folder, by relative path."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _joined(paths: Sequence[Path]) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


def _end_to_end(states: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The states of all episodes from those of the shards."""
    names = states[0] if states else ()
    return {name: np.concatenate([state[name] for state in states]) for name in names}


def _summed(costs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = sorted({name for cost in costs for name in cost})
    return {name: sum(cost.get(name, 0.0) for cost in costs) for name in names}
