"""Processes that vLLM starts beside a command end when that is killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.engines.vllm_local import vllm_installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
]

STARTING = """
import multiprocessing, sys, time
from simulator.engines.vllm_processes import children_end_with_us

if __name__ == "__main__":
    with children_end_with_us():
        child = multiprocessing.get_context(sys.argv[1]).Process(target=time.sleep, args=(600,))
        child.start()
    print("started", flush=True)
    time.sleep(600)
"""

SERVING = """
import sys, time
from simulator.engines import VllmEngine

if __name__ == "__main__":
    engine = VllmEngine(sys.argv[1], dtype="float32", cache_gib=0.25)
    print("started", flush=True)
    time.sleep(600)
"""


def below(process: int) -> list[int]:
    """The numbers of all processes that one has started, and those have."""
    found: list[int] = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *below(child)]
    return found


def assert_nothing_outlives(script: Path, argument: str, at_least: int) -> None:
    """Start a script, kill it when it says that it has started, and wait for what it started."""
    left: list[int] = []
    with subprocess.Popen(
        [sys.executable, script, argument],
        stdout=subprocess.PIPE,
        env=os.environ | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"},
    ) as parent:
        assert parent.stdout
        try:
            assert parent.stdout.readline() == b"started\n"
            left = [os.pidfd_open(number) for number in below(parent.pid)]
        finally:
            parent.kill()
    assert len(left) >= at_least
    until = time.monotonic() + 60
    while left and time.monotonic() < until:
        for ended in select.select(left, [], [], until - time.monotonic())[0]:
            left.remove(ended)
            os.close(ended)
    for descriptor in left:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    assert not left


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_ends_with_the_one_that_started_it(method: str, tmp_path: Path) -> None:
    script = tmp_path / "starting.py"
    script.write_text(STARTING, encoding="utf-8")
    assert_nothing_outlives(script, method, at_least=1)


@pytest.mark.skipif(not vllm_installed(), reason="vLLM is not installed")
def test_the_engine_process_of_vllm_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "serving.py"
    script.write_text(SERVING, encoding="utf-8")
    assert_nothing_outlives(script, "pocket", at_least=2)
