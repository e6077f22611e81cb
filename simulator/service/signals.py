"""Who hears that the service is to end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def signals_to(handler: Handler) -> Iterator[None]:
    """SIGTERM and Ctrl-C call this handler, whatever else is installed and removed within.

    Uvicorn raises again what it has caught, which would end the process before the engine is
    closed.
    """
    caught = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, handler) for number in caught}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
