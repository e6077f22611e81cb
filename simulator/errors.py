"""The error tree: every error a user can cause, each message carrying its cure.

The command line prints the message of any `NudgesimError` without a traceback and exits with 2.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from pathlib import Path

_MOST_NAMES = 30
_LONGEST = 80
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 2, _LONGEST, _LONGEST, _LONGEST


def excerpt(value: object) -> str:
    """What was found, as an error message shows it: quoted, and never long.

    Args:
        value: Anything that a file may hold, however large or deep.
    """
    try:
        text = _SHORT.repr(value)
    except ValueError:
        # Python writes no whole number of more than some thousand digits.
        return "a number of thousands of digits"
    return text if len(text) <= 2 * _LONGEST else f"{text[: 2 * _LONGEST]}..."


class NudgesimError(Exception):
    """Base of all errors that a user can mend; its text says what is wrong and what to do."""


class ConfigError(NudgesimError):
    """A setting is out of range, or two settings contradict each other."""


class UnknownNameError(NudgesimError):
    """A name (data set, template, model, recommender, column, ...) that nothing answers to."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        # Long names come from files that are something else, and comparing them takes long.
        short = [other for other in names if len(other) <= _LONGEST]
        close = difflib.get_close_matches(name[:_LONGEST], short, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        shown = ", ".join(_cut(other) for other in names[:_MOST_NAMES]) or "none"
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        super().__init__(f"Unknown {kind} {excerpt(name)}.{hint} Known: {shown}{more}.")


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."


class DataError(NudgesimError):
    """A data file or table is missing, malformed or inconsistent."""

    def __init__(
        self,
        message: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        place = str(path) if path is not None else ""
        if line is not None:
            place += f", line {line}" if place else f"line {line}"
        if column is not None:
            place += f", column {excerpt(column)}" if place else f"column {excerpt(column)}"
        super().__init__(f"{place}: {message}" if place else message)


class PromptError(NudgesimError):
    """A template cannot be read or rendered, or a prompt does not fit the model's window."""


class EngineError(NudgesimError):
    """A language-model engine cannot be started, reached or understood."""


class LabelError(EngineError):
    """An answer label is not a single token of the model's tokenizer."""


class MissingExtraError(EngineError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, extra: str, why: str) -> None:
        super().__init__(f"{why} needs {package}: pip install 'nudgesim[{extra}]'.")


class CacheError(NudgesimError):
    """The decision cache is damaged, of another version, or cannot be read or written."""


class ClusterError(NudgesimError):
    """A cluster cannot be reached, or loses its workers again and again."""


class UndecidedError(NudgesimError):
    """A click model could not decide some exposures and no fallback was declared."""


class FailureCeilingError(NudgesimError):
    """The declared share of failed decisions was passed; the run stops, resumable."""


class BudgetSpentError(NudgesimError):
    """What a sitting may spend is spent; the run stops, resumable (exit code 3)."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}, so the run stops here. Repeat the same command to go on: every answer that "
            "the decision cache holds is kept."
        )


class NotWrittenError(NudgesimError, OSError):
    """A file cannot be written: the disk is full, read-only, or its folder has gone."""


class RunError(NudgesimError):
    """A run directory is missing, unfinished, or belongs to another configuration."""
