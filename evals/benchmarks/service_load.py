"""What does the click service cost beside the engine alone, and how long do callers wait?

    python -m evals.benchmarks.service_load --clients 16 --rows 32 --seconds 15

Starts `nudgesim serve` with nothing kept between requests, and lets as many clients as asked send
it requests without a pause. In turn with that, the same prompts are handed to the same engine in
this process, in full batches, while the service idles. Printed for each turn: decisions a second
of both and their ratio; at the end the ratio of the medians, and how long a request took.

`--open RATE` sends requests at a rate instead, Poisson-distributed, and tells the waiting times
below saturation.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from prompts import load_template, shipped_examples
from simulator.clicks import AgentClicks
from simulator.clicks.titles import shown_titles
from simulator.data import load_dataset
from simulator.engines import open_engine
from simulator.interfaces import Prompt

_TEMPLATE = "movies/click-en"
_CANDIDATES = 4
"""Exposures that share a history: a small slate."""
_IN_TURN = 5
_RAMP = 1.0
"""Seconds of load before answers count."""

Request = dict[str, list[dict[str, Any]]]
Ask = Callable[[bytes], Awaitable[tuple[int, bytes]]]


@dataclass
class Heard:
    """What clients heard in a while: seconds of each request, exposures, and refusals."""

    seconds: list[float]
    rows: int
    refused: int
    wall: float


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--engine", default="transformers")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rows", type=int, default=32, help="exposures in a request")
    parser.add_argument("--batch-rows", type=int, default=1_024)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each turn")
    parser.add_argument("--open", type=float, metavar="RATE", help="requests a second")
    asked = parser.parse_args()

    requests = _requests(asked.rows)
    with _service(asked) as url:
        if asked.open:
            heard = asyncio.run(_at_a_rate(url, requests, asked.open, asked.seconds))
            _tell_waiting(heard)
            return
        rates = _in_turns(asked, url, requests)
    served, alone = np.median(rates, axis=0)
    print(f"\nservice {served:,.1f}, engine alone {alone:,.1f} decisions/s: {served / alone:.1%}")


def _in_turns(asked: argparse.Namespace, url: str, requests: list[Request]) -> list[list[float]]:
    """Decisions a second of the service and of the engine alone, turn for turn."""
    template = load_template(_TEMPLATE)
    with closing(open_engine(asked.engine, model=asked.model)) as engine:
        agent = AgentClicks(engine, template, examples=shipped_examples(template))
        prompts = _prompts(agent, requests)
        labels = template.labels.pair
        engine.label_probabilities(prompts[: asked.batch_rows], labels)
        asyncio.run(_saturated(url, requests, asked.clients, 2.0))
        everything: list[float] = []
        rates = []
        for turn in range(1, _IN_TURN + 1):
            heard = asyncio.run(_saturated(url, requests, asked.clients, asked.seconds))
            everything += heard.seconds
            served = heard.rows / heard.wall
            done, start = 0, time.perf_counter()
            while time.perf_counter() - start < asked.seconds:
                first = done % len(prompts)
                batch = prompts[first : first + asked.batch_rows]
                engine.label_probabilities(batch, labels)
                done += len(batch)
            alone = done / (time.perf_counter() - start)
            rates.append([served, alone])
            print(f"turn {turn}: {served:,.1f} of {alone:,.1f} decisions/s, {served / alone:.1%}")
        _tell_waiting(Heard(everything, 0, 0, 0.0))
    return rates


def _tell_waiting(heard: Heard) -> None:
    p50, p99 = np.percentile(heard.seconds, [50, 99])
    print(
        f"{len(heard.seconds):,} requests, {heard.refused} refused: median {p50:.3f} s, "
        f"99th percentile {p99:.3f} s"
    )


def _requests(rows: int) -> list[Request]:
    """Requests with distinct histories of the demo world's films, fit for a few batches."""
    titles = list(load_dataset("demo").catalogue.titles)
    generator = np.random.default_rng(0)

    def request() -> Request:
        exposures: list[dict[str, Any]] = []
        while len(exposures) < rows:
            films = generator.choice(len(titles), size=12 + _CANDIDATES, replace=False)
            history = [titles[film] for film in films[_CANDIDATES:]]
            exposures += [
                {"history": history, "candidate": titles[film]} for film in films[:_CANDIDATES]
            ]
        return {"exposures": exposures[:rows]}

    return [request() for _ in range(max(4_096 // rows, 1))]


def _prompts(agent: AgentClicks, requests: list[Request]) -> list[Prompt]:
    exposures = [exposure for request in requests for exposure in request["exposures"]]
    return agent.prompts(
        shown_titles([e["history"] for e in exposures], [e["candidate"] for e in exposures])
    )


async def _saturated(url: str, requests: list[Request], clients: int, seconds: float) -> Heard:
    """Clients that each send the next request as soon as they have an answer.

    Answers count that come within the time, and it begins when the service is under load already:
    so what is under way at its end makes up for what was at its beginning.
    """
    heard = Heard([], 0, 0, seconds)
    number = count()
    begin = time.perf_counter() + _RAMP
    end = begin + seconds

    async def one() -> None:
        async with _connection(url) as ask:
            while time.perf_counter() < end:
                await _send(ask, requests[next(number) % len(requests)], heard, (begin, end))

    await asyncio.gather(*(one() for _ in range(clients)))
    return heard


async def _at_a_rate(url: str, requests: list[Request], rate: float, seconds: float) -> Heard:
    """Requests that come whether or not the ones before are answered, each on a new connection."""
    heard = Heard([], 0, 0, seconds)
    pauses = np.random.default_rng(1).exponential(1 / rate, size=int(rate * seconds))

    async def one(request: Request) -> None:
        async with _connection(url) as ask:
            await _send(ask, request, heard, (0.0, np.inf))

    async with asyncio.TaskGroup() as group:
        for number, pause in enumerate(pauses):
            await asyncio.sleep(pause)
            group.create_task(one(requests[number % len(requests)]))
    return heard


async def _send(ask: Ask, request: Request, heard: Heard, counted: tuple[float, float]) -> None:
    start = time.perf_counter()
    status, answer = await ask(json.dumps(request).encode())
    now = time.perf_counter()
    if status == 503:
        heard.refused += 1
        await asyncio.sleep(1)
        return
    rows = len(request["exposures"])
    if status != 200 or answer.count(b'"source":"agent"') != rows:
        raise SystemExit(f"{status}: {answer[:500].decode()}")
    if counted[0] <= now <= counted[1]:
        heard.seconds.append(now - start)
        heard.rows += rows


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Ask]:
    """A connection kept open, by hand: a general client costs more than the service it measures."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    async def ask(body: bytes) -> tuple[int, bytes]:
        head = f"POST /v1/clicks HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answered = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answered.lower())
        assert length
        return int(answered.split(b" ", 2)[1]), await reader.readexactly(int(length.group(1)))

    try:
        yield ask
    finally:
        writer.close()
        await writer.wait_closed()


@contextmanager
def _service(asked: argparse.Namespace) -> Iterator[str]:
    """The address of a service of its own."""
    options = {
        "--model": asked.model,
        "--engine": asked.engine,
        "--template": _TEMPLATE,
        "--batch-rows": str(asked.batch_rows),
        "--max-rows": str(min(asked.rows, asked.batch_rows)),
        "--cache": "none",
        "--port": "0",
    }
    command = [sys.executable, "-c", "from simulator.cli import main; main()", "serve"]
    with subprocess.Popen(
        [*command, *(word for pair in options.items() for word in pair)],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            yield _address(iter(process.stderr))
        finally:
            process.terminate()
            process.communicate()


def _address(lines: Iterator[str]) -> str:
    said = []
    for line in lines:
        said.append(line)
        if found := re.search(r"http://[^\s;]+", line):
            return found.group()
    raise SystemExit("".join(said))


if __name__ == "__main__":
    main()
