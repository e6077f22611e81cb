"""Who may enter, and with how much."""

from __future__ import annotations

import socket

import pytest
from http_service import GatedEngine, agent_of, films, service

from simulator.engines import ScriptedEngine
from simulator.errors import ConfigError
from simulator.service import Limits, bind, read_token

SECRET = "s3cret-0123456789"


def test_a_token_is_asked_of_all_but_probes():
    with service(agent_of(ScriptedEngine(0.5)), token=SECRET) as (client, _):
        assert client.post("/v1/clicks", json=films("A")).status_code == 200
        for wrong in ("", "Bearer", "Bearer wrong", f"bearer {SECRET}x", f"Basic {SECRET}"):
            headers = {"Authorization": wrong}
            for method, path in (
                ("POST", "/v1/clicks"),
                ("POST", "/v1/probabilities"),
                ("GET", "/metrics"),
                ("GET", "/openapi.json"),
                ("GET", "/nowhere"),
            ):
                answer = client.request(method, path, headers=headers)
                assert answer.status_code == 401, path
                assert answer.headers["www-authenticate"] == "Bearer"
                assert SECRET not in answer.text
            assert client.get("/healthz", headers=headers).status_code == 200
            assert client.get("/readyz", headers=headers).status_code == 200


@pytest.mark.parametrize("claimed", [True, False])
def test_a_body_past_the_limit_is_refused_whatever_its_header_says(claimed):
    limits = Limits(body_bytes=10_000)
    engine = ScriptedEngine(0.5)
    with service(agent_of(engine), limits) as (client, _):
        body = b" " * 30_000
        answer = client.post("/v1/clicks", content=body if claimed else iter([body] * 3))
        huge = client.post("/v1/clicks", content=b" " * 1_000_000)
    for refused in (answer, huge):
        assert refused.status_code == 413
        assert refused.json()["error"]["type"] == "BodyTooLarge"
    assert not engine.prompts


def test_too_many_rows_are_refused():
    with service(agent_of(ScriptedEngine(0.5)), Limits(request_rows=3)) as (client, _):
        assert client.post("/v1/clicks", json=films(*"ABC")).status_code == 200
        refused = client.post("/v1/clicks", json=films(*"ABCD"))
    assert refused.status_code == 413
    assert "4 exposures, and 3 is the most" in refused.json()["error"]["message"]


def test_a_body_that_does_not_arrive_is_not_waited_for():
    with service(agent_of(ScriptedEngine(0.5)), Limits(seconds=0.2)) as (client, _):
        host, port = client.base_url.host, client.base_url.port
        with socket.create_connection((host, port), timeout=10) as caller:
            caller.sendall(
                b"POST /v1/clicks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000\r\n\r\n{"
            )
            assert b" 408 " in caller.recv(4_096)


def test_requests_under_way_are_bounded():
    engine = GatedEngine(0.5)
    with service(agent_of(engine), Limits(requests=1, seconds=5)) as (client, _):
        host, port = client.base_url.host, client.base_url.port
        with socket.create_connection((host, port), timeout=10) as caller:
            caller.sendall(b"POST /v1/clicks HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            assert client.get("/healthz").status_code == 200
            refused = client.post("/v1/clicks", json=films("A"))
        engine.gate.set()
    assert refused.status_code == 503
    assert refused.json()["error"]["type"] == "Full"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_token(host, monkeypatch):
    monkeypatch.delenv("NUDGESIM_SERVE_TOKEN", raising=False)
    assert read_token(host) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", ""])
def test_elsewhere_a_token_is_a_must(host, monkeypatch):
    monkeypatch.delenv("NUDGESIM_SERVE_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="set NUDGESIM_SERVE_TOKEN"):
        read_token(host)
    monkeypatch.setenv("NUDGESIM_SERVE_TOKEN", SECRET)
    assert read_token(host) == SECRET


@pytest.mark.parametrize("token", ["", "two words", "tök", "line\nbreak"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token, monkeypatch):
    monkeypatch.setenv("NUDGESIM_SERVE_TOKEN", token)
    with pytest.raises(ConfigError, match="letters, digits") as caught:
        read_token("127.0.0.1")
    assert not token or token not in str(caught.value)


def test_a_port_that_is_taken_is_told_before_any_model_is_loaded():
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(ConfigError, match="--port"):
            bind("127.0.0.1", taken.getsockname()[1])


def test_limits_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigError, match="must be above 0"):
        Limits(seconds=0)
    with pytest.raises(ConfigError, match="lower --max-rows"):
        Limits(request_rows=2_000)
