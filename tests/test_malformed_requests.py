"""Malformed requests: the service answers each in words, below 500, and goes on serving."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from http_service import agent_of, films, service
from hypothesis import given
from hypothesis import strategies as st
from malformed_mutations import ANYWHERE, IN_TEXT
from malformed_values import edited, edits, examples, values

from simulator.engines import ScriptedEngine

VALID = json.dumps({**films("Solaris", "Heat"), "seed": 7}, indent=1).encode() + b"\n"
TYPES = (
    "application/json; charset=utf-16", "application/json, text/plain", "text/plain", "",
    "application/x-www-form-urlencoded", "multipart/form-data", "application/xml",
    "\u00e9".encode(),
)  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with service(agent_of(ScriptedEngine(0.5))) as (started, _):
        yield started


def answered(client: httpx.Client, content: bytes, kind: str | bytes = "application/json") -> int:
    """The status of an answer that is either decisions or one fault in words."""
    answer = client.post("/v1/clicks", content=content, headers={"Content-Type": kind})
    body = answer.json()
    if answer.status_code == 200:
        assert len(body["decisions"]) > 0
    else:
        assert answer.status_code < 500, body
        assert set(body["error"]) == {"type", "message"}
        assert 0 < len(body["error"]["message"]) < 2_000
    return answer.status_code


@pytest.mark.parametrize("spoil", {**ANYWHERE, **IN_TEXT}.items(), ids=lambda pair: pair[0])
def test_a_malformed_body_is_answered_in_words(client: httpx.Client, spoil) -> None:
    assert answered(client, spoil[1](VALID)) in (200, 400, 413, 422)


@pytest.mark.parametrize("kind", TYPES)
def test_other_kinds_of_content_are_answered_in_words(client: httpx.Client, kind) -> None:
    assert answered(client, VALID, kind) in (200, 422)


@examples(150)
@given(changes=edits)
def test_an_edited_body_is_answered_in_words(client: httpx.Client, changes) -> None:
    assert answered(client, edited(VALID, changes))


@examples(150)
@given(key=st.sampled_from(["exposures", "seed", "history", "candidate", "draw"]), value=values)
def test_any_value_of_any_field_is_answered_in_words(client: httpx.Client, key, value) -> None:
    body = {**films("Solaris"), "seed": 7}
    (body if key in body else body["exposures"][0])[key] = value
    assert answered(client, json.dumps(body).encode())


def test_it_serves_on(client: httpx.Client) -> None:
    assert answered(client, VALID) == 200
