"""Segments of a log: which rows belong to each, and which are too small to tell anything."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from simulator.domain import BoolArray, IntArray, TextArray

FEWEST_EXPOSURES = 30
"""A segment with fewer rows gets no measure."""

FEWEST_USERS = 5
"""A segment with rows of fewer users gets none either: its interval would mean nothing."""


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of one kind.

    Attributes:
        kind: Such as "category".
        names: S segments, in the order of the numbers at their heads, else of the alphabet.
        code: Each row's segment, -1 for none, shape (n,).
        exposures: Rows, shape (S,).
        users: Users with rows, shape (S,).
        clicks: Logged clicks, shape (S,).
    """

    kind: str
    names: tuple[str, ...]
    code: IntArray
    exposures: IntArray
    users: IntArray
    clicks: IntArray

    @classmethod
    def of(cls, kind: str, labels: TextArray, user: IntArray, clicked: BoolArray) -> Segments:
        """Number the labels; "" belongs to no segment.

        Args:
            kind: Their kind.
            labels: A str a row, shape (n,).
            user: 0 .. n_users - 1, shape (n,).
            clicked: shape (n,).
        """
        found, index = np.unique(labels.astype(str), return_inverse=True)
        names = sorted((str(name) for name in found if name), key=_natural)
        place = {name: code for code, name in enumerate(names)}
        code = np.array([place.get(str(name), -1) for name in found], dtype=np.int64)[index]
        inside = code >= 0
        pairs = np.unique(np.stack([code[inside], user[inside]]), axis=1)[0]
        exposures, users, clicks = (
            np.bincount(rows, minlength=len(names))
            for rows in (code[inside], pairs, code[inside & clicked])
        )
        return cls(kind, tuple(names), code, exposures, users, clicks)

    def note(self, segment: int, measure: str) -> str:
        """Why a segment has no value of a measure, or ""."""
        rows, users, clicks = (
            int(count[segment]) for count in (self.exposures, self.users, self.clicks)
        )
        if rows < FEWEST_EXPOSURES:
            return f"too small: {rows} exposures, fewer than {FEWEST_EXPOSURES}"
        if users < FEWEST_USERS:
            return f"too small: {users} users, fewer than {FEWEST_USERS}"
        if clicks == 0 and measure in ("auc", "click_rate_ratio"):
            return "no clicks"
        if clicks == rows and measure == "auc":
            return "clicks only"
        return ""


def _natural(name: str) -> tuple[float, str]:
    number = re.match(r"\d+(\.\d+)?", name)
    return (float(number.group()) if number else float("inf"), name)
