"""A run on a real Ray cluster of two nodes, against the same run on one machine."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from misbehaving_server import chat_answer, fake_servers, misbehaving

from simulator.cluster import run_on_cluster
from simulator.cluster.crew import Crew
from simulator.cluster.shards import Shard, ShardStore
from simulator.cluster.worker import Worker
from simulator.config import RunConfig
from simulator.engines.limited import Budget
from simulator.errors import (
    BudgetSpentError,
    ClusterError,
    EngineError,
    FailureCeilingError,
    MissingExtraError,
    RunError,
    UnknownNameError,
)
from simulator.experiment import Experiment, run_experiment
from simulator.runlog import Run, RunLog

slow = pytest.mark.slow

DISTRIBUTION = {"clicks": "distribution", "users": 48, "targets": 3, "rounds": 4}
POCKET = {
    "clicks": "agent",
    "users": 8,
    "targets": 2,
    "rounds": 3,
    "agent.model": "pocket",
    "agent.engine": "transformers",
    "agent.cache": "none",
}


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    started.add_node(num_cpus=1)
    yield started
    started.shutdown()


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """The distribution model's run on one machine."""
    out = tmp_path_factory.mktemp("alone") / "run"
    run_experiment(RunConfig.read(None, DISTRIBUTION), out)
    return out


def results(out: Path) -> dict[str, bytes]:
    """All that has to be equal: everything but cost.json and where the code came from."""
    assert (out / "manifest.json").is_file()
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("cost.json", "manifest.json")
    }


def worker_processes() -> list:
    """The processes of this test's Ray workers that hold a worker of ours."""
    import psutil  # comes with ray

    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::Worker")
    ]


def at_shard(*actions: Callable[[], object]) -> Callable[[object], None]:
    """A progress callback that does something when the first shard is done, the second, ..."""
    left = list(actions)

    def progress(clicks: object) -> None:
        if left:
            left.pop(0)()

    return progress


@slow
def test_workers_and_a_node_lost_half_way_change_nothing(cluster, alone, tmp_path, capfd):
    third = cluster.add_node(num_cpus=1)
    out, said = tmp_path / "run", []

    def kill() -> None:
        processes = worker_processes()
        assert processes
        for process in processes:
            process.kill()

    config = RunConfig.read(None, DISTRIBUTION)
    actions = [kill, lambda: None, lambda: cluster.remove_node(third, allow_graceful=False)]
    run = run_on_cluster(
        config, out, address=cluster.address, say=said.append, progress=at_shard(*actions)
    )
    assert capfd.readouterr() == ("", "")
    assert sum("a worker was lost in shard" in line for line in said) >= 1
    assert results(out) == results(alone)
    assert run.cost["decisions"] == len(run.exposures) == 48 * 3 * 4
    before, after = Run.load(alone).manifest, run.manifest
    assert after["config"] == before["config"]
    assert after["name"] == "run"
    # A finished run is recognised, and another is not taken for it.
    again = run_on_cluster(config, out, address="127.0.0.1:9")
    assert again.exposures.equals(run.exposures)
    with pytest.raises(RunError, match="another rounds"):
        run_on_cluster(RunConfig.read(None, {**DISTRIBUTION, "rounds": 3}), out)


DRIVER = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from simulator.cluster import run_on_cluster
from simulator.config import RunConfig
done = []

def progress(clicks):
    done.append(clicks)
    if len(done) == 5:
        os.kill(os.getpid(), signal.SIGKILL)

config = RunConfig.read(None, {settings!r})
run_on_cluster(config, Path(sys.argv[1]), address=sys.argv[2], workers=2, progress=progress)
"""


@slow
def test_a_stopped_and_a_killed_driver_go_on_with_what_they_lack(cluster, alone, tmp_path):
    config, out, said = RunConfig.read(None, DISTRIBUTION), tmp_path / "run", []
    with pytest.raises(BudgetSpentError, match="hours are over"):
        run_on_cluster(config, out, address=cluster.address, workers=2, budget=Budget(hours=1e-9))
    finished = len(list((out / "shards").glob("0*")))
    assert finished in (1, 2)  # what was under way when the budget was spent
    driver = DRIVER.replace("{settings!r}", repr(DISTRIBUTION))
    killed = subprocess.run(
        [sys.executable, "-c", driver, str(out), cluster.address], capture_output=True, timeout=120
    )
    assert killed.returncode == -9, killed.stderr.decode()
    assert not (out / "summary.json").exists()
    with pytest.raises(RunError, match="shards of a run with other settings"):
        run_on_cluster(
            RunConfig.read(None, {**DISTRIBUTION, "seed": 1}), out, address=cluster.address
        )
    run_on_cluster(config, out, address=cluster.address, workers=1, say=said.append)
    assert f"{11 - finished} of 16 shards to play; workers: 1" in said
    assert results(out) == results(alone)


@slow
def test_the_pocket_agent_decides_as_on_one_machine(cluster, tmp_path):
    cached = RunConfig.read(None, {**POCKET, "agent.cache": str(tmp_path / "cache.sqlite")})
    one = run_experiment(cached, tmp_path / "one" / "run")
    many = run_on_cluster(
        RunConfig.read(None, POCKET), tmp_path / "many" / "run", address=cluster.address
    )
    assert many.manifest["config"] == one.manifest["config"]
    pd.testing.assert_frame_equal(
        many.exposures.drop(columns="probability"), one.exposures.drop(columns="probability")
    )
    np.testing.assert_allclose(many.exposures.probability, one.exposures.probability, atol=1e-5)
    assert many.cost["requests"] > 0
    # With the answers of the first run at hand they are the same to the last bit.
    again = run_on_cluster(cached, tmp_path / "again" / "run", address=cluster.address)
    assert results(tmp_path / "again" / "run") == results(tmp_path / "one" / "run")
    assert again.cost["requests"] == 0
    assert again.cost["decisions_from_cache"] > 0


@slow
def test_workers_share_a_server_and_a_failing_one_stops_the_run(cluster, tmp_path):
    with fake_servers() as start:
        server = start(misbehaving(0))
        server.rule = lambda path, body: chat_answer({"yes": 0.5, "no": 0.25})
        server_of = {"agent.engine": "openai", "agent.model": "auto", "agent.urls": [server.url]}
        config = RunConfig.read(None, {**POCKET, **server_of})
        run_experiment(config, tmp_path / "one" / "run")
        run_on_cluster(config, tmp_path / "many" / "run", address=cluster.address)
        assert results(tmp_path / "many" / "run") == results(tmp_path / "one" / "run")
        server.rule = lambda path, body: (400, {"error": {"message": "not today"}})
        with pytest.raises(FailureCeilingError, match="most often: the server answered 400"):
            run_on_cluster(config, tmp_path / "other" / "run", address=cluster.address)
        shards = tmp_path / "other" / "run" / "shards"
        assert [path.name for path in shards.iterdir()] == ["plan.json"]


@slow
def test_what_a_worker_refuses_arrives_as_it_was_raised(cluster, tmp_path):
    config = RunConfig.read(None, {**POCKET, "agent.model": "pockett"})
    with pytest.raises(UnknownNameError, match="Did you mean 'pocket'"):
        run_on_cluster(config, tmp_path / "run", address=cluster.address)
    config = RunConfig.read(
        None, {**POCKET, "agent.engine": "openai", "agent.urls": ["http://127.0.0.1:9"]}
    )
    with pytest.raises(EngineError, match=r"No model at http://127\.0\.0\.1:9"):
        run_on_cluster(config, tmp_path / "other", address=cluster.address)


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
