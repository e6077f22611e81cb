"""The error tree: every error a user can cause, each message carrying its cure.

The command line prints the message of any `NudgesimError` without a traceback and exits with 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

_MOST_NAMES = 30


class NudgesimError(Exception):
    """Base of all errors that a user can mend; its text says what is wrong and what to do."""


class ConfigError(NudgesimError):
    """A setting is out of range, or two settings contradict each other."""


class UnknownNameError(NudgesimError):
    """A name (data set, template, model, recommender, column, ...) that nothing answers to."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        shown = ", ".join(names[:_MOST_NAMES]) or "none"
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        super().__init__(f"Unknown {kind} {name!r}.{hint} Known: {shown}{more}.")


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
            place += f", column {column!r}" if place else f"column {column!r}"
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


class RunError(NudgesimError):
    """A run directory is missing, unfinished, or belongs to another configuration."""
