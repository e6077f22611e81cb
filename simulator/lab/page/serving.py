"""From a workbench to an open page, and its orderly end."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from threading import Thread

import uvicorn

from simulator.errors import ConfigError
from simulator.lab.page.app import create_app
from simulator.lab.page.workbench import Workbench
from simulator.service.serving import bind
from simulator.service.signals import signals_to

HOST = "127.0.0.1"
"""The page reads and writes files and spends a model's time, so it is for this machine alone."""
_FAREWELL = 5
"""Seconds that requests under way have at the end."""


def bind_loopback(port: int) -> socket.socket:
    """A socket on the loopback; port 0 takes any that is free.

    Raises:
        ConfigError: If the port is taken.
    """
    try:
        return bind(HOST, port)
    except ConfigError as error:
        raise ConfigError(
            f"Cannot serve at port {port} of this machine ({error.__cause__}); pass --port with "
            "another one, 0 for any that is free."
        ) from error


def serve_page(
    workbench: Workbench,
    bound: socket.socket,
    *,
    say: Callable[[str], None],
    browse: Callable[[str], object] | None,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        workbench: Stays open.
        bound: From `bind_loopback`; closed at the end.
        say: Told the address.
        browse: Opens the address; None leaves that to the reader.
    """
    port = bound.getsockname()[1]
    token = secrets.token_urlsafe(24)
    # After the `#`, where it is in no request line, log or referrer.
    address = f"http://{HOST}:{port}/#{token}"

    def listening() -> None:
        say(f"{workbench.file.place} is open for writing; Ctrl-C ends it")
        say(address)
        if browse is not None:
            # Some browsers are waited for until they are closed.
            Thread(target=browse, args=(address,), daemon=True).start()

    server = _Server(create_app(workbench, port, token), listening)
    with signals_to(server.handle_exit):
        server.run([bound])


class _Server(uvicorn.Server):
    """A server that tells when it listens."""

    def __init__(self, app: object, listening: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,  # type: ignore[arg-type]  # an ASGI application, by another name
                lifespan="off",
                ws="none",
                access_log=False,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_FAREWELL,
            )
        )
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell so."""
        await super().startup(sockets)
        self._listening()
