"""What a data set holds, and what in it may surprise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from simulator.domain import Dataset, IntArray

_FIRST_DATE, _LAST_DATE = 315_532_800, 4_102_444_800
"""1980 to 2100 in seconds: times in this range are shown as dates."""


@dataclass(frozen=True)
class DatasetReport:
    """Counts, and warnings that each say what follows from them.

    Attributes:
        name: The data set's.
        n_users: Users, with or without a history.
        n_items: Items, shown or not.
        n_interactions: Rows of the histories.
        density: Share of all (user, item) pairs that occur, in [0, 1].
        history_lengths: Shortest, median and longest history.
        first_time: The earliest interaction, as a date where times are seconds since 1970.
        last_time: The latest interaction.
        users_without_history: Users with no interaction.
        items_without_interactions: Items nobody interacted with.
        items_without_categories: Items in no category.
        repeated_titles: Items whose title an earlier item has.
        repeated_pairs: Interactions whose (user, item) pair an earlier row has.
        n_exposures: Rows of the log; 0 without one.
        click_rate: Share of the log that was clicked, in [0, 1]; None without a log.
        left_out: What the reader of the files dropped, counted.
        warnings: One sentence each, most serious first.
    """

    name: str
    n_users: int
    n_items: int
    n_interactions: int
    density: float
    history_lengths: tuple[int, float, int]
    first_time: str
    last_time: str
    users_without_history: int
    items_without_interactions: int
    items_without_categories: int
    repeated_titles: int
    repeated_pairs: int
    n_exposures: int
    click_rate: float | None
    left_out: str
    warnings: tuple[str, ...]


def check_dataset(dataset: Dataset) -> DatasetReport:
    """Count what a data set holds and warn of what a simulation would trip over."""
    rows, catalogue, log = dataset.interactions, dataset.catalogue, dataset.log
    lengths = rows.histories.lengths
    one_time = len(rows) > 1 and rows.time.min() == rows.time.max()
    n_pairs = len(np.unique(rows.user.astype(np.int64) * len(catalogue) + rows.item))
    report = DatasetReport(
        name=dataset.name,
        n_users=dataset.n_users,
        n_items=dataset.n_items,
        n_interactions=len(rows),
        density=n_pairs / max(dataset.n_users * dataset.n_items, 1),
        history_lengths=_spread(lengths),
        first_time=_moment(rows.time.min()) if len(rows) else "",
        last_time=_moment(rows.time.max()) if len(rows) else "",
        users_without_history=int((lengths == 0).sum()),
        items_without_interactions=len(catalogue) - len(np.unique(rows.item)),
        items_without_categories=sum(not names for names in catalogue.categories),
        repeated_titles=len(catalogue) - len(set(catalogue.titles)),
        repeated_pairs=len(rows) - n_pairs,
        n_exposures=0 if log is None else len(log),
        click_rate=float(log.clicked.mean()) if log is not None and len(log) else None,
        left_out=dataset.source.get("dropped", "nothing"),
        warnings=(),
    )
    return DatasetReport(**{**vars(report), "warnings": _warnings(report, one_time)})


def _spread(lengths: IntArray) -> tuple[int, float, int]:
    if not len(lengths):
        return 0, 0.0, 0
    return int(lengths.min()), float(np.median(lengths)), int(lengths.max())


def _moment(time: int) -> str:
    if _FIRST_DATE <= time < _LAST_DATE:
        return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%d")
    return str(int(time))


def _warnings(report: DatasetReport, one_time: bool) -> tuple[str, ...]:
    found = {
        f"{report.users_without_history} users have no history; an agent knows nothing of them.": (
            report.users_without_history
        ),
        "All interactions have one time; nothing is known about what came before what.": one_time,
        "No logged exposures; a click model cannot be fitted or judged against this data set.": (
            not report.n_exposures
        ),
        "The log holds only one answer; a click model cannot be fitted on it.": (
            report.click_rate in (0.0, 1.0)
        ),
        f"{report.repeated_titles} items share a title with another; an agent cannot tell them "
        "apart.": report.repeated_titles,
        "No item has a category; targets cannot be chosen by category.": (
            report.items_without_categories == report.n_items
        ),
        f"{report.items_without_interactions} items have no interactions; their vectors are "
        "untrained.": report.items_without_interactions,
    }
    return tuple(text for text, holds in found.items() if holds)
