"""The workers of a run on a Ray cluster: hired, given shards, replaced when they die."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from simulator.cluster.shards import Files, Shard
from simulator.cluster.worker import Refusal, Worker
from simulator.config import RunConfig
from simulator.errors import ClusterError, MissingExtraError
from simulator.experiment import Experiment
from simulator.experiment.world import Say

_MOST_LOSSES = 3
_LONGEST_PAUSE = 15.0
_TELL_SECONDS = 60.0
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Crew:
    """How many workers there are, and what each is given.

    Attributes:
        workers: At least 1.
        cpus: Of one machine, for each worker.
        gpus: 1 where the engine runs in the worker and the cluster has accelerators, else 0.
    """

    workers: int
    cpus: int
    gpus: int

    @classmethod
    def of(cls, ray: Any, config: RunConfig, workers: int | None) -> Crew:
        """One worker for each accelerator, else one for each machine, unless told.

        The processors of a machine are shared out among its workers; of machines of several sizes
        the smallest decides. A machine that offers no processors (many a head) is none.
        """
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        nodes = [node for node in nodes if node.get("CPU", 0) >= 1] or nodes
        accelerated = [node for node in nodes if node.get("GPU", 0) >= 1]
        in_process = config.clicks == "agent" or config.recommender == "llm-ipp"
        if in_process and config.agent.engine != "openai" and accelerated:
            chosen = workers or sum(int(node["GPU"]) for node in accelerated)
            cpus = min(node.get("CPU", 1) // node["GPU"] for node in accelerated)
            return cls(chosen, max(1, int(cpus)), 1)
        chosen = workers or len(nodes)
        cpus = min(node.get("CPU", 1) for node in nodes) // -(-chosen // len(nodes))
        return cls(chosen, max(1, int(cpus)), 0)


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """The ray module, connected, and quiet on the terminal.

    Args:
        address: "host:port" of the cluster's head; None for the one that RAY_ADDRESS names or that
            runs on this machine, else for a new one on this machine alone. A program that has
            connected before stays connected.

    Raises:
        MissingExtraError: If Ray is not installed.
        ClusterError: If there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtraError("ray", "ray", "--cluster ray") from None
    if ray.is_initialized():
        yield ray
        return
    place = address or os.environ.get("RAY_ADDRESS")
    _knock(place)
    # Whatever workers say goes to Ray's log files. That they died we tell ourselves; Ray prints it
    # by another road, which has no public switch (this one is that of Ray's own debugger).
    printing = ray._private.worker
    printing._worker_logs_enabled = False
    # Ray takes SIGTERM for itself, and a command has its own way of ending.
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            # Of a cluster that is started here, not of one that is joined.
            **({} if place else {"include_dashboard": False}),
        )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_terminate)
        yield ray
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RaySystemError) as error:
        if ray.is_initialized():
            raise
        raise ClusterError(_unreachable(place, str(error))) from error
    finally:
        ray.shutdown()
        printing._worker_logs_enabled = True


class Shift:
    """Plays shards on a crew.

    A worker that dies, or whose machine does, is replaced, and its shard is played anew by whoever
    is free first. (Ray's own restarts would hold a shard back until its worker finds room again.)

    Args:
        ray: The module, connected.
        experiment: All but the engine.
        crew: Who plays.
        say: Told what is going on.
    """

    def __init__(self, ray: Any, experiment: Experiment, crew: Crew, say: Say) -> None:
        self._ray = ray
        self._crew = crew
        self._say = say
        self._packed = ray.put(pickle.dumps(experiment))
        self._class = ray.remote(Worker).options(
            num_cpus=crew.cpus, num_gpus=crew.gpus, scheduling_strategy="SPREAD", max_restarts=0
        )
        self._waiting: deque[Shard] = deque()
        self._idle: list[Any] = []
        self._under_way: dict[Any, tuple[Any, Shard | None]] = {}
        self._losses: Counter[int] = Counter()
        self._false_starts = 0
        self._hire_at = 0.0
        exceptions = ray.exceptions
        self._lost = (
            exceptions.RayActorError,
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.ObjectLostError,
            exceptions.OutOfMemoryError,
        )

    def play(self, shards: Sequence[Shard]) -> Iterator[tuple[Shard, Files]]:
        """Finished shards, as they come.

        Raises:
            NudgesimError: What a worker raises.
            ClusterError: If one shard's workers die again and again.
        """
        self._waiting.extend(shards)
        while self._waiting or self._playing():
            self._hand_out()
            for reference in self._wait():
                worker, shard = self._under_way.pop(reference)
                result = self._result(reference, worker, shard)
                if shard is not None and result is not None:
                    yield shard, result

    def stop(self) -> None:
        """Hand out nothing more; what is under way is finished."""
        self._waiting.clear()

    def close(self) -> None:
        """End all workers."""
        for worker in [*self._idle, *(worker for worker, _ in self._under_way.values())]:
            self._ray.kill(worker)

    def _wait(self) -> list[Any]:
        """What is finished, or nothing when workers may be hired again, or a minute is over."""
        pause = self._hire_at - time.monotonic()
        if not self._under_way:
            time.sleep(max(pause, 0.0))
            return []
        seconds = pause if 0 < pause < _TELL_SECONDS else _TELL_SECONDS
        ready, _ = self._ray.wait(list(self._under_way), timeout=seconds)
        if not ready and not self._playing():
            needs = f"{self._crew.cpus} CPUs, {self._crew.gpus} GPUs each"
            self._say(f"waiting for workers to start ({needs})")
        return list(ready)

    def _playing(self) -> bool:
        return any(shard is not None for _, shard in self._under_way.values())

    def _hand_out(self) -> None:
        """Shards to those who are free, and new workers for the rest."""
        while self._waiting and self._idle:
            worker, shard = self._idle.pop(), self._waiting.popleft()
            self._under_way[worker.play.remote(shard.users)] = (worker, shard)
        if time.monotonic() < self._hire_at:
            return
        starting = sum(shard is None for _, shard in self._under_way.values())
        room = self._crew.workers - len(self._under_way) - len(self._idle)
        for _ in range(min(room, len(self._waiting) - starting)):
            worker = self._class.remote(self._packed)
            self._under_way[worker.start.remote()] = (worker, None)

    def _result(self, reference: Any, worker: Any, shard: Shard | None) -> Files | None:
        """What a worker has finished; None from one that has started, or died."""
        try:
            result = self._ray.get(reference)
        except self._lost as error:
            self._ray.kill(worker)  # it may only have been out of reach
            self._replace(shard, str(error))
            return None
        if isinstance(result, Refusal):
            raise result.error()
        self._idle.append(worker)
        self._false_starts = 0
        if shard is None:
            if result:
                self._say(result)
            return None
        files: Files = result
        return files

    def _replace(self, shard: Shard | None, reason: str) -> None:
        first = reason.strip().partition("\n")[0]
        if shard is None:
            self._false_starts += 1
            # Ray may take a while to see that a machine is gone, and start workers there.
            pause = min(2.0**self._false_starts / 2, _LONGEST_PAUSE)
            self._hire_at = time.monotonic() + pause
            what, losses, most = "while it started", self._false_starts, 3 * self._crew.workers + 3
        else:
            self._losses[shard.number] += 1
            self._waiting.appendleft(shard)
            what, losses, most = (
                f"in shard {shard.number}",
                self._losses[shard.number],
                _MOST_LOSSES,
            )
        if losses == most:
            raise ClusterError(
                f"{losses} workers in a row were lost {what}, the last because: {first} Look for "
                "their memory and their logs in Ray's dashboard; finished shards are kept, and the "
                "same command goes on."
            )
        self._say(f"a worker was lost {what} and is replaced: {first}")


def _knock(place: str | None) -> None:
    """Ask at the door whether there is a cluster; Ray itself would wait for minutes."""
    host, _, port = (place or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # no address, or one like "auto" and "local"
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterError(_unreachable(place, str(error))) from error


def _unreachable(place: str | None, reason: str) -> str:
    return (
        f"No Ray cluster at {place or 'this machine'} ({reason}). Start one with `ray start "
        "--head`, name its head as host:port in RAY_ADDRESS, or leave --cluster out."
    )
