"""Reading a run's files: every one is checked to be what a run writes, or named in an error."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simulator.errors import RunError, excerpt
from simulator.reading import MalformedTextError, parse_json, read_plain, read_text

_WHOLE, _NUMBER, _ANSWER = "iu", "f", "b"
_KINDS = {
    **dict.fromkeys(("user", "target", "round", "position", "item", "rank"), _WHOLE),
    **dict.fromkeys(("draw", "probability", "kept_weight", "similarity"), _NUMBER),
    **dict.fromkeys(("clicked", "known"), _ANSWER),
}
"""numpy's kinds of columns; those that are not here hold text."""
_IN_WORDS = {_WHOLE: "whole numbers", _NUMBER: "numbers", _ANSWER: "true or false", "": "text"}


def read_json(path: Path) -> dict[str, Any]:
    """One of the JSON files.

    Raises:
        FileNotFoundError: If there is none.
        RunError: If it cannot be read, or is no JSON object.
    """
    try:
        content = parse_json(read_text(path))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is damaged: it is not UTF-8. Repeat the run.") from error
    except MalformedTextError as error:
        place = path if error.line is None else f"{path}, line {error.line}"
        raise RunError(f"{place}: {error}. The file is damaged; repeat the run.") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged: it holds no JSON object. Repeat the run.")
    return content


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A table of a run, with these columns and perhaps more.

    Raises:
        RunError: If it cannot be read, lacks a column, or a column holds something else.
    """
    import pyarrow as pa

    try:
        read_plain(path)
        table = pd.read_parquet(path, page_checksum_verification=True)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, pa.ArrowException) as error:
        raise RunError(f"{path} is missing or damaged; repeat the run.") from error
    if lacking := [name for name in columns if name not in table]:
        raise RunError(
            f"{path} has no column {', '.join(lacking)}: another version of nudgesim wrote it. "
            "Repeat the run."
        )
    for name in columns:
        kind = _KINDS.get(name, "")
        if not _holds(table[name], kind):
            raise RunError(
                f"{path} is damaged: column {name} holds no {_IN_WORDS[kind]}. Repeat the run."
            )
    return table


def _holds(column: pd.Series, kind: str) -> bool:
    if kind:
        return column.dtype.kind in kind
    return bool(column.map(lambda value: isinstance(value, str)).all())


def read_state(path: Path, rounds: int, n_episodes: int, n_items: int) -> dict[str, np.ndarray]:
    """The state after a round.

    Args:
        path: The file.
        rounds: How many are done.
        n_episodes: Of the run.
        n_items: Of the catalogue.

    Raises:
        RunError: If it cannot be read, or is no state of such a run: compiled loops rely on it.
    """
    try:
        read_plain(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            state = {name: arrays[name] for name in arrays.files}
    except (
        OSError, ValueError, TypeError, KeyError, EOFError, AttributeError, SyntaxError,
        NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error, MemoryError,
    ) as error:  # fmt: skip
        raise RunError(f"{path} is missing or damaged; repeat the run.") from error
    if not _fits(state, rounds, n_episodes, n_items):
        shapes = {name: np.shape(array) for name, array in state.items()}
        raise RunError(
            f"{path} is no state of this run after {rounds} rounds of {n_episodes} episodes with "
            f"{n_items} items: it holds {excerpt(shapes)}. Repeat the run."
        )
    return state


def _fits(state: Mapping[str, np.ndarray], rounds: int, n_episodes: int, n_items: int) -> bool:
    if not {"shown", "clicked"} <= set(state) <= {"shown", "clicked", "preference"}:
        return False
    if not all(isinstance(array, np.ndarray) for array in state.values()):
        return False
    shown, clicked, preference = state["shown"], state["clicked"], state.get("preference")
    return (
        shown.dtype.kind in _WHOLE
        and clicked.dtype.kind == _ANSWER
        and shown.ndim == 3
        and shown.shape == clicked.shape
        and shown.shape[:2] == (n_episodes, rounds)
        and bool(((shown >= 0) & (shown < n_items)).all())
        and (
            preference is None
            or (
                preference.dtype.kind == _NUMBER
                and preference.ndim == 2
                and len(preference) == n_episodes
                and bool(np.isfinite(preference).all())
            )
        )
    )
