"""One HTTP exchange, bounded in time and in size."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from simulator.keys import hide_bytes

_MOST_BYTES = 2**26


@dataclass(frozen=True)
class HttpAnswer:
    """What a server answered.

    Attributes:
        status: The HTTP status.
        body: As it came, decompressed, secrets hidden that a server says back.
        retry_after: The header of that name, or "".
    """

    status: int
    body: bytes
    retry_after: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the status says that all is well."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: If it is something else.
        """
        return json.loads(self.body)

    def message(self) -> str:
        """The server's own words, at most 200 characters."""
        try:
            body = self.json()
            error = body.get("error", body)
            text = str(error.get("message", error) if isinstance(error, dict) else error)
        except (ValueError, AttributeError):
            text = self.body.decode(errors="replace")
        return " ".join(text.split())[:200] or "(no message)"

    def asked_pause(self) -> float | None:
        """Seconds that the server asks to wait (given in seconds, or as a date), or None."""
        try:
            seconds = float(self.retry_after)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(self.retry_after).timestamp() - time.time()
            except ValueError:
                return None
        return max(seconds, 0.0) if seconds < float("inf") else None


def exchange(
    client: httpx.Client, method: str, url: str, *, seconds: float, json: Any = None
) -> HttpAnswer:
    """Send a request and read the whole answer.

    httpx bounds the wait for each piece of an answer, so a server that sends a byte now and then
    would never time out; here the answer as a whole has its time.

    Args:
        client: Keeps the connections; its own timeout bounds connecting and sending.
        method: "GET" or "POST".
        url: In full.
        seconds: For the whole answer; a server that falls silent may take twice as long.
        json: The request's body.

    Raises:
        httpx.RequestError: If the server cannot be reached, breaks off, sends what cannot be
            decompressed or too much of it, or is too slow.
    """
    deadline = time.monotonic() + seconds
    with client.stream(method, url, json=json) as response:
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer trickles", request=response.request)
            if len(body) > _MOST_BYTES:
                raise httpx.ReadError("the answer has no end", request=response.request)
        retry_after = response.headers.get("retry-after", "")
        return HttpAnswer(response.status_code, hide_bytes(bytes(body)), retry_after)
