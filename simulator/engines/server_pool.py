"""HTTP requests to one or several servers of one model: in parallel, retried, bounded in time."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from simulator.engines.http_exchange import HttpAnswer, exchange
from simulator.engines.live_servers import LONGEST_PAUSE, LiveServers, RequestFailedError, Server
from simulator.engines.model_listing import MODELS, AbsentModelError, ListedModel
from simulator.errors import EngineError, UnknownNameError
from simulator.keys import check_url, hide

BUSY = frozenset({429})
AWAY = frozenset({502, 503, 504})
PASSING = frozenset({408, 425, 500})
_KEY_REFUSED = frozenset({401, 403})
_LONGEST_LOOK = 5.0
_LONGEST_CONNECT = 10.0

Row = TypeVar("Row")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Retrying:
    """How often and how patiently a request is tried again.

    What is wrong with the server does not count against the request: one that cannot be connected
    to, or stands behind a gateway that says so (502, 503, 504), is dropped and tried again after a
    pause, one that has no time (429) rests as long as it asks, and the request goes elsewhere at
    once. What may be the request's own doing counts: a connection that breaks in the middle of an
    answer, no answer in time, 500, something that is not JSON.

    With every server gone, requests wait for one to come back, as it does after a restart. A wait
    of more than `patience` means that somebody has to look, so from then on rows fail at once,
    with the reason, until a server answers again. A run then passes its failure ceiling within
    seconds and stops, to go on by the same command, rather than wait for hours or let the fallback
    play the agent's part.

    Attributes:
        attempts: In all, at least 1.
        first_pause: Seconds; the pause before attempt k + 1 at the same server is drawn evenly
            from 0 to first_pause * 2**k, so that many clients do not come back at once. A server's
            own first rest is as long.
        timeout: Seconds for one attempt.
        patience: Seconds to wait when there is no server at all.
    """

    attempts: int = 5
    first_pause: float = 0.5
    timeout: float = 120.0
    patience: float = 600.0


@dataclass(frozen=True)
class _Trouble:
    """Why an attempt brought no answer, and whether it counts against the request."""

    failure: str
    counts: bool


class ServerPool:
    """Sends requests to servers of one model.

    Args:
        urls: Base URLs, with or without a final `/v1`, at least one.
        concurrency: Requests under way at once, over all servers.
        retrying: When to give up.
        key: Sent as a bearer token; None for none.
        model: The name it is served under; the first that a server lists by default.

    Attributes:
        urls: The base URLs.
        served: The model.
        absent: Why a server could not be used at the start, by URL; it may come later.
        retries: HTTP attempts after the first, so far.

    Raises:
        EngineError: If no server can be used, two serve different models, or one refuses the key.
        UnknownNameError: If a server does not serve the model.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        concurrency: int,
        retrying: Retrying,
        key: str | None,
        model: str | None = None,
    ) -> None:
        self.urls = list(dict.fromkeys(_base(url) for url in urls))
        self.retries = 0
        self._retrying = retrying
        self._lock = threading.Lock()
        self._random = random.Random()
        connections = concurrency * len(self.urls)
        self._client = httpx.Client(
            timeout=httpx.Timeout(
                retrying.timeout, connect=min(retrying.timeout, _LONGEST_CONNECT)
            ),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )
        self._live = LiveServers(
            self.urls,
            concurrency=concurrency,
            first_pause=retrying.first_pause,
            patience=retrying.patience,
            look=self._look,
        )
        try:
            self.served, self.absent = self._meet(model)
        except BaseException:
            self._client.close()
            raise
        for server in self._live.servers:
            if server.url in self.absent:
                self._live.put_off(server, self.absent[server.url], drop=True)
        self._workers = ThreadPoolExecutor(concurrency, thread_name_prefix="model-server")

    def map(self, ask: Callable[[Row], Answer], rows: Iterable[Row]) -> list[Answer]:
        """`ask` of every row, in parallel, in order."""
        return list(self._workers.map(ask, rows))

    def probe(self, path: str, body: dict[str, Any]) -> HttpAnswer:
        """One attempt at the first live server, whatever it answers.

        Raises:
            RequestFailedError: If it cannot be reached.
        """
        url = next(url for url in self.urls if url not in self.absent)
        try:
            return self._send(url + path, body)
        except httpx.RequestError as error:
            raise RequestFailedError(_failure(error, self._retrying.timeout)) from error

    def post(self, path: str, body: dict[str, Any], *, user: str = "") -> Any:
        """The JSON answer to a request, tried again where that can help.

        Args:
            path: Of the endpoint.
            body: JSON.
            user: The user's part of the prompt, which draws requests of one user to one server.

        Raises:
            RequestFailedError: If there was none.
            EngineError: If the key was refused, which no retry and no other row can mend.
        """
        counted, again, avoided = 0, False, None
        while True:
            with self._live.lend(user, avoided) as server:
                if again:
                    with self._lock:
                        self.retries += 1
                answer = self._attempt(server, path, body)
            if not isinstance(answer, _Trouble):
                return answer
            again, avoided = True, server
            counted += answer.counts
            if counted >= self._retrying.attempts:
                raise RequestFailedError(f"{answer.failure} (after {counted} attempts)")
            if answer.counts and not self._live.has_other(server):
                self._live.sleep(self._pause(counted))

    def requests(self) -> Mapping[str, int]:
        """HTTP requests sent to each server, by URL."""
        return {server.url: server.requests for server in self._live.servers}

    def close(self) -> None:
        """Close the connections."""
        self._live.close()
        self._workers.shutdown(cancel_futures=True)
        self._client.close()

    def _attempt(self, server: Server, path: str, body: dict[str, Any]) -> Any:
        """The JSON answer, or a _Trouble."""
        try:
            answer = self._send(server.url + path, body)
        except httpx.RequestError as error:
            failure = _failure(error, self._retrying.timeout)
            self._live.put_off(server, failure, drop=True)
            unreached = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            return _Trouble(failure, counts=not unreached)
        failure = f"the server answered {answer.status}: {answer.message()}"
        if answer.status in BUSY | AWAY:
            away = answer.status in AWAY
            self._live.put_off(server, failure, drop=away, seconds=answer.asked_pause())
            return _Trouble(failure, counts=False)
        if answer.status in PASSING:
            return _Trouble(failure, counts=True)
        if answer.status in _KEY_REFUSED:
            raise EngineError(
                f"{server.url} refused the key: {answer.message()} "
                "Set NUDGESIM_API_KEY (or OPENAI_API_KEY) to a valid one."
            )
        if not answer.is_success:
            self._live.answered(server)
            raise RequestFailedError(failure)
        try:
            parsed = answer.json()
        except ValueError:
            return _Trouble("the server's answer is not JSON", counts=True)
        self._live.answered(server)
        return parsed

    def _send(self, url: str, body: dict[str, Any]) -> HttpAnswer:
        return exchange(self._client, "POST", url, seconds=self._retrying.timeout, json=body)

    def _meet(self, model: str | None) -> tuple[ListedModel, dict[str, str]]:
        """The model that all servers at hand serve, and why the others are not at hand."""
        found: dict[str, ListedModel] = {}
        absent: dict[str, str] = {}
        for url in self.urls:
            try:
                found[url] = self._listed(url, model)
            except AbsentModelError as error:
                absent[url] = str(error)
        if not found:
            url = self.urls[0]
            raise EngineError(
                f"No model at {', '.join(absent)} ({absent[url]}). Start one with "
                "`vllm serve ...`, or pass `--clicks distribution`."
            )
        first, served = next(iter(found.items()))
        for url, other in found.items():
            served.require_same(other, first, url)
        return served, absent

    def _look(self, url: str) -> str:
        """Why a server cannot be used, or ""; it may come back with another model."""
        try:
            served = self._listed(url, self.served.name)
            self.served.require_same(served, "this run", url)
        except (AbsentModelError, EngineError, UnknownNameError) as error:
            return str(error)
        return ""

    def _listed(self, url: str, model: str | None) -> ListedModel:
        seconds = min(self._retrying.timeout, _LONGEST_LOOK)
        try:
            answer = exchange(self._client, "GET", url + MODELS, seconds=seconds)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise AbsentModelError(_failure(error, seconds)) from error
        return ListedModel.read(answer, url, model)

    def _pause(self, counted: int) -> float:
        longest = min(self._retrying.first_pause * 2.0 ** (counted - 1), LONGEST_PAUSE)
        with self._lock:
            return self._random.uniform(0.0, longest)


def _failure(error: Exception, seconds: float) -> str:
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return f"no answer within {seconds:g} s"
    return hide(f"connection failed: {error}")


def _base(url: str) -> str:
    return check_url(url).rstrip("/").removesuffix("/v1")
