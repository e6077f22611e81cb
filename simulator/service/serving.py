"""From an agent and an address to a running service, and its orderly end."""

from __future__ import annotations

import ipaddress
import math
import os
import socket
import sys
from collections.abc import Callable
from types import FrameType

from simulator.clicks import AgentClicks
from simulator.errors import ConfigError
from simulator.service.app import create_app
from simulator.service.desk import Desk
from simulator.service.limits import USUAL, Limits
from simulator.service.server import QuietServer
from simulator.service.signals import signals_to

TOKEN = "NUDGESIM_SERVE_TOKEN"
"""The environment variable with the token; no option, since those can be seen by others."""
_KEPT_ALIVE = 75
"""Seconds that an idle connection is kept, longer than most clients and proxies keep theirs."""


_TURN = 0.0005
"""Seconds for which one thread may keep the interpreter from another that wants it.

The engine's thread lets go of it for each operation on tensors. With Python's own 5 ms it would
wait that long to get it back, whenever a request is being read: a sixth of all its time, measured
with the pocket agent.
"""


def read_token(host: str) -> str | None:
    """The token that callers must bring, from the environment; None where anybody may call.

    Raises:
        ConfigError: If it is missing and the address can be reached from other machines, or if it
            cannot stand in an HTTP header.
    """
    token = os.environ.get(TOKEN)
    if token is None:
        if _is_loopback(host):
            return None
        raise ConfigError(
            f"{host} can be reached from other machines, and anybody could spend this model's "
            f"time: set {TOKEN} to a secret ({TOKEN}=$(openssl rand -hex 32)) and give it to your "
            "callers, or leave --host at 127.0.0.1."
        )
    if not token or not all("!" <= character <= "~" for character in token):
        raise ConfigError(
            f"{TOKEN} is empty, or has blanks or letters that no HTTP header can carry; use "
            "letters, digits and punctuation of ASCII (openssl rand -hex 32), or unset it."
        )
    return token


def bind(host: str, port: int) -> socket.socket:
    """A socket at this address, taken but not yet listening; port 0 takes any that is free.

    Raises:
        ConfigError: If the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"Cannot serve at {host} port {port} ({error}); pass --port with another one, 0 for "
            "any that is free, and --host with an address of this machine."
        ) from error
    return bound


def serve(
    agent: AgentClicks,
    bound: socket.socket,
    *,
    say: Callable[[str], None],
    limits: Limits = USUAL,
    token: str | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; then answer every accepted request, and return.

    Args:
        agent: Stays open.
        bound: From `bind`; closed at the end.
        say: Told where the service is and how it ended.
        limits: What it takes at most.
        token: From `read_token`.
    """
    host, port = bound.getsockname()[:2]
    sys.setswitchinterval(_TURN)
    with Desk(agent, limits) as desk:
        place = f"[{host}]" if ":" in host else host
        greeting = f"serving {agent.describe()} at http://{place}:{port}; Ctrl-C or SIGTERM ends it"
        server = _Server(desk, create_app(desk, token), lambda: say(greeting))
        with signals_to(server.handle_exit):
            server.run([bound])
    say(
        f"ended: {desk.accepted:,} requests were accepted; {desk.answered:,} were answered, "
        f"{desk.accepted - desk.answered:,} were given up, by their callers or for want of time"
    )


class _Server(QuietServer):
    """A server whose desk turns requests away from the moment on that it is told to end."""

    def __init__(self, desk: Desk, app: object, listening: Callable[[], None]) -> None:
        # A body and an answer each have so long; then only callers who read nothing are left.
        farewell = math.ceil(2 * desk.limits.seconds) + 1
        super().__init__(app, listening, farewell=farewell, keep_alive=_KEPT_ALIVE)
        self._desk = desk

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        self._desk.closing = True
        super().handle_exit(sig, frame)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
