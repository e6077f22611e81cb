"""The real service on a loopback port, in this process, over a scripted engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn

from prompts import load_template
from simulator.clicks import AgentClicks
from simulator.engines import ScriptedEngine
from simulator.interfaces import LabelProbabilities, Prompt
from simulator.service import Desk, Limits, bind, create_app
from simulator.service.limits import USUAL


@dataclass
class GatedEngine(ScriptedEngine):
    """Answers nothing until its gate opens, and keeps how many prompts it got at a time."""

    gate: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        self.batches.append(len(prompts))
        self.began.set()
        assert self.gate.wait(20)
        return super().label_probabilities(prompts, labels)


def agent_of(engine: ScriptedEngine, mode: str = "sample") -> AgentClicks:
    return AgentClicks(engine, load_template("movies/click-en"), mode=mode)


def films(*titles: str, history: Sequence[str] = ("Alien",)) -> dict[str, object]:
    return {"exposures": [{"history": list(history), "candidate": title} for title in titles]}


@contextmanager
def service(
    agent: AgentClicks, limits: Limits = USUAL, token: str | None = None
) -> Iterator[tuple[httpx.Client, Desk]]:
    """A client of a running service, and the service's desk."""
    bound = bind("127.0.0.1", 0)
    port = bound.getsockname()[1]
    with Desk(agent, limits) as desk:
        server = uvicorn.Server(
            uvicorn.Config(create_app(desk, token), lifespan="off", ws="none", log_level="critical")
        )
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            while not server.started:
                time.sleep(0.005)
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20, trust_env=False
            ) as client:
                yield client, desk
        finally:
            server.should_exit = True
            thread.join()
