"""Personas from the statistics of a log: no model is asked.

A user is described against the others: of each item that the user was shown it is known how often
others clicked it, so that somebody who is shown good items does not pass for easily pleased. What
is said of a user with few items is drawn towards "like the others", as if a few more items had been
answered as others do.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_matrix

from prompts.persona import Leaning, Persona
from prompts.quoting import CATEGORY_LENGTH, safe_text
from simulator.domain import BoolArray, Catalogue, Dataset, FloatArray, IntArray

_DOUBT = 5.0
"""Items answered as others do that are added to what is known of a user, an item, a category."""
_STEP = 5
"""Percentage points."""
_ROUND = np.array([0, *(digit * 10**power for power in range(7) for digit in (1, 2, 5))])
_SHARE = 0.25
"""Of all that was shown, how much the little-known items make up at most, and the new ones."""


class Personas:
    """The personas of a data set's users.

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
        source = data.interactions if data.log is None else data.log
        rows = np.arange(len(source.user)) if rows is None else np.asarray(rows)
        rows = rows[np.lexsort((source.time[rows], source.user[rows]))]
        self.language = language
        self._item, self._time = source.item[rows], source.time[rows]
        self._ends = np.searchsorted(source.user[rows], np.arange(data.n_users + 1))
        shown = np.bincount(self._item, minlength=data.n_items)
        self._expected: FloatArray = np.empty(0)
        self._surplus: FloatArray | None = None
        if data.log is not None:
            clicked = data.log.clicked[rows]
            self._expected = _others(self._item, clicked, shown)
            self._surplus = clicked - self._expected
        self._names, self._kinds = _kinds(data.catalogue, shown)
        self._usual = np.asarray((self._kinds.T @ shown) / max(1, len(rows))).ravel()
        self._words = dict(words or {})
        self._known: dict[int, Persona] = {}

    def of(self, user: int) -> Persona:
        """A user as all known rows tell; one without any is like the others."""
        if user not in self._known:
            self._known[user] = self._described(user, slice(*self._ends[user : user + 2]))
        return self._known[user]

    def before(self, user: int, time: int) -> Persona:
        """A user as the rows strictly before a moment tell."""
        start, end = self._ends[user : user + 2]
        stop = start + np.searchsorted(self._time[start:end], time)
        return self._described(user, slice(start, stop))

    def _described(self, user: int, own: slice) -> Persona:
        points = self._points(own)
        order = np.argsort(-np.abs(points[: len(self._names)]), kind="stable")
        rate, others = self._rates(own)
        return Persona(
            language=self.language,
            known=int(_ROUND[np.abs(_ROUND - len(self._item[own])).argmin()]),
            click_rate=rate,
            others=others,
            leanings=tuple(Leaning(self._names[k], int(points[k])) for k in order if points[k]),
            little_known=int(points[-2]),
            new=int(points[-1]),
            words=self._words.get(user, ""),
        )

    def _points(self, own: slice) -> IntArray:
        """How a user differs in each kind of item, int64, shape (n_kinds,)."""
        kinds = self._kinds[self._item[own]]
        count = np.asarray(kinds.sum(axis=0)).ravel()
        if self._surplus is None:
            n = kinds.shape[0]
            return _percent((count - self._usual * n) / (n + _DOUBT))
        # Who takes little of anything has no distaste for every category.
        surplus = self._surplus[own] - self._surplus[own].sum() / (len(self._item[own]) + _DOUBT)
        return _percent((kinds.T @ surplus) / (count + _DOUBT))

    def _rates(self, own: slice) -> tuple[int | None, int | None]:
        """Clicks of 100 shown, the user's and those of others, as percentages."""
        if self._surplus is None:
            return None, None
        n = len(self._item[own])
        mean = float(self._expected.mean()) if len(self._expected) else 0.5
        others = (self._expected[own].sum() + _DOUBT * mean) / (n + _DOUBT)
        rate = others + self._surplus[own].sum() / (n + _DOUBT)
        return int(_percent(rate)), int(_percent(others))


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
    """In percentage points, rounded to steps."""
    return np.asarray(np.rint(np.asarray(share) * 100 / _STEP) * _STEP).astype(np.int64)
