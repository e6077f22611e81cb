"""Servers that misbehave: every fault is got over, or is a failed row with its reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import numpy as np
import pytest
from misbehaving_server import (
    CHAT,
    QUICK,
    FakeServer,
    chat_answer,
    engines_at,
    fake_servers,
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
from simulator.errors import EngineError, FailureCeilingError
from simulator.interfaces import Prompt

LABELS = ["yes", "no"]
PROMPTS = [Prompt("Watch it? ", "", f"film {k}") for k in range(12)]
BUSY = {"error": {"message": "busy"}}


@pytest.fixture
def serve():
    with fake_servers() as start:
        yield start


@pytest.fixture
def open_at():
    with engines_at() as start:
        yield start


@pytest.fixture
def ended():
    """Lets go of the servers that wait."""
    event = threading.Event()
    yield event
    event.set()


def ask(engine: OpenAIServerEngine, prompts: list[Prompt] = PROMPTS) -> list[str]:
    """The rows' failures; whatever happens, a row has an answer or a failure."""
    answers = engine.label_probabilities(prompts, LABELS)
    answered = answers.failure == ""
    assert len(answers.failure) == len(prompts)
    assert (np.isnan(answers.probabilities).all(axis=1) == ~answered).all()
    np.testing.assert_allclose(answers.probabilities[answered, 0], 1 / 3, rtol=1e-6)
    return answers.failure.tolist()


def until(done: Callable[[], bool], engine: OpenAIServerEngine, prompts: list[Prompt]) -> None:
    """Go on asking, without a failure, until something has come about."""
    began = time.monotonic()
    while not done():
        assert set(ask(engine, prompts)) == {""}
        assert time.monotonic() - began < 10


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


@pytest.mark.parametrize("fault", [silence, trickle])
def test_a_replica_that_hangs_is_passed_over(serve, open_at, ended, fault):
    well, hanging = serve(polite), serve(polite)
    engine = open_at(well, hanging, retrying=Retrying(first_pause=5.0, timeout=0.5), concurrency=4)
    hanging.rule = lambda path, body: fault(ended)
    assert set(ask(engine)) == {""}
    assert len(hanging.chats) <= 2  # what it had under way; it rests from then on


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


@pytest.mark.parametrize("models", [{"data": []}, {"data": [3]}, [], {"object": "list"}, b"<html>"])
def test_a_server_that_lists_no_model_is_no_server(serve, open_at, models):
    server = serve(polite)
    server.models = models
    with pytest.raises(EngineError, match=f"No model at {server.url}"):
        open_at(server)


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


def test_a_password_in_a_url_is_refused():
    with pytest.raises(EngineError, match="NUDGESIM_API_KEY") as error:
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
