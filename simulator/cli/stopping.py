"""How a command is stopped from outside, and the exit code that says so."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = tuple(
    # A terminal that is closed sends SIGHUP; Windows knows none.
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)
)

STOPPED = tuple(128 + number for number in _SIGNALS)
"""Exit codes of a command that Ctrl-C (130), SIGTERM (143) or SIGHUP (129) has ended."""

CTRL_C = 128 + signal.SIGINT


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end what goes on within as Ctrl-C does, by an exception.

    So files that are being written are taken back, and engines and workers are ended. A signal that
    is ignored (as under `nohup`) or handled already stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _stop(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)
