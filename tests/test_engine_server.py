"""The server engine against a small loopback HTTP server: what it asks, and what it makes of it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from misbehaving_server import (
    CHAT,
    QUICK,
    chat_answer,
    misbehaving,
    polite,
)

from simulator.engines import Retrying, open_engine
from simulator.engines.live_servers import RequestFailedError
from simulator.engines.server_pool import ServerPool
from simulator.engines.vllm_dialects import vllm_dialect
from simulator.errors import EngineError, LabelError, UnknownNameError
from simulator.interfaces import Engine, Metered, Prompt

PROMPTS = [Prompt("Watch it? ", "You liked Aliens. ", title) for title in ("Alien", "Heat", "Ran")]


def test_probabilities_from_the_likeliest_tokens(serve, open_at):
    server = serve(polite)
    engine = open_at(server)
    answers = engine.label_probabilities(PROMPTS, ["yes", "no"])
    np.testing.assert_allclose(answers.probabilities[:, 0], [0.75, 1 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(answers.mass, [0.8, 0.3, 0.3], rtol=1e-6)
    assert answers.failure.tolist() == ["", "", ""]
    assert engine.generate(PROMPTS[:2], max_tokens=5) == ["yes", "yes"]
    assert server.chats[-1]["max_tokens"] == 5
    usage = engine.usage()
    assert (usage["decisions"], usage["prompt_tokens"], usage["cached_tokens"]) == (3, 55, 40)
    assert isinstance(engine, Engine)
    assert isinstance(engine, Metered)


def test_no_prompts_send_nothing(serve, open_at):
    server = serve(polite)
    engine = open_at(server)
    assert engine.label_probabilities([], ["yes", "no"]).probabilities.shape == (0, 2)
    assert engine.generate([], max_tokens=5) == []
    assert server.chats == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_retried(serve, open_at, status):
    server = serve(misbehaving(2, (status, {"error": {"message": "busy"}})))
    engine = open_at(server)
    answers = engine.label_probabilities(PROMPTS, ["yes", "no"])
    assert answers.failure.tolist() == ["", "", ""]
    assert engine.usage()["retries"] == 6
    assert len(server.chats) == 9


def test_a_lasting_failure_fails_its_row_alone(serve, open_at):
    def rule(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == CHAT and "Heat" in body["messages"][0]["content"]:
            return 500, {"error": {"message": "out of memory"}}
        return polite(path, body)

    engine = open_at(serve(rule))
    answers = engine.label_probabilities(PROMPTS, ["yes", "no"])
    assert answers.failure.tolist() == [
        "",
        "the server answered 500: out of memory (after 3 attempts)",
        "",
    ]
    assert np.isnan(answers.probabilities[1]).all()
    assert not np.isnan(answers.probabilities[[0, 2]]).any()
    assert engine.generate(PROMPTS, max_tokens=2) == ["yes", "", "yes"]
    assert engine.usage()["failures"] == 2


def test_a_bad_request_is_not_repeated(serve, open_at):
    server = serve(misbehaving(99, (400, {"error": {"message": "prompt too long"}})))
    engine = open_at(server)
    answers = engine.label_probabilities(PROMPTS[:1], ["yes", "no"])
    assert answers.failure[0] == "the server answered 400: prompt too long"
    assert len(server.chats) == 1


def test_a_slow_answer_times_out(serve, open_at):
    def slow(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == CHAT:
            time.sleep(0.3)
        return polite(path, body)

    retrying = Retrying(attempts=2, first_pause=0.001, timeout=0.1)
    engine = open_at(serve(slow), retrying=retrying)
    answers = engine.label_probabilities(PROMPTS[:1], ["yes", "no"])
    assert answers.failure[0] == "no answer within 0.1 s (after 2 attempts)"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"<html>proxy</html>", "not JSON"),
        ({"choices": []}, "cannot be read"),
        ({"choices": [{"message": {"content": "yes"}, "logprobs": None}]}, "no log-probabilities"),
    ],
)
def test_an_answer_of_another_shape_is_a_failure_with_its_reason(serve, open_at, answer, failure):
    engine = open_at(serve(misbehaving(99, (200, answer))))
    assert failure in engine.label_probabilities(PROMPTS[:1], ["yes", "no"]).failure[0]


def test_labels_missing_from_the_list_are_a_failure(serve, open_at):
    engine = open_at(serve(misbehaving(99, chat_answer({"Certainly": 0.9}))))
    answers = engine.label_probabilities(PROMPTS[:1], ["yes", "no"])
    assert answers.failure[0] == "the model gave no probability to any of the labels"
    with pytest.raises(LabelError):
        engine.label_probabilities(PROMPTS, ["yes", "yes"])


def test_requests_run_side_by_side_up_to_the_bound(serve, open_at):
    def slowish(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == CHAT:
            time.sleep(0.02)
        return polite(path, body)

    server = serve(slowish)
    engine = open_at(server, concurrency=4)
    engine.label_probabilities([Prompt("", "", f"film {k}") for k in range(24)], ["yes", "no"])
    assert 2 <= server.most_under_way <= 4


def test_the_key_comes_from_the_environment_only(serve, open_at, monkeypatch):
    monkeypatch.setenv("NUDGESIM_API_KEY", "first")
    monkeypatch.setenv("OPENAI_API_KEY", "second")
    server = serve(polite)
    engine = open_at(server)
    engine.label_probabilities(PROMPTS[:1], ["yes", "no"])
    assert server.keys == {"Bearer first"}


def test_a_refused_key_stops_at_once(serve, open_at):
    server = serve(misbehaving(99, (401, {"error": {"message": "bad key"}})))
    engine = open_at(server)
    with pytest.raises(EngineError, match="NUDGESIM_API_KEY"):
        engine.label_probabilities(PROMPTS[:1], ["yes", "no"])


def test_the_model_is_the_first_or_the_named_one(serve, open_at):
    server = serve(polite)
    for asked, found in ((None, "small"), ("large", "large")):
        engine = open_at(server, model=asked)
        assert engine.model == found
        assert server.url in engine.why
    with pytest.raises(UnknownNameError, match="Did you mean 'large'"):
        open_at(server, model="larg")


def test_an_unreachable_server_says_how_to_start_one():
    with pytest.raises(
        EngineError, match=r"No model at http://127\.0\.0\.1:9 \(connection failed"
    ) as error:
        open_engine("openai", urls=["http://127.0.0.1:9"])
    assert "vllm serve" in str(error.value)
    assert "--clicks distribution" in str(error.value)
    with pytest.raises(EngineError, match="No model at not a url"):
        open_engine("openai", urls=["not a url"])


def test_a_busy_server_is_not_taken_for_one_without_a_chat_template(
    serve: Any,
) -> None:
    server = serve(lambda path, body: (503, {"error": "starting"}))
    pool = ServerPool([server.url], concurrency=1, retrying=QUICK, key=None)
    with pytest.raises(RequestFailedError, match="503: starting"):
        vllm_dialect(pool, "small", 1024)
    pool.close()
