"""What runs on each machine of a cluster: an engine, and shards played with it."""

from __future__ import annotations

import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path

from simulator.clicks import AgentClicks
from simulator.cluster.shards import Files, read_files
from simulator.domain import IntArray
from simulator.errors import NudgesimError
from simulator.experiment import Experiment, make_agent


@dataclass(frozen=True)
class Refusal:
    """An error of ours on its way to the driver.

    Errors travel as their type and text: Ray would wrap them, and those made of several arguments
    do not survive pickling.
    """

    kind: type[NudgesimError]
    text: str

    def error(self) -> NudgesimError:
        """The error as it was raised."""
        return self.kind.__new__(self.kind, self.text)


class Worker:
    """A Ray actor's class.

    Args:
        packed: The pickled `Experiment`. Not the object itself: Ray would share its arrays
            between workers, read-only, and numba and torch want arrays that they may write to.
    """

    def __init__(self, packed: bytes) -> None:
        self._experiment: Experiment = pickle.loads(packed)
        self._agent: AgentClicks | None = None

    def start(self) -> str | Refusal:
        """Start the engine; one line on it, or why it cannot be."""
        config = self._experiment.config
        if config.clicks != "agent":
            return ""
        said: list[str] = []
        try:
            self._agent = make_agent(
                config.agent, self._experiment.world.data, config.seed, said.append
            )
        except NudgesimError as error:
            return Refusal(type(error), str(error))
        return " ".join(said)

    def play(self, users: IntArray) -> Files | Refusal:
        """All rounds of these users: the run directory's files, or why there is none."""
        with tempfile.TemporaryDirectory(prefix="nudgesim-shard-") as folder:
            out = Path(folder) / "run"
            try:
                self._experiment.play(self._agent, out=out, users=users)
            except NudgesimError as error:
                return Refusal(type(error), str(error))
            return read_files(out)
