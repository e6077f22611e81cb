"""The driver's side of a run on a cluster: prepare, deal out, collect, join."""

from __future__ import annotations

import io
import json
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evals.summary import summarise
from simulator.clicks.ceiling import FailureCeiling
from simulator.cluster.crew import Crew, Shift, connected
from simulator.cluster.shards import Files, Shard, ShardStore
from simulator.config import RunConfig
from simulator.domain import Clicks
from simulator.engines.limited import NO_LIMIT, Budget, tokens_of
from simulator.errors import BudgetSpentError, FailureCeilingError, RunError
from simulator.experiment import Experiment, World
from simulator.experiment.world import Say
from simulator.manifest import data_sha256
from simulator.run_lock import only_writer
from simulator.runlog import Run, RunLog
from simulator.session import Progress

_SHARDS_EACH = 8
_MOST_DECISIONS = {"agent": 100_000, "distribution": 5_000_000}
"""In a shard: what a lost worker costs, against what it costs to begin one."""


def run_on_cluster(
    config: RunConfig,
    out: Path,
    *,
    address: str | None = None,
    workers: int | None = None,
    budget: Budget = NO_LIMIT,
    say: Say = lambda _: None,
    progress: Progress | None = None,
    world: World | None = None,
) -> Run:
    """Play one experiment on a Ray cluster, or go on where it was interrupted.

    Episodes do not know of one another, so users are dealt out in shards of consecutive users. All
    that is trained is made once, here, and sent to the workers; each starts its own engine, or asks
    the servers that the settings name. Finished shards are kept under `<out>/shards` until the
    last, and then joined: the rounds and the summary are those of the same run on one machine, byte
    for byte where a decision does not depend on the company it is asked in (the distribution
    model; a language model's probabilities may differ in their last digits).

    A worker that dies is replaced and its shard played anew. A killed driver goes on, by the same
    call, with the shards that it lacks; their number and that of the workers may differ. The
    failure ceiling and the budget are looked at shard by shard, over all shards of this sitting:
    past the ceiling, shards with too many failures are thrown away, to be played again when the
    cause is mended; those under way when the budget is spent are finished and kept.

    nudgesim must be installed on every machine, a template, examples or a model that the settings
    name by a path must lie there, and the key of a server must be in the environment there.

    Args:
        config: The settings.
        out: The run directory, on the driver's machine.
        address: "host:port" of the cluster's head; see `simulator.cluster.crew.connected`.
        workers: How many; by default one for each accelerator, else one for each machine.
        budget: What all workers together may spend in this sitting.
        say: Told what is going on.
        progress: Called with each shard's clicks.
        world: A world built before from the same settings.

    Raises:
        MissingExtraError: If Ray is not installed.
        ClusterError: If the cluster cannot be reached, or loses its workers again and again.
        NudgesimError: Whatever keeps the run from being played, such as another process that plays
            it; finished shards stay finished.
    """
    log, store = RunLog(out), ShardStore(out)
    with only_writer(out):
        experiment = Experiment.prepare(config, say, world)
        done = len(log.finished_rounds())
        if done < config.rounds:
            if done:
                raise RunError(
                    f"{out} holds {done} rounds of a run on one machine; finish it without "
                    "--cluster, or choose another --out."
                )
            with connected(address) as ray:
                _play(ray, experiment, out, Crew.of(ray, config, workers), budget, say, progress)
        _require_same(experiment, log)
        store.remove()
        run = Run.load(out)
        log.write_json("summary.json", summarise(run))
    return run


def _play(
    ray: Any,
    experiment: Experiment,
    out: Path,
    crew: Crew,
    budget: Budget,
    say: Say,
    progress: Progress | None,
) -> None:
    """All shards that are missing, and the run directory of them all."""
    config, log, store = experiment.config, RunLog(out), ShardStore(out)
    shards = _deal(experiment, store, crew)
    missing = [shard for shard in shards if not store.holds(shard)]
    say(f"{len(missing)} of {len(shards)} shards to play; workers: {crew.workers}")
    sitting = _Sitting(store, FailureCeiling(config.max_failure_rate), budget)
    # A worker sees too little of the run to judge the failure rate.
    lenient = replace(experiment, config=config.model_copy(update={"max_failure_rate": 1.0}))
    with closing(Shift(ray, lenient, crew, say)) as shift:
        for shard, files in shift.play(missing):
            log.begin(_manifest(files, out, len(experiment.world.users)))
            clicks = _clicks(files)
            sitting.keep(shard, files, clicks)
            if progress is not None:
                progress(clicks)
            if sitting.spent():
                shift.stop()
    if not all(store.holds(shard) for shard in shards):
        raise BudgetSpentError(sitting.spent())
    store.join(shards, config.rounds, log)


@dataclass
class _Sitting:
    """What all workers have decided and spent since the driver was started.

    Attributes:
        store: Where finished shards go.
        ceiling: On the failures of all shards.
        budget: What may be spent.
        suspect: Shards with a larger share of failures than the ceiling allows.
    """

    store: ShardStore
    ceiling: FailureCeiling
    budget: Budget
    suspect: list[Shard] = field(default_factory=list)
    tokens: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def keep(self, shard: Shard, files: Files, clicks: Clicks) -> None:
        """Keep a shard and take it to the books.

        Raises:
            FailureCeilingError: If too many decisions have failed; no suspect shard is kept then.
        """
        self.store.write(shard, files)
        self.tokens += tokens_of(json.loads(files["cost.json"]))
        failures = clicks.failure[clicks.failure != ""].tolist()
        asked = int((clicks.source == "agent").sum()) + len(failures)
        if len(failures) > self.ceiling.share * asked:
            self.suspect.append(shard)
        try:
            self.ceiling.count(asked, failures)
        except FailureCeilingError:
            for suspect in self.suspect:
                self.store.discard(suspect)
            raise

    def spent(self) -> str:
        """What of the budget is spent, or ""."""
        return self.budget.spent(self.tokens, time.monotonic() - self.began)


def _deal(experiment: Experiment, store: ShardStore, crew: Crew) -> list[Shard]:
    config, world = experiment.config, experiment.world
    for_each = config.rounds * len(world.targets)
    size = min(
        -(-len(world.users) // (crew.workers * _SHARDS_EACH)),
        max(1, _MOST_DECISIONS[config.clicks] // for_each),
    )
    # Where the model is asked, and when the run stops, may change between sittings.
    changing: dict[str, bool | set[str]] = {
        "max_failure_rate": True,
        "agent": {"engine", "urls", "cache"},
    }
    settings = {**config.model_dump(mode="json", exclude=changing), **_identity(experiment)}
    return store.deal(world.users, size, settings)


def _identity(experiment: Experiment) -> dict[str, Any]:
    """What the manifest will say of the run as far as it is known without an engine."""
    config, world = experiment.config, experiment.world
    facts = {
        **experiment.facts(None),
        "data_sha256": data_sha256(world.data),
        "rounds": config.rounds,
        "seed": config.seed,
        "users": len(world.users),
        "targets": [world.data.catalogue.item_ids[target] for target in world.targets],
    }
    return dict(json.loads(json.dumps(facts)))


def _require_same(experiment: Experiment, log: RunLog) -> None:
    """Recognise a finished run.

    Raises:
        RunError: If it is another one.
    """
    before = log.read_json("manifest.json")["config"]
    for key, now in _identity(experiment).items():
        if before.get(key) != now:
            raise RunError(
                f"{log.path} holds a finished run with another {key}; choose another --out."
            )


def _manifest(files: Files, out: Path, n_users: int) -> dict[str, Any]:
    """The run's from a shard's; all shards must agree on it."""
    manifest: dict[str, Any] = json.loads(files["manifest.json"])
    config = {**manifest["config"], "users": n_users}
    return {**manifest, "name": out.name, "config": config}


def _clicks(files: Files) -> Clicks:
    """A shard's answers, round by round."""
    names = ["clicked", "probability", "source", "failure"]
    tables = [
        pd.read_parquet(io.BytesIO(content), columns=names)
        for name, content in sorted(files.items())
        if name.startswith("rounds/")
    ]
    rows = pd.concat(tables, ignore_index=True)
    return Clicks.of(
        rows["clicked"].to_numpy(),
        source=rows["source"].to_numpy(dtype=object),
        probability=rows["probability"].to_numpy(),
        failure=rows["failure"].to_numpy(dtype=object),
    )
