"""Running a contract's checks by hand, to see which of them bite."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest


def failures(contract: Any) -> dict[str, str]:
    """The checks that fail, and what they say; pytest's own way through a class."""
    found = {}
    opens = hasattr(contract, "setup_class")
    if opens:
        contract.setup_class()
    for name in dir(contract):
        check = getattr(contract(), name)
        if name.startswith("test_") and check is not None:
            try:
                check()
            except SkipTest:
                continue
            except AssertionError as error:
                found[name] = str(error)
    if opens:
        contract.teardown_class()
    return found


def checks_of(contract: Any) -> set[str]:
    return {name for name in dir(contract) if name.startswith("test_")}


def require_only(found: dict[str, str], check: str, words: str) -> None:
    assert list(found) == [check], found
    assert words in found[check]
