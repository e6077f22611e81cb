"""A run on a real Ray cluster of two nodes, against the same run on one machine."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cluster_runs import DISTRIBUTION, POCKET, results
from misbehaving_server import chat_answer, fake_servers, misbehaving

from simulator.cluster import run_on_cluster
from simulator.config import RunConfig
from simulator.engines.limited import Budget
from simulator.errors import (
    BudgetSpentError,
    EngineError,
    FailureCeilingError,
    RunError,
    UnknownNameError,
)
from simulator.experiment import run_experiment
from simulator.runlog import Run

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    # A node takes SIGTERM for itself and keeps it when it is gone; the next test that raises one
    # would end all tests.
    on_terminate = signal.getsignal(signal.SIGTERM)
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    started.add_node(num_cpus=1)
    yield started
    started.shutdown()
    signal.signal(signal.SIGTERM, on_terminate)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """The distribution model's run on one machine."""
    out = tmp_path_factory.mktemp("alone") / "run"
    run_experiment(RunConfig.read(None, DISTRIBUTION), out)
    return out


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
