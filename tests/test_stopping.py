"""Signals that end a command: exit codes, and who keeps handling them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from simulator.cli import models
from simulator.cli.stopping import stopped_by_signals


@pytest.fixture(autouse=True)
def as_started_in_a_terminal() -> Iterator[None]:
    """Nothing is ignored, as in tests that were started in the background, or handled already."""
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    with stopped_by_signals():
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]
