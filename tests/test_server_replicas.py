"""Several replicas behind one engine: who is asked, who is left out, who comes back."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from misbehaving_server import (
    BUSY,
    PROMPTS,
    FakeServer,
    ask,
    polite,
    silence,
    trickle,
    until,
)

from simulator.engines import Retrying
from simulator.errors import EngineError
from simulator.interfaces import Prompt


@pytest.mark.parametrize("fault", [silence, trickle])
def test_a_replica_that_hangs_is_passed_over(serve, open_at, ended, fault):
    well, hanging = serve(polite), serve(polite)
    engine = open_at(well, hanging, retrying=Retrying(first_pause=5.0, timeout=0.5), concurrency=4)
    hanging.rule = lambda path, body: fault(ended)
    assert set(ask(engine)) == {""}
    assert len(hanging.chats) <= 2  # what it had under way; it rests from then on


def test_a_busy_replica_hands_over_at_once(serve, open_at):
    busy = serve(lambda path, body: (429, BUSY, {"Retry-After": "20"}))
    engine = open_at(busy, serve(polite), concurrency=4)
    began = time.monotonic()
    assert set(ask(engine)) == {""}
    assert time.monotonic() - began < 2.0
    assert len(busy.chats) <= 2


def test_a_replica_that_dies_in_the_middle_of_a_call_and_comes_back(serve, open_at):
    lasting, dying = serve(polite), serve(polite)
    engine = open_at(lasting, dying, concurrency=4)
    many = [Prompt("", "", f"film {k}") for k in range(300)]
    threading.Timer(0.05, dying.die).start()
    assert set(ask(engine, many)) == {""}
    before = len(dying.chats)
    assert 0 < before < 150
    dying.revive()
    until(lambda: len(dying.chats) > before + 50, engine, many)


def test_a_dead_replica_at_the_start_is_said_and_may_come_later(serve, open_at):
    well, late = serve(polite), serve(polite)
    late.die()
    engine = open_at(well, late, concurrency=4)
    assert f"Not there yet: {late.url} (connection failed" in engine.why
    assert set(ask(engine)) == {""}
    late.revive()
    until(lambda: len(late.chats) > 20, engine, PROMPTS)


def listing(name: str, window: int) -> dict[str, Any]:
    return {"data": [{"id": name, "max_model_len": window, "root": "owner/" + name}]}


def test_servers_of_different_models_are_refused(serve, open_at):
    first, second = serve(polite), serve(polite)
    first.models, second.models = listing("small", 512), listing("large", 512)
    with pytest.raises(EngineError, match=r"'small' with a window of 512 .*'large'") as error:
        open_at(first, second)
    assert first.url in str(error.value)
    assert second.url in str(error.value)
    second.models = listing("small", 1024)
    with pytest.raises(EngineError, match=r"window of 512 tokens.*window of 1024 tokens"):
        open_at(first, second)
    second.models = first.models
    assert open_at(first, second).revision == "owner/small"


def test_a_replica_that_comes_back_with_another_model_is_left_out(serve, open_at):
    well, changed = serve(polite), serve(polite)
    engine = open_at(well, changed, concurrency=4)
    changed.die()
    assert set(ask(engine)) == {""}
    changed.models = listing("other", 64)
    changed.revive()
    time.sleep(0.1)
    before = len(changed.chats)
    assert set(ask(engine)) == {""}
    assert len(changed.chats) == before


def test_requests_are_shared_out_evenly(serve, open_at):
    first, second = serve(polite), serve(polite)
    engine = open_at(first, second)
    assert set(ask(engine, [Prompt("", "", f"film {k}") for k in range(100)])) == {""}
    assert abs(len(first.chats) - len(second.chats)) <= 10
    usage = engine.usage()
    counts = [usage[f"requests at {server.url}"] for server in (first, second)]
    assert sum(counts) == usage["requests"] + usage["retries"]


def test_a_user_stays_with_a_server_unless_it_is_full(serve, open_at):
    def slowish(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        time.sleep(0.002)
        return polite(path, body)

    servers = [serve(slowish) for _ in range(3)]
    engine = open_at(*servers, concurrency=24)
    prompts = [Prompt("", f"user {user}.", f"film {k}") for user in range(120) for k in range(5)]
    np.random.default_rng(0).shuffle(prompts)  # type: ignore[arg-type]
    assert set(ask(engine, prompts)) == {""}
    together = sum(max(_of_user(server, user) for server in servers) for user in range(120))
    assert together > 0.8 * len(prompts)  # by chance it were about half
    loads = [len(server.chats) for server in servers]
    assert max(loads) < 1.5 * min(loads)


def _of_user(server: FakeServer, user: int) -> int:
    return sum(f"user {user}." in chat["messages"][0]["content"] for chat in server.chats)


def test_prompts_that_begin_alike_are_asked_one_after_the_other(serve, open_at):
    server = serve(polite)
    engine = open_at(server, concurrency=1)
    prompts = [Prompt("s ", f"user {k % 3} ", f"film {k}") for k in range(12)]
    assert set(ask(engine, prompts)) == {""}
    users = [chat["messages"][0]["content"].split()[2] for chat in server.chats]
    assert users == sorted(users)
