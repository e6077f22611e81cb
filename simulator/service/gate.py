"""The gate before the service: who may enter, with how large a body, and what is counted."""

from __future__ import annotations

import asyncio
import hmac
import time
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.service.desk import Desk
from simulator.service.faults import SOON, ServiceFault
from simulator.service.waiting import closing_fault

PROBES = frozenset({"/healthz", "/readyz"})
"""Open to everybody, at all times."""
PATHS = PROBES | {"/v1/clicks", "/v1/probabilities", "/metrics", "/openapi.json"}
_READ_ON = 4
"""So many times the largest body is read and thrown away, so that its sender hears the answer."""


class Gate:
    """An ASGI application around another: lets requests through, or answers why not.

    The body is read here, whole and no further than the limit, whatever the request claims about
    its length.

    Args:
        app: What is behind the gate.
        desk: Whose limits, meters and closing time hold.
        token: What callers must bring, except for probes; None lets everybody in.
    """

    def __init__(self, app: ASGIApp, desk: Desk, token: str | None) -> None:
        self._app = app
        self._desk = desk
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        began = time.perf_counter()
        path = str(scope["path"])
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._under_way += 1
        try:
            await self._app(scope, await self._admit(scope, receive), send_and_note)
        except ServiceFault as fault:
            await fault.response()(scope, receive, send_and_note)
        finally:
            self._under_way -= 1
            endpoint = path if path in PATHS else "other"
            self._desk.meters.request(endpoint, status, time.perf_counter() - began)

    async def _admit(self, scope: Scope, receive: Receive) -> Receive:
        """The request's messages with its body read.

        Raises:
            ServiceFault: If it may not enter.
        """
        if scope["path"] in PROBES:
            return receive
        headers = dict(scope["headers"])
        if self._expected is not None and not hmac.compare_digest(
            headers.get(b"authorization", b""), self._expected
        ):
            raise ServiceFault(
                401,
                "Unauthorized",
                "This service asks for a token; send it as `Authorization: Bearer ...`. It is what "
                "NUDGESIM_SERVE_TOKEN was when the service was started.",
                {"WWW-Authenticate": "Bearer"},
            )
        if self._desk.closing:
            raise closing_fault()
        limits = self._desk.limits
        if self._under_way > limits.requests:
            raise ServiceFault(
                503,
                "Full",
                f"{limits.requests:,} requests are under way already; come again after Retry-After "
                "seconds, and put more exposures into one request.",
                SOON,
            )
        try:
            async with asyncio.timeout(limits.seconds):
                body = await _read(receive, limits.body_bytes)
        except TimeoutError:
            raise ServiceFault(
                408, "SlowBody", f"The body did not arrive within {limits.seconds:g} seconds."
            ) from None
        return _replayed(body, receive)


async def _read(receive: Receive, most: int) -> Message:
    """The whole body as one message.

    Raises:
        ServiceFault: If it is too long; the rest of it is read and thrown away, up to a bound,
            since few clients look for an answer before they have sent all.
    """
    parts: list[bytes] = []
    length = 0
    while length <= _READ_ON * most:
        message = await receive()
        if message["type"] != "http.request":
            return message
        length += len(message.get("body", b""))
        if length > most:
            parts.clear()
        else:
            parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    if length > most:
        raise ServiceFault(
            413,
            "BodyTooLarge",
            f"The body is longer than {most:,} bytes; split it into several requests.",
            {"Connection": "close"},
        )
    return {"type": "http.request", "body": b"".join(parts), "more_body": False}


def _replayed(body: Message, receive: Receive) -> Receive:
    """Messages that begin with a body that has been read."""
    first = [body]

    async def next_message() -> Message:
        return first.pop() if first else await receive()

    return next_message
