"""Who may drive the page: the tab that the command opened, and no other web page.

A page from elsewhere can send requests to this machine. It is kept out four times over: by the Host
header (a foreign name that resolves to 127.0.0.1), by Origin and Sec-Fetch-Site, which browsers set
and pages cannot, and by a token that only the printed address has.
"""

from __future__ import annotations

import hmac
import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "X-Nudgesim-Token"
_MOST_BODY = 1_000_000
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Gate:
    """An ASGI application around another: lets the page's own requests through, and no other.

    Args:
        app: What is behind the gate.
        port: Where it is served on the loopback.
        token: What requests to `/api` must bring.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        refusal = self._refusal(str(scope["path"]), headers)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(k.lower().encode(), v.encode()) for k, v in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        if refusal:
            await _refuse(refusal, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _refusal(self, path: str, headers: dict[str, str]) -> str:
        """Why a request may not enter, or ""."""
        host = headers.get("host", "")
        if host not in self._hosts:
            return f"This page is served to this machine alone, not at {host!r}."
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            return "Another web page may not drive this one."
        if not path.startswith("/api/"):
            # Links may lead here: the files hold nothing that is not public.
            return ""
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return "Another web page may not drive this one."
        if not hmac.compare_digest(headers.get(TOKEN_HEADER.lower(), "").encode(), self._token):
            return "Open the address that `nudgesim prompts serve` printed, with its token."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _MOST_BODY or "transfer-encoding" in headers:
            return f"A request has {_MOST_BODY:,} bytes at most."
        return ""


async def _refuse(why: str, send: Send) -> None:
    body = json.dumps({"error": why}).encode()
    start = {
        "type": "http.response.start",
        "status": 403,
        "headers": [(b"content-type", b"application/json"), (b"connection", b"close")],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})
