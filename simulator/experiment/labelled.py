"""Logged exposures with their answers, slates and segments, as click models are judged on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from evals.labelled import LabelledExposures
from simulator.data.demo import true_click_probability
from simulator.domain import Catalogue, Dataset, FloatArray, IntArray, Interactions, TextArray
from simulator.errors import DataError

N_CATEGORIES = 12
"""Segments by category at most; the rarest ones are joined as "other"."""
N_POSITIONS = 10
"""Places of a slate that are segments of their own; those below them are one."""


def labelled_exposures(
    data: Dataset, rows: IntArray, known: Interactions, *, cautions: Sequence[str] = ()
) -> LabelledExposures:
    """Take rows of a data set's log, to judge click models by.

    Segments: "popularity", tenths of the shown items by how often `known` has them; "activity",
    fifths of the users by the length of their history in `known`; "category", an item's first;
    "position" in the slate; "year", the item's decade. Items or users that tie stand in one
    segment, the lowest that holds any of them. A kind of which the data knows nothing is absent.

    Args:
        data: With a log.
        rows: Row numbers of the log, shape (n,).
        known: What was known before these rows, such as `LogSplit.early`.
        cautions: What a reader must know of how the rows were chosen, in sentences.

    Raises:
        DataError: If there is no log, or all answers are alike.
    """
    shown = data.logged_exposures(rows)
    if data.log is None:
        raise DataError(f"Data set {data.name!r} has no log.")
    log = data.log.take(rows)
    segments = {
        "popularity": _ranked(np.bincount(known.item, minlength=data.n_items), log.item, 10),
        "category": _categories(data.catalogue, log.item),
        "position": _positions(log.position),
        "activity": _ranked(known.histories.lengths, log.user, 5),
        "year": _decades(data.catalogue, log.item),
    }
    return LabelledExposures(
        shown=shown,
        clicked=log.clicked,
        slate=_slates(log.user, log.time),
        observed=log.observed,
        rule=_rule(data),
        truth=_truth(data, log.user, log.item),
        segments={kind: labels for kind, labels in segments.items() if (labels != "").any()},
        cautions=(*cautions, *_cautions(data, shown.history.lengths)),
    )


def _slates(user: IntArray, time: IntArray) -> IntArray:
    """A number for each (user, moment), from 0 in the order of users and times, shape (n,)."""
    moment = np.unique(time, return_inverse=True)[1].astype(np.int64)
    key = user.astype(np.int64) * (int(moment.max(initial=0)) + 1) + moment
    slate: IntArray = np.unique(key, return_inverse=True)[1]
    return slate


def _rule(data: Dataset) -> str:
    """What the data set itself says, or what follows from its log."""
    if data.source.get("log"):
        return data.source["log"]
    if data.log is not None and data.log.observed:
        return "A click is a logged click, a no-click an item shown and not clicked."
    return "A click is a high rating, a no-click a low one; users chose what they rated."


def _cautions(data: Dataset, lengths: IntArray) -> tuple[str, ...]:
    out = []
    if "caution" in data.source:
        out.append(data.source["caution"])
    if data.log is not None and not data.log.observed:
        out.append(
            "No-clicks are low ratings of items that users chose themselves, and a slate is what "
            "was rated at one moment; what they would have passed over is not in this log."
        )
    empty = int((lengths == 0).sum())
    if empty:
        out.append(f"{empty:,} of {len(lengths):,} exposures have an empty history.")
    return tuple(out)


def _truth(data: Dataset, user: IntArray, item: IntArray) -> FloatArray | None:
    """The demo world's own law; other worlds do not know theirs."""
    if data.name != "demo":
        return None
    return true_click_probability(user, item, seed=int(data.source["seed"]))


def _ranked(value: IntArray, place: IntArray, parts: int) -> TextArray:
    """Equal parts of the items (or users) that occur, by value: "1 (least)" to "10 (most)".

    Args:
        value: Of each item, shape (n_items,).
        place: The item of each row, shape (n,).
        parts: How many.

    Returns:
        Shape (n,); "" in all rows where the values are all alike.
    """
    found, inverse = np.unique(place, return_inverse=True)
    ascending = np.sort(value[found])
    if not len(found) or ascending[0] == ascending[-1]:
        return _texts([""], np.zeros_like(place))
    part = np.searchsorted(ascending, value[found], side="left") * parts // len(found)
    names = [str(k + 1) for k in range(parts)]
    names[0] += " (least)"
    names[-1] += " (most)"
    return _texts(names, part[inverse])


def _categories(catalogue: Catalogue, item: IntArray) -> TextArray:
    """The first category of each row's item, the rarest ones joined, shape (n,)."""
    first = _texts([names[0] if names else "" for names in catalogue.categories], item)
    counts = pd.Series(first[first != ""]).value_counts()
    if len(counts) > N_CATEGORIES:
        # Names decide between equally frequent ones, so that the order of rows does not.
        order = sorted(counts.index, key=lambda name: (-counts[name], name))
        common = [*order[: N_CATEGORIES - 1], ""]
        first[~np.isin(first, common)] = "other"
    return first


def _positions(position: IntArray) -> TextArray:
    """Places from "1"; "" where unknown, shape (n,)."""
    names = ["", *(str(k + 1) for k in range(N_POSITIONS)), f"{N_POSITIONS + 1} or later"]
    return _texts(names, np.minimum(position + 1, N_POSITIONS + 1))


def _decades(catalogue: Catalogue, item: IntArray) -> TextArray:
    """Such as "1990s"; "" for an item without a year, shape (n,)."""
    years: Mapping[str, Sequence[object]] = catalogue.attributes
    known = years.get("year", [None] * len(catalogue))
    decade = [f"{year // 10 * 10}s" if isinstance(year, int) else "" for year in known]
    return _texts(decade, item)


def _texts(values: Sequence[str], rows: IntArray) -> TextArray:
    """The value at each row, shape of `rows`."""
    out: TextArray = np.array(values, dtype=object)[rows]
    return out
