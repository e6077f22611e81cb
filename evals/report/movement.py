"""Where users' interest went: heat maps over rounds of closeness, rank, intention and vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evals import plots
from evals.compare import Comparison
from evals.report.contents import Contents
from evals.report.section import Block, Figures, Section, Words
from evals.trajectories import preferences
from evals.wording.listing import listed
from simulator.domain import FloatArray, Vectors
from simulator.runlog import Run

_MOST_RUNS, _MOST_USERS, _MOST_DIMENSIONS, _INTENTIONS = 6, 24, 24, 8


def section(contents: Contents) -> Section | None:
    """Heat maps over rounds; None without runs that know where their users stand."""
    comparison = contents.runs
    if comparison is None or comparison.rounds < 2 or _blind(comparison.runs[0]):
        return None
    target = int(comparison.runs[0].episodes["target"].iloc[0])
    names = contents.names
    towards = names[target] if names is not None else f"item {target}"
    first = (
        f"Each row is a user on the way to {towards}, the run's first target; users who are "
        "closest in the end stand on top in every run. Blue is a positive cosine to the target, "
        "orange a negative one, at full shade 1; a rank is at full shade in the first place and "
        "has none in the last, by its logarithm."
    )
    drawings = [_users(comparison, target, "similarity"), _users(comparison, target, "rank")]
    blocks: list[Block] = [Words(first), Figures(tuple(d for d in drawings if d is not None))]
    if contents.vectors is not None:
        blocks += _of_vectors(comparison, contents.vectors, target)
    return Section("movement", "Where interest went", "Interest", tuple(blocks))


def _beside(comparison: Comparison) -> int:
    """Panels side by side: all runs in one row, or in two."""
    n = min(len(comparison.names), _MOST_RUNS)
    return n if n < 4 else -(-n // 2)


def _blind(run: Run) -> bool:
    return bool(run.episodes["similarity"].isna().all() or (run.episodes["target"] < 0).all())


def _users(comparison: Comparison, target: int, column: str) -> plots.Drawing | None:
    """Users by rounds, a panel a run."""
    tables = [_wide(run, target, column) for run in comparison.runs[:_MOST_RUNS]]
    if column == "rank" and any((table < 0).any(axis=None) for table in tables):
        return None
    last = pd.concat([table.iloc[:, -1] for table in tables], axis=1).mean(axis=1)
    order = last.sort_values(ascending=column == "rank", kind="stable").index
    # Evenly spread where there are too many, so that all sorts of users are seen.
    at = np.unique(np.linspace(0, len(order) - 1, min(_MOST_USERS, len(order))).round().astype(int))
    chosen = order[at]
    top = np.log1p(max(float(np.nanmax(table.to_numpy())) for table in tables))
    grids = []
    for name, table in zip(comparison.names, tables, strict=False):
        values = table.loc[chosen].to_numpy(dtype=float)
        shades = values if column == "similarity" else 1 - np.log1p(values) / max(top, 1e-9)
        rows, rounds = [str(u) for u in chosen], [str(r) for r in table.columns]
        grids.append(plots.Grid(name, rows, rounds, values, shades))
    what = "Cosine to the target" if column == "similarity" else "Rank of the target"
    return plots.cells(
        f"users-{column}",
        grids,
        f"{what} by user and round, for {listed(comparison.names[:_MOST_RUNS])}",
        beside=_beside(comparison),
        axis=f"{what.lower()}, by round",
        row_axis="user",
    )


def _wide(run: Run, target: int, column: str) -> pd.DataFrame:
    """A user a row, a round a column, from 0."""
    start = run.episodes[run.episodes["target"] == target].set_index("user")[column]
    frame = run.exposures[run.exposures["target"] == target]
    after = frame.groupby(["user", "round"], sort=True)[column].last().unstack("round")
    return pd.concat([start.rename(0), after.reindex(start.index)], axis=1)


def _of_vectors(comparison: Comparison, vectors: Vectors, target: int) -> list[Block]:
    """Intentions of all users, and one user's vector, both over rounds."""
    from recommender.nudge import Intentions

    n = min(_INTENTIONS, len(vectors.item))
    unit = vectors.normalised()
    intentions = Intentions.fit(unit.item, unit.user, n_intentions=n, seed=0)
    wanted = int(intentions.nearest(unit.item[[target]])[0])
    shares, ways = [], []
    for run in comparison.runs[:_MOST_RUNS]:
        first = (run.episodes["target"] == target).to_numpy()
        steps = [step[first] for step in preferences(run, vectors)]
        near = [np.bincount(intentions.nearest(step), minlength=n) for step in steps]
        shares.append(np.stack(near, axis=1) / first.sum())
        ways.append(np.stack([step[0] for step in steps], axis=1))
    rounds = [str(r) for r in range(comparison.rounds + 1)]
    order = [wanted, *(k for k in np.argsort(-np.sum(shares, axis=(0, 2))) if k != wanted)]
    rows = [f"{k}{' (the target’s)' if k == wanted else ''}" for k in order]
    named = listed(comparison.names[:_MOST_RUNS])
    intention = plots.cells(
        "intentions",
        [
            plots.Grid(name, rows, rounds, share[order], share[order] / np.max(shares))
            for name, share in zip(comparison.names, shares, strict=False)
        ],
        f"Share of users nearest to each intention by round, for {named}",
        beside=_beside(comparison),
        axis="round",
        row_axis="intention",
    )
    return [
        Words("Intentions", "heading"),
        Words(
            f"Which of {n} intentions (k-means prototypes of users and items) the users on the way "
            "to the first target are nearest to; full shade is {np.max(shares):.0%} of them."
        ),
        Figures((intention,)),
        Words("A user's vector", "heading"),
        Words(
            "The first user's vector over rounds, computed anew from the clicks, in the dimensions "
            "that move most; the last column is the target's own. Blue is above zero, orange below."
        ),
        Figures((_vector(comparison, ways, unit.item[target], rounds, named),)),
    ]


def _vector(
    comparison: Comparison,
    ways: list[FloatArray],
    target: FloatArray,
    rounds: list[str],
    named: str,
) -> plots.Drawing:
    moved = np.sum([np.abs(way[:, -1] - way[:, 0]) for way in ways], axis=0)
    most = np.sort(np.argsort(-moved, kind="stable")[:_MOST_DIMENSIONS])
    scale = max(float(np.abs(np.stack(ways)).max()), float(np.abs(target).max()), 1e-9)
    grids = []
    for name, way in zip(comparison.names, ways, strict=False):
        values = np.column_stack([way[most], target[most]])
        columns = [*rounds, "target"]
        grids.append(plots.Grid(name, [str(k) for k in most], columns, values, values / scale))
    told = f"The first user's vector by round, for {named}"
    return plots.cells(
        "user-vector", grids, told, beside=_beside(comparison), axis="round", row_axis="dimension"
    )
