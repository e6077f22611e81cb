"""What passes between a recommender and a click model: exposures one way, clicks the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from simulator.domain.arrays import BoolArray, FloatArray, IntArray, Ragged, TextArray
from simulator.domain.catalogue import Catalogue
from simulator.domain.vectors import Vectors
from simulator.errors import DataError, UndecidedError


@dataclass(frozen=True, eq=False)
class Exposures:
    """One row is one item shown to one user in one position.

    Attributes:
        user: int32, shape (n,).
        item: int32, shape (n,), catalogue rows.
        target: int32, shape (n,), the item the user is being steered to; -1 for none.
        round: int32, shape (n,), from 1.
        position: int32, shape (n,), place in the slate from 0.
        history: n rows: the items each user has accepted so far, oldest first.
        draw: float64 in [0, 1), shape (n,): the luck that all click models share.
        user_vectors: float32, shape (n, d), the users' present preference; None where unknown.
        item_vectors: float32, shape (n, d), the shown items; None where unknown.
        catalogue: Whose rows `item` and `history` number; None where nobody reads titles.
    """

    user: IntArray
    item: IntArray
    target: IntArray
    round: IntArray
    position: IntArray
    history: Ragged
    draw: FloatArray
    user_vectors: FloatArray | None = None
    item_vectors: FloatArray | None = None
    catalogue: Catalogue | None = None

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: IntArray | BoolArray) -> Exposures:
        """The given rows, by index or mask."""
        index: IntArray = np.arange(len(self))[rows]
        return Exposures(
            user=self.user[index],
            item=self.item[index],
            target=self.target[index],
            round=self.round[index],
            position=self.position[index],
            history=self.history.take(index),
            draw=self.draw[index],
            user_vectors=None if self.user_vectors is None else self.user_vectors[index],
            item_vectors=None if self.item_vectors is None else self.item_vectors[index],
            catalogue=self.catalogue,
        )

    def with_vectors(self, vectors: Vectors) -> Exposures:
        """These exposures with the users' and items' vectors attached."""
        return replace(
            self, user_vectors=vectors.user[self.user], item_vectors=vectors.item[self.item]
        )


def _texts(value: str | Sequence[str] | TextArray, n: int) -> TextArray:
    out = np.empty(n, dtype=object)
    out[:] = value
    return out


@dataclass(frozen=True, eq=False)
class Clicks:
    """A click model's answers, row for row with the exposures.

    A row that the model could not decide has an empty `source` and a `failure`; `clicked` says
    nothing there. A wrapper such as `Fallback` decides those rows; whoever consumes clicks calls
    `require_decided` first, so that a failure is never taken for a no-click.

    Attributes:
        clicked: bool, shape (n,).
        probability: P(click) in [0, 1], float32, shape (n,); NaN from a model that has none.
        source: Which model decided each row ("agent", "distribution", ...); "" if none did.
        failure: Why the first choice did not decide, or "".
        reason: The model's own words, or "".
    """

    clicked: BoolArray
    probability: FloatArray
    source: TextArray
    failure: TextArray
    reason: TextArray

    @classmethod
    def from_probability(cls, probability: FloatArray, draw: FloatArray, *, source: str) -> Clicks:
        """Click where `draw < probability`; every row decided.

        Raises:
            DataError: If a probability is NaN or outside [0, 1].
        """
        bad = np.flatnonzero(~((probability >= 0) & (probability <= 1)))
        if len(bad):
            raise DataError(
                f"{source!r} gave P(click) = {probability[bad[0]]} in row {bad[0]}; "
                "a probability lies in [0, 1]."
            )
        p = np.asarray(probability, dtype=np.float32)
        return cls.of(draw < p, probability=p, source=source)

    @classmethod
    def of(
        cls,
        clicked: BoolArray,
        *,
        source: str | Sequence[str] | TextArray,
        probability: FloatArray | None = None,
        failure: str | Sequence[str] | TextArray = "",
        reason: str | Sequence[str] | TextArray = "",
    ) -> Clicks:
        """Clicks from decisions; a single text stands for all rows."""
        n = len(clicked)
        p = np.full(n, np.nan) if probability is None else probability
        return cls(
            clicked=np.asarray(clicked, dtype=bool),
            probability=np.asarray(p, dtype=np.float32),
            source=_texts(source, n),
            failure=_texts(failure, n),
            reason=_texts(reason, n),
        )

    @classmethod
    def joined(cls, parts: Sequence[Clicks]) -> Clicks:
        """The rows of all parts, at least one, end to end."""
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            )
        )

    def __len__(self) -> int:
        return len(self.clicked)

    def take(self, rows: IntArray | BoolArray) -> Clicks:
        """The given rows, by index or mask."""
        return Clicks(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def undecided(self) -> BoolArray:
        """Rows that nobody decided, shape (n,)."""
        return np.asarray(self.source == "", dtype=bool)

    def require_decided(self) -> Clicks:
        """Return self.

        Raises:
            UndecidedError: If some row is undecided.
        """
        rows = np.flatnonzero(self.undecided)
        if len(rows):
            raise UndecidedError(
                f"{len(rows)} of {len(self)} decisions failed and no fallback is declared; the "
                f"first: {self.failure[rows[0]]}. Declare one: Fallback(agent, distribution), or "
                "--fallback distribution."
            )
        return self

    def replace(self, rows: IntArray, other: Clicks) -> Clicks:
        """These clicks with `other`'s decisions at `rows`; all failures stay on record.

        Where both failed, it is the first failure that stays.
        """
        out = Clicks(
            self.clicked.copy(),
            self.probability.copy(),
            self.source.copy(),
            self.failure.copy(),
            self.reason.copy(),
        )
        out.clicked[rows] = other.clicked
        out.probability[rows] = other.probability
        out.source[rows] = other.source
        out.reason[rows] = other.reason
        first = out.failure[rows]
        out.failure[rows] = np.where(first == "", other.failure, first)
        return out
