"""Labelled exposures: what logged users were shown and what they did, to judge click models by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.domain import BoolArray, Exposures, FloatArray, IntArray, TextArray
from simulator.errors import DataError


@dataclass(frozen=True, eq=False)
class LabelledExposures:
    """n logged exposures with their answers.

    Attributes:
        shown: Each with the history of its moment.
        clicked: What the users did, bool, shape (n,).
        slate: Which rows were shown together (same user, same moment), int64, shape (n,).
        observed: Whether the no-clicks are real; False where they are low ratings of items that
            users chose themselves.
        rule: In a sentence, what counts as a click here and what as a no-click.
        truth: The true P(click), float64, shape (n,), where the log is synthetic; else None.
        segments: By kind ("popularity", "category", "position", "activity", "year"): each row's
            segment, object array of str, shape (n,); "" for a row that belongs to none. A kind
            that the data does not know is absent.
        cautions: What a reader must know about the log, in sentences.
    """

    shown: Exposures
    clicked: BoolArray
    slate: IntArray
    observed: bool
    rule: str
    truth: FloatArray | None = None
    segments: Mapping[str, TextArray] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.shown)
        if len(self.clicked) != n or len(self.slate) != n:
            raise DataError(
                f"{n} exposures, but {len(self.clicked)} answers and {len(self.slate)} slates; "
                "all need a row each."
            )
        if self.clicked.all() or not self.clicked.any():
            kind = "clicks" if n and self.clicked.all() else "no-clicks"
            raise DataError(
                f"All {n} logged answers are {kind}; judging a click model needs both. Take a log "
                "with real no-clicks, or ratings, of which the low ones count as no-clicks."
            )

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def n_users(self) -> int:
        """Number of users behind the rows."""
        return len(np.unique(self.shown.user))

    def take(self, rows: IntArray | BoolArray) -> LabelledExposures:
        """The given rows, by index or mask.

        Raises:
            DataError: If only clicks or only no-clicks are left.
        """
        return LabelledExposures(
            self.shown.take(rows),
            self.clicked[rows],
            self.slate[rows],
            self.observed,
            self.rule,
            None if self.truth is None else self.truth[rows],
            {kind: labels[rows] for kind, labels in self.segments.items()},
            self.cautions,
        )
