"""Which server a request goes to: the live ones evenly, one user's prompts together."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

LONGEST_PAUSE = 30.0
_SLACK = 1.25
_HEAD = 256
_MOST_USERS = 2**16


class RequestFailedError(Exception):
    """One request had no answer, after all its attempts; its text says why."""


@dataclass(eq=False)
class Server:
    """One of the servers and how it fares.

    Attributes:
        url: Its base URL.
        requests: Sent to it so far.
        under_way: Sent and not yet answered.
        trouble: Why it was put off last; "" once it has answered a request since.
        dropped: Whether somebody must look whether it is there before it is asked again.
        pause: Seconds of its latest rest; the next is twice as long.
        back_at: When the rest ends, by the monotonic clock.
    """

    url: str
    requests: int = 0
    under_way: int = 0
    trouble: str = ""
    dropped: bool = False
    pause: float = 0.0
    back_at: float = 0.0


class LiveServers:
    """Lends servers to requests.

    A request goes to the live server with the fewest requests under way. A user's later requests
    go to the server that the first went to while that has no more than its share and a quarter of
    all requests at once: a prefix cache is per server, and a history computed on one is not on the
    other. The bound is that of Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded
    loads" (SODA 2018); with the server remembered rather than hashed, new users go where there is
    room. Users are known by the beginning of their part of the prompt, which stays as it is while
    the history grows.

    A server in trouble rests for a pause that doubles up to 30 s, and a dropped one is looked at
    before it is asked again. Until it has answered one request it gets no second at a time.

    When no server is left, requests wait; when that has lasted for `patience` seconds, they fail,
    and so do all after them until a server is back.

    Args:
        urls: Base URLs, at least one.
        concurrency: Requests at once, over all servers.
        first_pause: Seconds of a server's first rest.
        patience: Seconds to wait for a server when there is none.
        look: Why the server at a URL cannot be used, or "".
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        concurrency: int,
        first_pause: float,
        patience: float,
        look: Callable[[str], str],
    ) -> None:
        self.servers = [Server(url) for url in urls]
        self._concurrency = concurrency
        self._first_pause = first_pause
        self._patience = patience
        self._look = look
        self._gone_since: float | None = None
        self._own: OrderedDict[str, Server] = OrderedDict()
        self._closed = False
        self._changed = threading.Condition()
        self._random = random.Random()

    @contextmanager
    def lend(self, user: str, avoided: Server | None) -> Iterator[Server]:
        """A server for one request; waits for one if need be.

        Args:
            user: The user's part of the prompt; "" where there is none.
            avoided: A server that failed this request before, taken only if there is no other.

        Raises:
            RequestFailedError: If there has been no server for too long.
        """
        server = self._take(user, avoided)
        try:
            yield server
        finally:
            with self._changed:
                server.under_way -= 1
                self._changed.notify_all()

    def answered(self, server: Server) -> None:
        """It has answered a request: all is well with it, once its rest is over."""
        with self._changed:
            self._gone_since = None
            if server.back_at <= time.monotonic() and not server.dropped:
                server.trouble, server.pause = "", 0.0
            self._changed.notify_all()

    def put_off(
        self, server: Server, trouble: str, *, drop: bool, seconds: float | None = None
    ) -> None:
        """Ask it nothing for a pause.

        Args:
            server: The one in trouble.
            trouble: What is wrong with it.
            drop: Whether to look whether it is there before it is asked again.
            seconds: How long, where the server says so; at most 30 s.
        """
        with self._changed:
            now = time.monotonic()
            if server.trouble and server.back_at > now and math.isfinite(server.back_at):
                return  # many requests broke off at once; it rests already
            server.pause = min(server.pause * 2 or self._first_pause, LONGEST_PAUSE)
            # Many clients must not come back at once.
            pause = server.pause * self._random.uniform(0.5, 1.0)
            server.back_at = now + (pause if seconds is None else min(seconds, LONGEST_PAUSE))
            server.trouble, server.dropped = trouble, drop
            if self._gone_since is None and all(other.trouble for other in self.servers):
                self._gone_since = now
            self._changed.notify_all()

    def has_other(self, server: Server) -> bool:
        """Whether another server is well."""
        with self._changed:
            return any(not other.trouble for other in self.servers if other is not server)

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, timeout=seconds)

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, user: str, avoided: Server | None) -> Server:
        while True:
            with self._changed:
                server = self._wait(user, avoided)
                if not server.dropped:
                    server.under_way += 1
                    server.requests += 1
                    return server
                server.back_at = math.inf  # it is being looked at
            trouble = self._look(server.url)
            if trouble:
                self.put_off(server, trouble, drop=True)
            else:
                with self._changed:
                    server.dropped, server.back_at = False, 0.0
                    self._changed.notify_all()

    def _wait(self, user: str, avoided: Server | None) -> Server:
        """A server to ask, or a dropped one whose rest is over, to look at."""
        while not self._closed:
            now = time.monotonic()
            ready = [
                server
                for server in self.servers
                # One in trouble has to answer one request before it gets a second.
                if server.back_at <= now and not (server.trouble and server.under_way)
            ]
            if ready:
                return self._choose(ready, user, avoided)
            self._check_patience(now)
            self._changed.wait(self._until_next(now))
        raise RequestFailedError("the engine was closed")

    def _choose(self, ready: list[Server], user: str, avoided: Server | None) -> Server:
        for server in ready:
            if server.dropped:
                return server
        ready = [server for server in ready if server is not avoided] or ready
        least = min(ready, key=lambda server: (server.under_way, server.requests))
        if not user or len(self.servers) == 1:
            return least
        own = self._own.setdefault(user[:_HEAD], least)
        self._own.move_to_end(user[:_HEAD])
        if len(self._own) > _MOST_USERS:
            self._own.popitem(last=False)
        if own not in ready:
            self._own[user[:_HEAD]] = least
            return least
        return own if own.under_way < _SLACK * self._concurrency / len(ready) else least

    def _check_patience(self, now: float) -> None:
        on_trial = any(
            server.back_at == math.inf or (server.back_at <= now and server.under_way)
            for server in self.servers
        )
        if self._gone_since is None or on_trial:
            return
        if now - self._gone_since >= self._patience:
            troubles = "; ".join(f"{server.url}: {server.trouble}" for server in self.servers)
            raise RequestFailedError(f"no server for {self._patience:g} s ({troubles})")

    def _until_next(self, now: float) -> float | None:
        """Seconds until a rest or everybody's patience ends; None if only a change can help."""
        times = [server.back_at for server in self.servers if now < server.back_at < math.inf]
        if self._gone_since is not None and self._gone_since + self._patience > now:
            times.append(self._gone_since + self._patience)
        return min(times) - now if times else None
