"""A uvicorn server that says when it listens and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn


class QuietServer(uvicorn.Server):
    """Serves an application on sockets that are bound already.

    Args:
        app: An ASGI application.
        listening: Called as soon as requests are taken.
        farewell: Seconds that open requests have when the server is told to end.
        keep_alive: Seconds that an idle connection is kept.
    """

    def __init__(
        self, app: object, listening: Callable[[], None], *, farewell: int, keep_alive: int = 5
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,  # type: ignore[arg-type]  # an ASGI application, by another name
                lifespan="off",
                ws="none",
                access_log=False,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=keep_alive,
                timeout_graceful_shutdown=farewell,
            )
        )
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell so."""
        await super().startup(sockets)
        self._listening()
