"""What the agent's error goes with: all of the log, fame, the place in a slate, the item's year.

The error of an exposure is P(click) less what the user did, 0 or 1. An agent without bias is off by
nothing on average, in every segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from evals.labelled import LabelledExposures
from evals.probes.paired import Scale
from simulator.domain import BoolArray, FloatArray, TextArray

Row = dict[str, float | str]

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def positivity(scale: Scale, answers: FloatArray) -> Row:
    """Mean P(click) less the log's click rate: does the agent please too much?"""
    known = np.isfinite(answers)
    return {
        "probe": "positivity",
        "variant": "as is, against the log",
        **_about(scale, known),
        **scale.mean(_errors(scale, answers), known),
        "auc": scale.auc(answers, known)[0],
        "note": "shift: mean P(click) less the logged click rate",
    }


def popularity(scale: Scale, answers: FloatArray, log: LabelledExposures) -> Iterator[Row]:
    """Does the error rise with fame, as where a model knows the famous items only?"""
    if "popularity" in log.segments:
        place = _places(log.segments["popularity"])
        note = "shift: what P(click) less clicked gains from the least popular segment to the most"
        yield from _slope(scale, answers, place, "popularity", "most against least popular", note)


def position(scale: Scale, answers: FloatArray, log: LabelledExposures) -> Iterator[Row]:
    """Does the error go with the place in the slate, of which the prompt says nothing?

    A row for the fall from the first place to the last, and one for each segment of places.
    """
    if "position" not in log.segments:
        return
    labels = log.segments["position"]
    note = "shift: what P(click) less clicked gains from the first place of the slate to the last"
    yield from _slope(scale, answers, _places(labels), "position", "last against first", note)
    answered = np.isfinite(answers)
    for label in sorted(set(labels) - {""}, key=lambda text: (_number(text), text)):
        here = np.asarray(labels == label, dtype=bool)
        yield from _contrast(
            scale,
            answers,
            (answered & here, answered & ~here & np.asarray(labels != "", dtype=bool)),
            "position",
            f"place {label} against the others",
            "shift: mean P(click) less clicked in this place, less that in the others; so the AUC",
        )


def years(
    scale: Scale, answers: FloatArray, log: LabelledExposures, trained_until: int | None
) -> Iterator[Row]:
    """Does the error go with the item's year, above all with items newer than the model?

    Args:
        scale: Of the exposures.
        answers: P(click), shape (n,).
        log: Whose catalogue has an attribute "year", or which has segments of that kind.
        trained_until: The last year of which the model has read; None where nobody knows.
    """
    year = _years(log)
    known = np.isfinite(year)
    if not known.any():
        return
    note = "shift: what P(click) less clicked gains from the oldest items to the newest"
    yield from _slope(scale, answers, _evenly(year), "years", "newest against oldest", note)
    if trained_until is None:
        return
    answered = known & np.isfinite(answers)
    after, before = answered & (year > trained_until), answered & (year <= trained_until)
    yield from _contrast(
        scale,
        answers,
        (after, before),
        "years",
        f"after {trained_until} against before",
        "shift: mean P(click) less clicked among items newer than the model's training, less that "
        "among the others; AUC likewise",
    )


def _contrast(
    scale: Scale,
    answers: FloatArray,
    groups: tuple[BoolArray, BoolArray],
    probe: str,
    variant: str,
    note: str,
) -> Iterator[Row]:
    """The error and the AUC in one group of exposures less the other's; nothing if one is empty."""
    one, other = groups
    if not one.any() or not other.any():
        return
    errors = _errors(scale, answers)
    ones = np.ones(len(errors))
    sums = np.hstack([scale.by_user(rows, errors, ones) for rows in groups])
    level, replicates = _gap(sums.sum(axis=0)[None])[0], _gap(scale.bootstrap.sums(sums))
    either = one | other
    yield {
        "probe": probe,
        "variant": variant,
        **_about(scale, one),
        **scale.judged(level, replicates, either),
        **scale.auc_difference(scale.auc(answers, one), scale.auc(answers, other), either),
        "note": note,
    }


def _slope(
    scale: Scale, answers: FloatArray, place: FloatArray, probe: str, variant: str, note: str
) -> Iterator[Row]:
    """The least-squares slope of the error on a place in [0, 1]; nothing with fewer than two."""
    rows = np.isfinite(answers) & np.isfinite(place)
    if len(np.unique(place[rows])) < 2:
        return
    x, error = np.where(rows, place, 0.0), _errors(scale, answers)
    sums = scale.by_user(rows, np.ones(len(x)), x, x * x, error, x * error)
    level = _slope_of(sums.sum(axis=0)[None])[0]
    judged = scale.judged(level, _slope_of(scale.bootstrap.sums(sums)), rows)
    yield {
        "probe": probe,
        "variant": variant,
        **_about(scale, rows),
        **judged,
        "auc": scale.auc(answers, rows)[0],
        "note": note,
    }


def _slope_of(sums: FloatArray) -> FloatArray:
    n, x, xx, y, xy = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((n * xy - x * y) / (n * xx - x * x))


def _gap(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3])


def _errors(scale: Scale, answers: FloatArray) -> FloatArray:
    """P(click) less what was done; 0 where there is no answer, which callers leave out."""
    return np.where(np.isfinite(answers), answers - scale.clicked, 0.0)


def _about(scale: Scale, rows: BoolArray) -> Row:
    return {"exposures": int(rows.sum()), "users": scale.users(rows)}


def _places(labels: TextArray) -> FloatArray:
    """Each row's place among the segments in the order of their numbers, in [0, 1]; or NaN."""
    return _evenly(np.array([_number(text) for text in labels], dtype=np.float64))


def _evenly(values: FloatArray) -> FloatArray:
    """The values' ranks, spread over [0, 1]; NaN stays NaN."""
    known = np.isfinite(values)
    distinct, rank = np.unique(values[known], return_inverse=True)
    out = np.full(len(values), np.nan)
    out[known] = rank / max(len(distinct) - 1, 1)
    return out


def _number(text: str) -> float:
    """The first number in a segment's name; NaN without one."""
    found = _NUMBER.search(text)
    return float(found.group()) if found else np.nan


def _years(log: LabelledExposures) -> FloatArray:
    """Each shown item's year, shape (n,); NaN where unknown."""
    catalogue = log.shown.catalogue
    if catalogue is not None and "year" in catalogue.attributes:
        years = pd.to_numeric(pd.Series(list(catalogue.attributes["year"])), errors="coerce")
        return years.to_numpy(dtype=np.float64)[log.shown.item]
    labels = log.segments.get("year")
    if labels is None:
        return np.full(len(log), np.nan)
    return np.array([_number(text) for text in labels], dtype=np.float64)
