"""A real HTTP server on a loopback port that answers as a model server does, or misbehaves."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from simulator.engines import OpenAIServerEngine, Retrying
from simulator.interfaces import Prompt

Fault = Callable[[BaseHTTPRequestHandler], None]
Rule = Callable[[str, dict[str, Any]], "tuple[int, Any] | tuple[int, Any, dict[str, str]] | Fault"]

LABELS = ["yes", "no"]
PROMPTS = [Prompt("Watch it? ", "", f"film {k}") for k in range(12)]
BUSY = {"error": {"message": "busy"}}
CHAT = "/v1/chat/completions"
QUICK = Retrying(attempts=3, first_pause=0.001, timeout=0.5, patience=1.0)


class FakeServer:
    """Serves `rule(path, body) -> (status, answer[, headers])` and keeps what it was sent.

    A rule may return a function instead, which writes to the connection what it likes.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.models: Any = {"data": [{"id": "small"}, {"id": "large"}]}
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.keys: set[str | None] = set()
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._port = 0
        self.revive()
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def chats(self) -> list[dict[str, Any]]:
        return [body for path, body in self.posts if path == CHAT]

    def die(self) -> None:
        """Break all connections and listen no more, as a killed process does."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self.lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):  # the other side may have gone already
                connection.shutdown(socket.SHUT_RDWR)

    close = die

    def revive(self) -> None:
        """Listen on the port of the first life."""
        self._server = _Quiet(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A broken connection is what a test is about."""


def _handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with fake.lock:
                fake._open.add(self.connection)

        def finish(self) -> None:
            with fake.lock:
                fake._open.discard(self.connection)
            super().finish()

        def do_GET(self) -> None:
            if callable(fake.models):
                fake.models(self)
            else:
                self._send(200, fake.models)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with fake.lock:
                fake.posts.append((self.path, body))
                fake.keys.add(self.headers.get("Authorization"))
                fake.under_way += 1
                fake.most_under_way = max(fake.most_under_way, fake.under_way)
            try:
                answer = fake.rule(self.path, body)
                if callable(answer):
                    answer(self)
                else:
                    self._send(*answer)
            finally:
                with fake.lock:
                    fake.under_way -= 1

        def _send(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
            text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def half_a_body(handler: BaseHTTPRequestHandler) -> None:
    """Promise 1,000 bytes, send a few, close."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


def half_a_body_of_unknown_length(handler: BaseHTTPRequestHandler) -> None:
    """The same from a server that ends its answers by closing: the end looks like an end."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close without a word."""
    handler.close_connection = True


def silence(ended: threading.Event) -> Fault:
    """Answer nothing until the test is over."""

    def wait(handler: BaseHTTPRequestHandler) -> None:
        ended.wait(10)
        handler.close_connection = True

    return wait


def trickle(ended: threading.Event) -> Fault:
    """A byte now and then, without end."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not ended.wait(0.02):
            handler.wfile.write(b" ")

    return write


def chat_answer(tokens: dict[str, float], text: str = "yes") -> tuple[int, Any]:
    listed = [{"token": token, "logprob": math.log(p)} for token, p in tokens.items()]
    choice = {"message": {"content": text}, "logprobs": {"content": [{"top_logprobs": listed}]}}
    usage = {"prompt_tokens": 11, "completion_tokens": 1}
    usage["prompt_tokens_details"] = {"cached_tokens": 8}
    return 200, {"choices": [choice], "usage": usage}


def polite(path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """A plain OpenAI-compatible server: chat completions and nothing of vLLM's."""
    if path != CHAT:
        return 404, {"error": {"message": "no such endpoint"}}
    likes = "Alien" in body["messages"][0]["content"].rsplit(" ", 1)[-1]
    yes = 0.6 if likes else 0.1
    return chat_answer({"yes": yes / 2, " yes": yes / 2, "no": 0.2, "maybe": 0.05})


def misbehaving(times: int, *answers: Any) -> Rule:
    """The first `times` answers to each prompt come from `answers`, then all is well."""
    seen: dict[str, int] = {}
    lock = threading.Lock()

    def rule(path: str, body: dict[str, Any]) -> Any:
        if path != CHAT:
            return polite(path, body)
        text = body["messages"][0]["content"]
        with lock:
            count = seen[text] = seen.get(text, 0) + 1
        return answers[(count - 1) % len(answers)] if count <= times else polite(path, body)

    return rule


@contextmanager
def fake_servers() -> Iterator[Callable[[Rule], FakeServer]]:
    """Starts servers, and ends them."""
    servers: list[FakeServer] = []

    def start(rule: Rule) -> FakeServer:
        servers.append(FakeServer(rule))
        return servers[-1]

    try:
        yield start
    finally:
        for server in servers:
            server.close()


@contextmanager
def engines_at() -> Iterator[Callable[..., OpenAIServerEngine]]:
    """Opens engines that ask fake servers, and closes them."""
    engines: list[OpenAIServerEngine] = []

    def start(*servers: FakeServer, retrying: Retrying = QUICK, **options: Any):
        engines.append(OpenAIServerEngine([s.url for s in servers], retrying=retrying, **options))
        return engines[-1]

    try:
        yield start
    finally:
        for engine in engines:
            engine.close()


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
