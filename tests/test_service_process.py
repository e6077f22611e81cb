"""`nudgesim serve` as a process: real signals, a real model, real callers in other languages."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from http_service import agent_of, service
from running_service import COMMAND, running_service

from prompts import load_template, shipped_examples
from simulator.clicks import AgentClicks
from simulator.engines import ScriptedEngine, TransformersEngine

ROOT = Path(__file__).parent.parent
SECRET = "s3cret-0123456789"
SCRIPTED = [sys.executable, str(Path(__file__).parent / "slow_scripted_service.py")]
ROWS = [{"history": ["Alien (1979)"], "candidate": f"Film {k}"} for k in range(5)]


class Callers:
    """Threads that ask without a pause until the service is gone, and count what they hear."""

    def __init__(self, url: str, n: int) -> None:
        self.url = url
        self.heard: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(n)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, answered: int) -> None:
        end = time.monotonic() + 60
        while self.heard["answered"] < answered:
            assert time.monotonic() < end, self.heard
            time.sleep(0.01)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            while True:
                try:
                    answer = client.post("/v1/clicks", json={"exposures": ROWS, "seed": 1})
                except httpx.TransportError:
                    # Not taken in: the connection was closed before the service read a request.
                    self._count("refused")
                    return
                whole = answer.status_code == 200 and len(answer.json()["decisions"]) == len(ROWS)
                self._count("answered" if whole else str(answer.status_code))
                if not whole:
                    return

    def _count(self, what: str) -> None:
        with self._lock:
            self.heard[what] += 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_accepted_request_is_lost_at_the_end(number):
    """Whatever the service says it accepted, some caller has got, whole."""
    with running_service(command=SCRIPTED) as serving:
        callers = Callers(serving.url, 24)
        callers.wait_for(40)
        code, said = serving.end(number)
        callers.join()
    ended = re.search(r"ended: ([\d,]+) requests were accepted; ([\d,]+) were answered", said)
    assert ended, said
    accepted, answered = (int(figure.replace(",", "")) for figure in ended.groups())
    assert code == 0
    assert accepted == answered == callers.heard["answered"] >= 40
    assert set(callers.heard) <= {"answered", "503", "refused"}
    assert said.rstrip().endswith("engine closed")
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_second_interrupt_waits_for_nobody_and_says_who_got_no_answer():
    with running_service(command=SCRIPTED) as serving:
        callers = Callers(serving.url, 24)
        callers.wait_for(10)
        serving.process.send_signal(signal.SIGINT)
        time.sleep(0.02)
        code, said = serving.end(signal.SIGINT)
        callers.join()
    ended = re.search(r"ended: ([\d,]+) requests were accepted; ([\d,]+) were answered", said)
    assert ended, said
    assert code == 0
    assert int(ended.group(2)) == callers.heard["answered"]
    assert "Traceback" not in said


@pytest.mark.slow
def test_the_pocket_agent_serves_as_it_answers(tmp_path):
    """The real command, model and HTTP; a token that is never told; the cache; the end."""
    cache = tmp_path / "answers.sqlite"
    options = ("--model", "pocket", "--engine", "transformers", "--domain", "movies")
    with running_service(
        *options, "--port", "0", "--cache", str(cache), NUDGESIM_SERVE_TOKEN=SECRET
    ) as serving:
        headers = {"Authorization": f"Bearer {SECRET}"}
        with httpx.Client(
            base_url=serving.url, headers=headers, timeout=60, trust_env=False
        ) as client:
            assert client.get("/readyz").json()["status"] == "ready"
            assert httpx.post(f"{serving.url}/v1/clicks", json={}).status_code == 401
            asked = {"exposures": ROWS, "seed": 4}
            clicks = client.post("/v1/clicks", json=asked).json()
            labels = client.post("/v1/probabilities", json={"exposures": ROWS}).json()
            metrics = client.get("/metrics").text
        code, said = serving.end(signal.SIGTERM)
    assert code == 0
    assert SECRET not in said
    assert "nudgesim_engine_decisions_from_cache_total 5.0" in metrics
    template = load_template("movies/click-en")
    agent = AgentClicks(TransformersEngine("pocket"), template, examples=shipped_examples(template))
    alone = agent.click(
        [row["history"] for row in ROWS], [row["candidate"] for row in ROWS], seed=4
    )
    served = [decision["probability"] for decision in clicks["decisions"]]
    assert served == pytest.approx(alone.probability.tolist(), abs=1e-6)
    assert [decision["clicked"] for decision in clicks["decisions"]] == alone.clicked.tolist()
    assert [answer["probabilities"][0] for answer in labels["answers"]] == served


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), "set NUDGESIM_SERVE_TOKEN"),
        (("--max-rows", "9999"), "lower --max-rows"),
        (("--host", "203.0.113.7"), "pass --port"),
        (("--template", "movies/clik-en", "--port", "0"), "Did you mean 'movies/click-en'?"),
    ],
)
def test_what_cannot_be_served_is_told_with_its_cure(options, words):
    environment = {k: v for k, v in os.environ.items() if k != "NUDGESIM_SERVE_TOKEN"}
    if "203.0.113.7" in options:
        environment["NUDGESIM_SERVE_TOKEN"] = SECRET
    done = subprocess.run(
        [*COMMAND, *options], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, SECRET])
def test_schemathesis_finds_no_fault(tmp_path, token):
    """A property-based API tester: all its checks, on valid and invalid requests."""
    tester = shutil.which("st", path=str(Path(sys.executable).parent))
    if tester is None:
        pytest.skip("schemathesis is not installed")
    with service(agent_of(ScriptedEngine(0.5)), token=token) as (client, _):
        url = str(client.base_url)
        done = subprocess.run(
            [
                tester,
                "run",
                f"{url}/openapi.json",
                "--max-examples=25",
                "--seed=1",
                "--no-color",
                *([] if token is None else ["--header", f"Authorization: Bearer {token}"]),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("token", [None, SECRET])
def test_a_recommender_in_javascript(token):
    engine = ScriptedEngine(
        lambda text: 0.9 if "Heat" in text.splitlines()[-2] else 0.3,
        mass=lambda text: 0.2 if "Babe" in text.splitlines()[-2] else 1.0,
    )
    with service(agent_of(engine), token=token) as (client, desk):
        environment = {**os.environ, "NUDGESIM_URL": str(client.base_url).rstrip("/")}
        environment.pop("NUDGESIM_SERVE_TOKEN", None)
        if token is not None:
            environment["NUDGESIM_SERVE_TOKEN"] = token
        done = subprocess.run(
            ["node", "examples/call_the_service.mjs"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(round \d: \d+ of 50 clicked, \d+ failed\n){5}", done.stdout)
    assert desk.accepted == 5
