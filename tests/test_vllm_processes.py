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
import multiprocessing, subprocess, sys, time
from simulator.engines.vllm_processes import children_end_with_us

if __name__ == "__main__":
    with children_end_with_us():
        context = multiprocessing.get_context(sys.argv[1])
        context.Process(target=subprocess.run, args=(["sleep", "600"],)).start()
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


@pytest.mark.parametrize(("method", "number"), [("fork", 2), ("spawn", 3)])
def test_processes_end_with_the_one_that_started_them(
    method: str, number: int, tmp_path: Path
) -> None:
    """What stands for vLLM's engine process has one below it; Python's own watches spawned ones."""
    script = tmp_path / "starting.py"
    script.write_text(STARTING, encoding="utf-8")
    with subprocess.Popen([sys.executable, script, method]) as parent:
        while len(started := below(parent.pid)) < number:
            assert parent.poll() is None
            time.sleep(0.02)
        assert_they_end_with(parent, started)


@pytest.mark.skipif(not vllm_installed(), reason="vLLM is not installed")
def test_the_engine_process_of_vllm_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "serving.py"
    script.write_text(SERVING, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, script, "pocket"],
        stdout=subprocess.PIPE,
        env=os.environ | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"},
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"started\n"
        started = below(parent.pid)
        assert len(started) >= 2
        assert_they_end_with(parent, started)


def assert_they_end_with(parent: subprocess.Popen[bytes], started: list[int]) -> None:
    """Kill a process, and wait for those that it has started."""
    try:
        left = [os.pidfd_open(process) for process in started]
    finally:
        parent.kill()
    until = time.monotonic() + 60
    while left and time.monotonic() < until:
        for ended in select.select(left, [], [], until - time.monotonic())[0]:
            left.remove(ended)
            os.close(ended)
    for descriptor in left:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    assert not left
