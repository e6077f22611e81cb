"""May these runs be compared user by user? Refuse what is not paired; say what is not equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evals.metrics import slate_size
from simulator.errors import ConfigError
from simulator.runlog import Run

PAIRED_FIELDS = ("data", "seed", "users", "targets")
"""Fields of a run's configuration that must be equal for a paired comparison."""


def check_paired(runs: Sequence[Run], names: Sequence[str]) -> None:
    """Make sure that the runs share data, luck, users and targets.

    Raises:
        ConfigError: Names the first field that differs, and what to do.
    """
    if not runs:
        raise ConfigError("Nothing to compare; give at least one run directory.")
    first = runs[0]
    for run, name in zip(runs[1:], names[1:], strict=True):
        for field in PAIRED_FIELDS:
            ours, theirs = _setting(first, field), _setting(run, field)
            if ours is not None and theirs is not None and ours != theirs:
                raise _not_paired(field, f"{names[0]} has {_short(ours)}, {name} {_short(theirs)}")
        if _files(first) and _files(run) and _files(first) != _files(run):
            raise _not_paired("source", f"{names[0]} and {name} were made from other data files")
        if not np.array_equal(_episodes(first), _episodes(run)):
            raise _not_paired("users or targets", f"{names[0]} and {name} have other episodes")
        if not np.array_equal(_first_draws(first), _first_draws(run)):
            raise _not_paired("seed", f"{names[0]} and {name} drew other luck")


def cautions(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    """What a reader of the comparison must know, in sentences."""
    out = []
    rounds = [run.rounds for run in runs]
    if len(set(rounds)) > 1:
        done = ", ".join(f"{name} {n}" for name, n in zip(names, rounds, strict=True))
        out.append(
            f"Only the first {min(rounds)} rounds are compared, which all runs have ({done})."
        )
    slates = [slate_size(run) for run in runs]
    if len(set(slates)) > 1:
        each = ", ".join(f"{name} {k}" for name, k in zip(names, slates, strict=True))
        out.append(
            f"The runs show different numbers of items a round ({each}): HR is clicks an exposure, "
            "and users who are shown more have more to move by."
        )
    starts = [_start(run) for run in runs]
    if any(not np.allclose(starts[0], other, atol=1e-5, equal_nan=True) for other in starts[1:]):
        out.append(
            "The runs start from different vectors, so their IoI and IoR are measured in different "
            "spaces and their differences mean little."
        )
    rules = [_setting(run, "evolution") for run in runs]
    if len({str(rule) for rule in rules}) > 1:
        each = ", ".join(f"{name}: {rule}" for name, rule in zip(names, rules, strict=True))
        out.append(
            "The runs' users do not change their taste by the same rule, so IoI and IoR compare "
            f"the rules as well as what was shown ({each})."
        )
    return out


def first_rounds(run: Run, rounds: int) -> Run:
    """The run up to and with a round."""
    if run.rounds <= rounds:
        return run
    kept = run.exposures[run.exposures["round"] <= rounds].reset_index(drop=True)
    return Run(run.manifest, run.episodes, kept, run.cost, run.path)


def distinct_names(runs: Sequence[Run]) -> list[str]:
    """The runs' names, a number behind those that repeat."""
    out: list[str] = []
    for run in runs:
        name, number = run.name, 1
        while name in out:
            number += 1
            name = f"{run.name} ({number})"
        out.append(name)
    return out


def _not_paired(field: str, how: str) -> ConfigError:
    return ConfigError(
        f"These runs are not paired: {field} differs ({how}). Repeat one run with the other's "
        f"{field}, so that both have the same users, targets and luck."
    )


def _setting(run: Run, field: str) -> Any:
    return run.manifest.get("config", {}).get(field)


def _files(run: Run) -> Any:
    return run.manifest.get("source")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _ordered(run: Run) -> pd.DataFrame:
    return run.episodes.sort_values(["user", "target"])


def _episodes(run: Run) -> np.ndarray:
    return _ordered(run)[["user", "target"]].to_numpy()


def _start(run: Run) -> np.ndarray:
    return _ordered(run)["similarity"].to_numpy(dtype=np.float64)


def _first_draws(run: Run) -> np.ndarray:
    shown = run.exposures
    first = shown[(shown["round"] == 1) & (shown["position"] == 0)]
    return first.sort_values(["user", "target"])["draw"].to_numpy()
