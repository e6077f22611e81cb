"""Nudging paths by title and category, each click model's beside the other's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evals import plots
from evals.compare import Comparison
from evals.report.contents import Contents
from evals.report.section import Block, Figures, Part, Section, Words
from evals.tables import number, records
from evals.wording.listing import listed
from simulator.domain import FloatArray
from simulator.runlog import Run

_FURTHEST = 2
"""Paths shown where the runs part furthest, after the first user's."""
_MOST_RUNS = 4
_MOST_CATEGORIES = 10


def section(contents: Contents) -> Section | None:
    """Some users' paths, title by title; None without runs that steer."""
    comparison, names = contents.runs, contents.names
    if comparison is None or names is None or (comparison.runs[0].episodes["target"] < 0).all():
        return None
    shown = comparison.names[:_MOST_RUNS]
    text = (
        "What a user was shown round by round on the way to a target, one column a run; ● marks "
        "what was clicked, and the figure is the cosine between the user and the target after the "
        "round. The first path is that of the run's first user; after it come those where the runs "
        "part furthest."
    )
    if len(comparison.names) > len(shown):
        text += f" The first {len(shown)} of {len(comparison.names)} runs are shown."
    episodes = _chosen(comparison)
    blocks: list[Block] = [Words(text)]
    blocks += [
        Part(
            "path",
            {
                "runs": shown,
                "title": f"User {user}, towards {names[target]}",
                "categories": _categories(contents, target),
                "rows": _rows(contents, comparison, (user, target), names),
                "open": place == 0,
            },
        )
        for place, (user, target) in enumerate(episodes)
    ]
    mapped = _category_map(contents, comparison)
    if mapped is not None:
        drawing, highest = mapped
        blocks += [
            Words("Categories on the way", "heading"),
            Words(
                "The share of what was shown in each round that is in a category; full shade is "
                f"{highest:.0%}."
            ),
            Figures((drawing,)),
        ]
    return Section("paths", "The way, title by title", "Paths", tuple(blocks))


def _chosen(comparison: Comparison) -> list[tuple[int, int]]:
    """The first episode towards something new, and those where the runs end furthest apart."""
    start = comparison.runs[0].episodes
    new = start[(start["target"] >= 0) & ~start["known"].astype(bool)]
    keys = pd.MultiIndex.from_frame((new if len(new) else start)[["user", "target"]])
    ends = np.stack([_end(run, keys) for run in comparison.runs])
    apart = np.nan_to_num(ends.max(axis=0) - ends.min(axis=0))
    apart[0] = -1.0
    chosen = [0, *np.argsort(-apart, kind="stable")[:_FURTHEST]]
    return [(int(keys[k][0]), int(keys[k][1])) for k in dict.fromkeys(chosen)]


def _end(run: Run, keys: pd.MultiIndex) -> FloatArray:
    """Where each episode ended: its last cosine to the target, or its clicks without vectors."""
    by_episode = run.exposures.groupby(["user", "target"], sort=False)
    last = by_episode["similarity"].last()
    if last.isna().all():
        last = by_episode["clicked"].sum().astype(float)
    return last.reindex(keys).to_numpy(dtype=float)


def _rows(
    contents: Contents, comparison: Comparison, episode: tuple[int, int], names: Sequence[str]
) -> list[tuple[int, list[list[dict[str, Any]]]]]:
    """For each round, for each run, what was shown."""
    columns = []
    for run in comparison.runs[:_MOST_RUNS]:
        frame = run.exposures
        frame = frame[(frame["user"] == episode[0]) & (frame["target"] == episode[1])]
        by_round: dict[int, list[dict[str, Any]]] = {}
        for row in records(frame.sort_values(["round", "position"], kind="stable")):
            cosine = row["similarity"]
            by_round.setdefault(int(row["round"]), []).append(
                {
                    "title": names[row["item"]],
                    "categories": _categories(contents, row["item"]),
                    "clicked": bool(row["clicked"]),
                    "cosine": number(cosine, 2) if math.isfinite(cosine) else "",
                }
            )
        columns.append(by_round)
    return [(r, [column.get(r, []) for column in columns]) for r in range(1, comparison.rounds + 1)]


def _categories(contents: Contents, item: int) -> str:
    return "" if contents.catalogue is None else ", ".join(contents.catalogue.categories[item])


def _category_map(contents: Contents, comparison: Comparison) -> tuple[plots.Drawing, float] | None:
    catalogue = contents.catalogue
    if catalogue is None or not catalogue.category_names or comparison.rounds < 2:
        return None
    index = {name: place for place, name in enumerate(catalogue.category_names)}
    member = np.zeros((len(catalogue), len(index)))
    for row, own in enumerate(catalogue.categories):
        member[row, [index[name] for name in own]] = 1
    rounds = np.arange(1, comparison.rounds + 1)
    shares = []
    for run in comparison.runs[:_MOST_RUNS]:
        frame = run.exposures
        item, step = frame["item"].to_numpy(), frame["round"].to_numpy()
        shares.append(np.stack([member[item[step == r]].mean(axis=0) for r in rounds], axis=1))
    most = np.argsort(-np.sum(shares, axis=(0, 2)), kind="stable")[:_MOST_CATEGORIES]
    names = [catalogue.category_names[k] for k in most]
    highest = max(float(np.max(shares)), 1e-9)
    columns = [str(r) for r in rounds]
    grids = [
        plots.Grid(name, names, columns, share[most], share[most] / highest)
        for name, share in zip(comparison.names, shares, strict=False)
    ]
    told = f"Share of what was shown by category and round, for {listed(comparison.names)}"
    drawing = plots.cells("categories", grids, told, beside=min(len(grids), 3), axis="round")
    return drawing, highest
