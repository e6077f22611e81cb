"""Refusing settings out of range, by name."""

from __future__ import annotations

from simulator.errors import ConfigError


def check_at_least(low: int, **settings: int) -> None:
    """Raise ConfigError unless each is `low` or more."""
    for name, value in settings.items():
        if value < low:
            raise ConfigError(f"{name}={value} must be {low} or more.")


def check_not_negative(**settings: float) -> None:
    """Raise ConfigError unless each is 0 or more, and finite."""
    for name, value in settings.items():
        if not 0 <= value < float("inf"):
            raise ConfigError(f"{name}={value} must be 0 or more, and finite.")


def check_positive(**settings: float) -> None:
    """Raise ConfigError unless each is above 0, and finite."""
    for name, value in settings.items():
        if not 0 < value < float("inf"):
            raise ConfigError(f"{name}={value} must be above 0, and finite.")
