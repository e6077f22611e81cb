"""Servers that misbehave: every fault is got over, or is a failed row with its reason."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate
from typing import Any

import numpy as np
import pytest
from misbehaving_server import (
    BUSY,
    CHAT,
    PROMPTS,
    QUICK,
    ask,
    chat_answer,
    half_a_body,
    half_a_body_of_unknown_length,
    hang_up,
    misbehaving,
    polite,
    silence,
    trickle,
)

from prompts import load_template
from simulator.clicks import AgentClicks, DistributionClicks, Fallback
from simulator.engines import OpenAIServerEngine, Retrying
from simulator.errors import ConfigError, EngineError, FailureCeilingError
from simulator.interfaces import Prompt


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((429, BUSY), id="429"),
        pytest.param((429, BUSY, {"Retry-After": "0.05"}), id="429 for a moment"),
        pytest.param((429, BUSY, {"Retry-After": "soon"}), id="429 with an unreadable pause"),
        pytest.param((429, BUSY, {"Retry-After": formatdate(0)}), id="429 until a past date"),
        pytest.param((500, BUSY), id="500"),
        pytest.param((502, b"<html>Bad Gateway</html>"), id="502"),
        pytest.param((503, BUSY), id="503"),
        pytest.param((200, b"<html>proxy</html>"), id="no JSON"),
        pytest.param((200, b"\xff\xfe\x00"), id="no text"),
        pytest.param((200, b"{}", {"Content-Encoding": "gzip"}), id="not what it says it is"),
        pytest.param(half_a_body, id="half a body"),
        pytest.param(half_a_body_of_unknown_length, id="half a body of unknown length"),
        pytest.param(hang_up, id="hang up"),
    ],
)
def test_a_passing_fault_is_got_over(serve, open_at, answer):
    engine = open_at(serve(misbehaving(1, answer)), concurrency=4)
    assert set(ask(engine)) == {""}
    usage = engine.usage()
    assert (usage["decisions"], usage["failures"], usage["requests"]) == (12, 0, 12)
    assert usage["retries"] == 12


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ((500, BUSY), "the server answered 500: busy (after 3 attempts)"),
        ((400, BUSY), "the server answered 400: busy"),
        ((200, b"<html>proxy</html>"), "the server's answer is not JSON (after 3 attempts)"),
        ((200, []), "cannot be read"),
        ((200, "yes"), "cannot be read"),
        ((200, {"choices": []}), "cannot be read"),
        ((200, {"choices": ["yes"]}), "cannot be read"),
        ((200, {"choices": [{"logprobs": {"content": [{"top_logprobs": None}]}}]}), "be read"),
        (half_a_body, "peer closed connection without sending complete message body"),
        (hang_up, "Server disconnected without sending a response"),
    ],
)
def test_a_lasting_fault_is_a_failure_with_its_reason(serve, open_at, answer, failure):
    engine = open_at(serve(misbehaving(99, answer)))
    assert failure in ask(engine, PROMPTS[:1])[0]
    assert engine.usage()["failures"] == 1


@pytest.mark.parametrize("number", [None, float("nan"), "-0.5", 3.0, float("inf")])
def test_a_log_probability_that_is_none_is_a_failure(serve, open_at, number):
    status, answer = chat_answer({"yes": 0.5, "no": 0.25})
    answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"][0]["logprob"] = number
    engine = open_at(serve(misbehaving(99, (status, answer))))
    assert ask(engine, PROMPTS[:1]) == [f"the server gave {number!r} for a log-probability"]


def test_a_text_that_is_none_is_a_failure(serve, open_at):
    engine = open_at(serve(misbehaving(99, (200, {"choices": [{"message": {"content": 3}}]}))))
    assert engine.generate(PROMPTS[:2], max_tokens=3) == ["", ""]
    assert engine.usage()["failures"] == 2


@pytest.mark.parametrize("fault", [silence, trickle])
def test_an_answer_that_does_not_end_is_given_up(serve, open_at, ended, fault):
    retrying = Retrying(attempts=2, first_pause=0.001, timeout=0.1, patience=2)
    engine = open_at(serve(misbehaving(99, fault(ended))), retrying=retrying)
    began = time.monotonic()
    assert ask(engine, PROMPTS[:1]) == ["no answer within 0.1 s (after 2 attempts)"]
    assert time.monotonic() - began < 1.0


def test_a_server_is_left_alone_for_as_long_as_it_asks(serve, open_at):
    server = serve(misbehaving(1, (429, BUSY, {"Retry-After": "0.3"})))
    engine = open_at(server)
    began = time.monotonic()
    assert ask(engine, PROMPTS[:1]) == [""]
    assert time.monotonic() - began >= 0.3


def test_what_was_under_way_does_not_end_a_rest(serve, open_at):
    times: list[float] = []

    def rule(path: str, body: dict[str, Any]) -> Any:
        times.append(time.monotonic())
        if len(times) == 40:
            return 429, BUSY, {"Retry-After": "0.5"}
        time.sleep(0.02)
        return polite(path, body)

    engine = open_at(serve(rule), concurrency=8)
    assert set(ask(engine, [Prompt("", "", f"film {k}") for k in range(80)])) == {""}
    since = np.array(times) - times[39]
    assert len(times) == 81
    assert not ((since > 0.2) & (since < 0.45)).any()


def test_the_only_server_dies_in_the_middle_of_a_call_and_comes_back(serve, open_at):
    server = serve(polite)
    engine = open_at(server, retrying=Retrying(first_pause=0.02, patience=20), concurrency=4)
    restarted = threading.Event()

    def restart() -> None:
        server.die()
        time.sleep(0.2)
        server.revive()
        restarted.set()

    threading.Timer(0.05, restart).start()
    assert set(ask(engine, [Prompt("", "", f"film {k}") for k in range(300)])) == {""}
    assert restarted.is_set()
    assert engine.usage()["retries"] > 0


def test_all_servers_gone_is_waited_out_once_and_then_told_at_once(serve, open_at):
    first, second = serve(polite), serve(polite)
    engine = open_at(first, second, retrying=Retrying(first_pause=0.01, patience=0.4))
    first.die()
    second.die()
    began = time.monotonic()
    failures = ask(engine)
    assert 0.4 <= time.monotonic() - began < 2.0
    assert all("no server for 0.4 s" in text and first.url in text for text in failures)
    assert all("Connection refused" in text for text in failures)
    began = time.monotonic()
    assert "no server for 0.4 s" in ask(engine)[0]
    assert time.monotonic() - began < 0.4
    first.revive()
    time.sleep(0.7)  # its longest rest in this test
    assert set(ask(engine)) == {""}


def test_a_run_whose_server_is_gone_stops_at_its_ceiling(serve, open_at, data, vectors):
    server = serve(polite)
    engine = open_at(server, retrying=Retrying(first_pause=0.01, patience=0.1))
    agent = AgentClicks(engine, load_template("movies/click-en"), minimum_mass=0.2)
    clicks = Fallback(agent, DistributionClicks.preset("paper"), ceiling=0.05)
    shown = data.logged_exposures(np.arange(40)).with_vectors(vectors)
    assert (clicks.decide(shown).source == "agent").all()
    server.die()
    with pytest.raises(FailureCeilingError, match=r"most often: no server for 0.1 s .*goes on"):
        clicks.decide(shown)


@pytest.mark.parametrize("models", [{"data": []}, {"data": [3]}, [], {"object": "list"}, b"<html>"])
def test_a_server_that_lists_no_model_is_no_server(serve, open_at, models):
    server = serve(polite)
    server.models = models
    with pytest.raises(EngineError, match=f"No model at {server.url}"):
        open_at(server)


def test_a_password_in_a_url_is_refused():
    with pytest.raises(ConfigError, match="NUDGESIM_API_KEY") as error:
        OpenAIServerEngine("http://me:secret@localhost:8000", retrying=QUICK)
    assert "secret" not in str(error.value)


def test_settings_are_plain_and_hold_no_key(serve, open_at, monkeypatch):
    monkeypatch.setenv("NUDGESIM_API_KEY", "secret")
    server = serve(polite)
    engine = open_at(server)
    assert engine.settings["urls"] == [server.url]
    assert engine.settings["endpoint"] == CHAT
    assert engine.settings["concurrency"] == 64
    assert "secret" not in repr(engine.settings)
    assert (engine.precision, engine.revision) == ("", None)
