"""May these runs be compared user by user? Refuse what is not paired; say what is not equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evals.metrics import slate_size
from simulator.errors import ConfigError
from simulator.runlog import Run

PAIRED_FIELDS = ("data", "seed", "users", "targets")
"""Fields of a run's configuration that must be equal for a paired comparison."""


def check_paired(runs: Sequence[Run], names: Sequence[str]) -> None:
    """Make sure that the runs share data, luck, users, targets and rounds.

    Raises:
        ConfigError: Names the first field that differs, and what to do.
    """
    check_same_data(runs, names)
    first = runs[0]
    for run, name in zip(runs[1:], names[1:], strict=True):
        for field in PAIRED_FIELDS[1:]:
            ours, theirs = _setting(first, field), _setting(run, field)
            if ours is not None and theirs is not None and ours != theirs:
                raise _not_paired(field, f"{names[0]} has {_short(ours)}, {name} {_short(theirs)}")
        if not np.array_equal(_episodes(first), _episodes(run)):
            raise _not_paired("users or targets", f"{names[0]} and {name} have other episodes")
        if not _same_luck(first, run):
            raise _not_paired("seed", f"{names[0]} and {name} drew other luck")
        if first.rounds != run.rounds:
            each = f"{names[0]} has {first.rounds}, {name} {run.rounds}"
            raise _not_paired("number of rounds", each)


def check_same_data(runs: Sequence[Run], names: Sequence[str]) -> None:
    """Make sure that there are runs, all of the same data.

    Raises:
        ConfigError: Names what differs.
    """
    if not runs:
        raise ConfigError("Nothing to compare; give at least one run directory.")
    first = runs[0]
    for run, name in zip(runs[1:], names[1:], strict=True):
        ours, theirs = _setting(first, "data"), _setting(run, "data")
        if ours is not None and theirs is not None and ours != theirs:
            how = f"data differs ({names[0]} has {_short(ours)}, {name} {_short(theirs)})"
        elif _files(first) and _files(run) and _files(first) != _files(run):
            how = f"source differs ({names[0]} and {name} were made from other data files)"
        else:
            continue
        raise ConfigError(
            f"These runs are not paired: {how}. They have no user in common, so there is nothing "
            "to compare; repeat one of them on the other's data."
        )


def shared_part(runs: Sequence[Run], names: Sequence[str]) -> tuple[list[Run], list[str]]:
    """The users, targets and rounds that all runs have, and what was left out, in sentences.

    Raises:
        ConfigError: If the runs are of different data, or no user and target is in all of them.
    """
    check_same_data(runs, names)
    rounds = min(run.rounds for run in runs)
    wanted = _episodes(runs[0])
    for run in runs[1:]:
        wanted = wanted[_is_in(wanted, _episodes(run))]
    if not len(wanted):
        raise ConfigError(
            f"{', '.join(names)} share no user with the same target; repeat one run with the "
            "other's users, targets and seed."
        )
    said = []
    if len({run.rounds for run in runs}) > 1:
        done = ", ".join(f"{name} {run.rounds}" for name, run in zip(names, runs, strict=True))
        said.append(f"Only the first {rounds} rounds are compared, which all runs have ({done}).")
    if any(len(run.episodes) != len(wanted) for run in runs):
        sizes = zip(names, runs, strict=True)
        each = ", ".join(f"{name} {len(run.episodes):,}" for name, run in sizes)
        said.append(
            f"Only the {len(wanted):,} episodes (a user and a target) that all runs have are "
            f"compared ({each})."
        )
    parts = [_part(run, wanted, rounds) for run in runs]
    others = zip(names[1:], parts[1:], strict=True)
    if unlucky := [name for name, part in others if not _same_luck(parts[0], part)]:
        said.append(
            f"{', '.join(unlucky)} drew other luck than {names[0]}: the same users, but what they "
            "clicked differs by chance as well, and the intervals are wider for it."
        )
    return parts, said


def cautions(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    """What a reader of the comparison must know, in sentences."""
    out = []
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


def _part(run: Run, episodes: np.ndarray, rounds: int) -> Run:
    """The run's given episodes (rows of user, target) up to and with a round."""
    kept = run.episodes[_is_in(run.episodes[["user", "target"]].to_numpy(), episodes)]
    shown = run.exposures[run.exposures["round"] <= rounds]
    shown = shown[_is_in(shown[["user", "target"]].to_numpy(), episodes)]
    return replace(
        run, episodes=kept.reset_index(drop=True), exposures=shown.reset_index(drop=True)
    )


def _is_in(pairs: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether each row of `pairs` is a row of `others`; both int, shape (n, 2)."""
    known = pd.MultiIndex.from_arrays(list(others.T))
    return np.asarray(pd.MultiIndex.from_arrays(list(pairs.T)).isin(known))


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
        f"These runs are not paired: {field} differs ({how}). Repeat one run with the settings of "
        "the other, so that both have the same users, targets, rounds and luck, or ask to compare "
        "what they share: --shared, compare(..., shared=True)."
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


def _same_luck(run: Run, other: Run) -> bool:
    return np.array_equal(_first_draws(run), _first_draws(other))


def _first_draws(run: Run) -> np.ndarray:
    shown = run.exposures
    first = shown[(shown["round"] == 1) & (shown["position"] == 0)]
    return first.sort_values(["user", "target"])["draw"].to_numpy()
