"""Plays the runs that a table or figure needs, and only those that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from simulator.clicks import AgentClicks
from simulator.config import RunConfig
from simulator.data import load_dataset
from simulator.errors import RunError
from simulator.experiment import World, build_world, make_agent, run_experiment
from simulator.experiment.world import Say
from simulator.manifest import data_sha256
from simulator.runlog import Run, RunLog
from simulator.session import Progress

Watch = Callable[[str, int], AbstractContextManager[Progress]]
"""Given a run's title and number of decisions, opens a progress bar for it."""

_SETTINGS = "settings.json"


@dataclass(frozen=True)
class Play:
    """One run to be had.

    Attributes:
        folder: Its run directory.
        config: Its settings.
        title: What the progress bar calls it.
        episode: A user and a target (rows) who are alone in the run; None for all.
    """

    folder: Path
    config: RunConfig
    title: str
    episode: tuple[int, int] | None = None


class Player:
    """Has runs ready: reads those that are done, plays the others, sharing what they share.

    Use it as a context manager; it closes the language model that it opened.
    """

    def __init__(self, data: str, say: Say, watch: Watch) -> None:
        self.data = load_dataset(data)
        self._sha256 = data_sha256(self.data)
        self._say = say
        self._watch = watch
        self._worlds: dict[tuple[object, ...], World] = {}
        self._agent: AgentClicks | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def runs(self, plays: Sequence[Play]) -> Iterator[tuple[Play, Run]]:
        """Each run when it is done, in the given order; one at a time is held in memory.

        Raises:
            RunError: If a folder holds a run of other settings.
            NudgesimError: Whatever keeps a run from being played; what is done stays done.
        """
        missing = [play for play in plays if not self._is_done(play)]
        if missing and len(missing) < len(plays):
            self._say(f"{len(plays) - len(missing)} of {len(plays)} runs are done already")
        for play in plays:
            if play in missing:
                place = f"{missing.index(play) + 1}/{len(missing)}"
                yield play, self._play(play, f"{place} {play.title}")
            else:
                yield play, Run.load(play.folder)

    def world(self, config: RunConfig) -> World:
        """The world of a run, built once for all runs that share it."""
        # What build_world reads of the settings: of the recommender, whether it is ITMPRec, which
        # some protocols give targets of its own.
        key = (
            config.protocol,
            config.vectors,
            config.seed,
            config.recommender == "itmprec",
            "prematch" in config.without,
        )
        if key not in self._worlds:
            self._worlds[key] = build_world(config, self._say)
        return self._worlds[key]

    def _play(self, play: Play, title: str) -> Run:
        config, log = play.config, RunLog(play.folder)
        world = self.world(config)
        if play.episode is not None:
            user, target = (np.array([row], dtype=np.int32) for row in play.episode)
            world = replace(world, users=user, targets=target)
        agent = self._shared_agent(config) if config.clicks == "agent" else None
        play.folder.mkdir(parents=True, exist_ok=True)
        log.write_json(_SETTINGS, self._settings(play))
        rounds_left = config.rounds - len(log.finished_rounds())
        with self._watch(title, rounds_left * len(world.users) * len(world.targets)) as progress:
            return run_experiment(
                config, play.folder, say=self._say, progress=progress, world=world, agent=agent
            )

    def _shared_agent(self, config: RunConfig) -> AgentClicks:
        if self._agent is None:
            self._agent = make_agent(config.agent, self.data, config.seed, self._say)
            self._open.callback(self._agent.close)
        return self._agent

    def _is_done(self, play: Play) -> bool:
        """Whether the run lies there whole.

        Raises:
            RunError: If what lies there was begun with other settings.
        """
        log = RunLog(play.folder)
        if not all((play.folder / name).exists() for name in (_SETTINGS, "manifest.json")):
            return False
        before, now = log.read_json(_SETTINGS), self._settings(play)
        different = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        if different:
            key = different[0]
            raise RunError(
                f"{play.folder} holds a run with {key} = {_short(before.get(key))}, not "
                f"{_short(now.get(key))}; choose another --out, or repeat the run's own settings."
            )
        return (play.folder / "summary.json").exists()

    def _settings(self, play: Play) -> dict[str, Any]:
        settings = play.config.model_dump(mode="json")
        settings["without"] = sorted(settings["without"])
        episode = list(play.episode) if play.episode else None
        return {**settings, "episode": episode, "data_sha256": self._sha256}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
