"""Personas from the statistics of a log: no model is asked.

A user is described against the others: of each item that the user was shown it is known how often
others clicked it, so that somebody who is shown good items does not pass for easily pleased. What
is said of a user with few items is drawn towards "like the others", as if a few more items had been
answered as others do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from prompts.persona import Leaning, Persona
from prompts.quoting import CATEGORY_LENGTH, safe_text
from simulator.domain import BoolArray, Catalogue, Dataset, FloatArray, IntArray
from simulator.errors import DataError

_DOUBT = 5.0
"""Items answered as others do that are added to what is known of a user, an item, a category."""
_ROUND = np.array([0, *(digit * 10**power for power in range(7) for digit in (1, 2, 5))])
_SHARE = 0.25
"""Of all that was shown, how much the little-known items make up at most, and the new ones."""


class Personas:
    """The personas of a data set's users; nothing is counted before the first is asked for.

    Args:
        data: With a log of clicks and no-clicks, whose rows are described; without one the
            interactions are, by the categories that a user takes more often than others.
        rows: Log rows (or rows of the interactions) that are known, shape (n,); all by default.
            What is to be predicted must not be among them.
        language: Of the templates.
        words: Free text by user row, such as a model's.

    Attributes:
        language: As given.
    """

    def __init__(
        self,
        data: Dataset,
        rows: IntArray | None = None,
        *,
        language: str = "en",
        words: Mapping[int, str] | None = None,
    ) -> None:
        self.language = language
        self._data = data
        self._rows = rows
        self._words = dict(words or {})
        self._statistics = cache(partial(_Statistics.of, data, rows))
        self._facts = cache(partial(_facts, data, rows, self._words))
        self._known: dict[int, Persona] = {}

    def of(self, user: int) -> Persona:
        """A user as all known rows tell; one without any is like the others.

        Raises:
            DataError: If the data set has no such user.
        """
        if user not in self._known:
            self._known[user] = self._described(user, self._statistics().rows_of(user))
        return self._known[user]

    def before(self, user: int, time: int, share: float = 1.0) -> Persona:
        """A user as the rows strictly before a moment tell, or the first `share` of these.

        Raises:
            DataError: If the data set has no such user.
        """
        own = self._statistics().rows_of(user, time)
        return self._described(user, own[: int(len(own) * share)])

    def told_by(self, user: int, rows: IntArray) -> Persona:
        """A user as some of the known rows tell, shape (n,), all the user's own."""
        return self._described(user, self._statistics().place[rows])

    def by(self, rows: IntArray | None) -> Personas:
        """The same users, described by other rows; all rows for None."""
        return Personas(self._data, rows, language=self.language, words=self._words)

    def told_in(self, language: str) -> Personas:
        """The same personas in a language."""
        if language == self.language:
            return self
        made = copy(self)
        made.language, made._known = language, {}
        return made

    def facts(self) -> dict[str, Any]:
        """What a manifest keeps: how many rows and words they were made from, and a digest."""
        return dict(self._facts())

    def _described(self, user: int, own: IntArray) -> Persona:
        known = self._statistics()
        names, points = known.names, known.points(own)
        order = np.argsort(-np.abs(points[: len(names)]), kind="stable")
        rate, others = known.rates(own)
        return Persona(
            language=self.language,
            known=int(_ROUND[np.abs(_ROUND - len(own)).argmin()]),
            click_rate=rate,
            others=others,
            leanings=tuple(Leaning(names[k], int(points[k])) for k in order if points[k]),
            little_known=int(points[-2]),
            new=int(points[-1]),
            words=self._words.get(user, ""),
        )


@dataclass(frozen=True, eq=False)
class _Statistics:
    """What n known rows tell, sorted by user and time.

    Attributes:
        item: Shape (n,).
        time: Shape (n,).
        place: Of each of the source's rows among these, shape (n_source,); -1 for the others.
        ends: Where each user's rows begin and end, shape (n_users + 1,).
        expected: P(click) by what others did with the item, shape (n,); empty without no-clicks.
        surplus: What the user did above that, shape (n,); None without no-clicks.
        names: The categories.
        kinds: Which items are of them, of the little-known and of the new, (n_items, n_kinds).
        usual: Share of all rows that is of each kind, shape (n_kinds,).
    """

    item: IntArray
    time: IntArray
    place: IntArray
    ends: IntArray
    expected: FloatArray
    surplus: FloatArray | None
    names: list[str]
    kinds: csr_matrix
    usual: FloatArray

    @classmethod
    def of(cls, data: Dataset, rows: IntArray | None) -> _Statistics:
        source = data.interactions if data.log is None else data.log
        rows = np.arange(len(source.user)) if rows is None else np.sort(rows)
        rows = rows[np.lexsort((source.time[rows], source.user[rows]))]
        item = source.item[rows]
        place = np.full(len(source.user), -1)
        place[rows] = np.arange(len(rows))
        shown = np.bincount(item, minlength=data.n_items)
        expected: FloatArray = np.empty(0)
        surplus: FloatArray | None = None
        if data.log is not None:
            clicked = data.log.clicked[rows]
            expected = _others(item, clicked, shown)
            surplus = clicked - expected
        names, kinds = _kinds(data.catalogue, shown)
        return cls(
            item=item,
            time=source.time[rows],
            place=place,
            ends=np.searchsorted(source.user[rows], np.arange(data.n_users + 1)),
            expected=expected,
            surplus=surplus,
            names=names,
            kinds=kinds,
            usual=np.asarray((kinds.T @ shown) / max(1, len(rows))).ravel(),
        )

    def rows_of(self, user: int, time: int | None = None) -> IntArray:
        """A user's rows, strictly before a time where one is given."""
        if not 0 <= user < len(self.ends) - 1:
            raise DataError(
                f"There is no user {user} among the {len(self.ends) - 1} whose personas are known; "
                "render with the personas of the data set that users were numbered for.",
                column="user",
            )
        start, end = self.ends[user : user + 2].tolist()
        if time is not None:
            end = start + int(np.searchsorted(self.time[start:end], time))
        return np.arange(start, end)

    def points(self, own: IntArray) -> IntArray:
        """How a user differs in each kind of item, int64, shape (n_kinds,)."""
        kinds = self.kinds[self.item[own]]
        count = np.asarray(kinds.sum(axis=0)).ravel()
        if self.surplus is None:
            return _percent((count - self.usual * len(own)) / (len(own) + _DOUBT))
        # Who takes little of anything has no distaste for every category.
        surplus = self.surplus[own] - self.surplus[own].sum() / (len(own) + _DOUBT)
        return _percent((kinds.T @ surplus) / (count + _DOUBT))

    def rates(self, own: IntArray) -> tuple[int | None, int | None]:
        """Clicks of 100 shown, the user's and those of others, as percentages."""
        if self.surplus is None:
            return None, None
        n = len(own)
        mean = float(self.expected.mean()) if len(self.expected) else 0.5
        others = (self.expected[own].sum() + _DOUBT * mean) / (n + _DOUBT)
        rate = others + self.surplus[own].sum() / (n + _DOUBT)
        return int(_percent(rate)), int(_percent(others))


def _facts(data: Dataset, rows: IntArray | None, words: Mapping[int, str]) -> dict[str, Any]:
    source = data.interactions if data.log is None else data.log
    known = np.arange(len(source.user)) if rows is None else np.sort(rows)
    digest = hashlib.sha256()
    for column in (source.user, source.item, source.time):
        digest.update(np.ascontiguousarray(column[known]).tobytes())
    if data.log is not None:
        digest.update(np.ascontiguousarray(data.log.clicked[known]).tobytes())
    digest.update(json.dumps(sorted(words.items())).encode())
    return {"rows": len(known), "words": len(words), "sha256": digest.hexdigest()}


def _others(item: IntArray, clicked: BoolArray, shown: IntArray) -> FloatArray:
    """P(click) of each row by what all others did with its item, float64, shape (n,)."""
    mean = clicked.mean() if len(clicked) else 0.5
    clicks = np.bincount(item, weights=clicked, minlength=len(shown))
    return (clicks[item] - clicked + _DOUBT * mean) / (shown[item] - 1 + _DOUBT)


def _kinds(catalogue: Catalogue, shown: IntArray) -> tuple[list[str], csr_matrix]:
    """Categories, and which items are of them; two more columns are the little-known and the new.

    Returns:
        The categories' names, and float64, shape (n_items, n_categories + 2).
    """
    cleaned = [[safe_text(name, CATEGORY_LENGTH) for name in one] for one in catalogue.categories]
    names = sorted({name for one in cleaned for name in one if name})
    column = {name: k for k, name in enumerate(names)}
    pairs = {(row, column[name]) for row, one in enumerate(cleaned) for name in one if name}
    years = catalogue.attributes.get("year", [None] * len(catalogue))
    year = np.array([one if isinstance(one, int) else -np.inf for one in years], dtype=np.float64)
    for extra, value in enumerate((-shown.astype(np.float64), year)):
        chosen = np.flatnonzero(_highest(value, shown))
        pairs.update((row, len(names) + extra) for row in chosen.tolist())
    row, col = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T
    shape = (len(catalogue), len(names) + 2)
    return names, csr_matrix((np.ones(len(row)), (row, col)), shape=shape)


def _highest(value: FloatArray, shown: IntArray) -> BoolArray:
    """The items of the highest values that make up so much of what was shown, bool, shape (n,).

    Items of equal value are all in or all out.
    """
    order = np.argsort(-value, kind="stable")
    total = np.cumsum(shown[order])
    # What is shown down to the last item that ties with each.
    through = total[np.searchsorted(-value[order], -value, side="right") - 1]
    return np.asarray((through <= _SHARE * total[-1]) & np.isfinite(value))


def _percent(share: FloatArray | float) -> IntArray:
    """In percentage points, rounded."""
    return np.asarray(np.rint(np.asarray(share) * 100)).astype(np.int64)
