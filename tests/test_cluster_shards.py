"""Shards, crews and refusals of a run on a cluster, without the cluster."""

from __future__ import annotations

import contextlib
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cluster_runs import DISTRIBUTION, POCKET, results

from simulator.cluster import run_on_cluster
from simulator.cluster.crew import Crew
from simulator.cluster.shards import Shard, ShardStore
from simulator.cluster.worker import Worker
from simulator.config import RunConfig
from simulator.errors import (
    ClusterError,
    MissingExtraError,
    RunError,
)
from simulator.experiment import Experiment, run_experiment
from simulator.runlog import Run, RunLog


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """The distribution model's run on one machine."""
    out = tmp_path_factory.mktemp("alone") / "run"
    run_experiment(RunConfig.read(None, DISTRIBUTION), out)
    return out


def test_a_cluster_out_of_reach_is_said_at_once(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    config = RunConfig.read(None, DISTRIBUTION)
    with pytest.raises(ClusterError, match=r"No Ray cluster at 127\.0\.0\.1:9 .*ray start"):
        run_on_cluster(config, tmp_path / "run", address="127.0.0.1:9")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(ClusterError, match=r"127\.0\.0\.1:9"):
        run_on_cluster(config, tmp_path / "run")


def test_ray_that_is_not_installed_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'nudgesim\[ray\]'"):
        run_on_cluster(RunConfig.read(None, DISTRIBUTION), tmp_path / "run")


def test_a_run_begun_on_one_machine_is_finished_there(tmp_path):
    class Stop(Exception):
        pass

    def stop(_: object) -> None:
        if (out / "state" / "round-001.npz").exists():
            raise Stop

    out = tmp_path / "run"
    with pytest.raises(Stop):
        run_experiment(RunConfig.read(None, DISTRIBUTION), out, progress=stop)
    with pytest.raises(RunError, match="1 rounds of a run on one machine"):
        run_on_cluster(RunConfig.read(None, DISTRIBUTION), out, address="127.0.0.1:9")


def test_a_shard_is_whole_or_not_there(tmp_path):
    store = ShardStore(tmp_path)
    shards = store.deal(np.arange(10), 4, {"seed": 1})
    assert [shard.users.tolist() for shard in shards] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    store.write(shards[1], {"rounds/a": b"1", "b": b"2"})
    half = tmp_path / "shards" / ".partial-00002"
    half.mkdir()
    (half / "b").write_bytes(b"2")
    # Another crew would cut otherwise; the cut of the first is kept, and half a shard is none.
    again = store.deal(np.arange(10), 7, {"seed": 1})
    assert [len(shard.users) for shard in again] == [4, 4, 2]
    assert [store.holds(shard) for shard in again] == [False, True, False]
    assert not half.exists()
    store.write(again[2], {"b": b"3"})
    for users, seed in ((np.arange(9), 1), (np.arange(10), 2)):
        with pytest.raises(RunError, match="other settings"):
            store.deal(users, 4, {"seed": seed})


def test_a_kill_while_shards_are_joined_loses_nothing(alone, tmp_path, monkeypatch):
    out = tmp_path / "run"
    config = RunConfig.read(None, DISTRIBUTION)
    experiment = Experiment.prepare(config, lambda _: None)
    worker, log, store = Worker(pickle.dumps(experiment)), RunLog(out), ShardStore(out)

    def deal() -> list[Shard]:
        return store.deal(experiment.world.users, 20, {})

    for shard in deal():
        files = worker.play(shard.users)
        store.write(shard, files)
    log.begin(Run.load(alone).manifest)
    rename, left = Path.replace, 0

    def killed(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return rename(path, target)

    kills = 0
    monkeypatch.setattr(Path, "replace", killed)
    while not log.finished_rounds():
        left = kills
        with contextlib.suppress(KeyboardInterrupt):
            store.join(deal(), config.rounds, log)
        kills += 1
    assert kills > 10
    assert not store.path.exists()
    kept = {name: content for name, content in results(alone).items() if name != "summary.json"}
    assert results(out) == kept


@pytest.mark.parametrize(
    ("nodes", "flags", "workers", "crew"),
    [
        ([{"CPU": 8}, {"CPU": 4}], DISTRIBUTION, None, Crew(2, 4, 0)),
        ([{"CPU": 8}, {"CPU": 8}], POCKET, 8, Crew(8, 2, 0)),
        ([{"CPU": 8}], DISTRIBUTION, 20, Crew(20, 1, 0)),
        ([{"CPU": 64, "GPU": 4}, {"CPU": 64, "GPU": 4}], POCKET, None, Crew(8, 16, 1)),
        ([{"CPU": 64, "GPU": 4}], DISTRIBUTION, None, Crew(1, 64, 0)),
        ([{"CPU": 64, "GPU": 4}], {**POCKET, "agent.engine": "openai"}, None, Crew(1, 64, 0)),
        ([{"CPU": 2, "GPU": 1}, {}], POCKET, 3, Crew(3, 2, 1)),
        ([{"CPU": 0}, {"CPU": 8}, {"CPU": 8}], DISTRIBUTION, None, Crew(2, 8, 0)),
        ([{"CPU": 64, "GPU": 8}, {"CPU": 32}], POCKET, None, Crew(8, 8, 1)),
    ],
)
def test_a_crew_fits_its_cluster(nodes, flags, workers, crew):
    alive = [{"Alive": True, "Resources": node} for node in nodes]
    dead = {"Alive": False, "Resources": {"CPU": 1, "GPU": 8}}
    ray = SimpleNamespace(nodes=lambda: [*alive, dead])
    assert Crew.of(ray, RunConfig.read(None, flags), workers) == crew
