"""Signals that end a command: exit codes, and who keeps handling them."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from simulator.cli import models
from simulator.cli.stopping import stopped_by_signals


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_command_with_its_code(
    command: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr(models, "show_table", lambda *_: signal.raise_signal(number))
    ended, _, said = command("models")
    assert (ended, "repeat its command" in said) == (code, True)
    assert "Traceback" not in said
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_or_handled_stays_so() -> None:
    heard: list[int] = []
    kept = {
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda number, _: heard.append(number)),
    }
    try:
        with stopped_by_signals():
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
    finally:
        for number, before in kept.items():
            signal.signal(number, before)
    assert heard == [signal.SIGTERM]
