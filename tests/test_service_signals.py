"""The signals that end a service."""

from __future__ import annotations

import signal

from simulator.service.signals import signals_to


def test_signals_that_a_server_raises_again_end_nothing():
    heard: list[int] = []
    before = signal.getsignal(signal.SIGTERM)
    with signals_to(lambda number, _: heard.append(number)):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert heard == [signal.SIGTERM, signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) == before
