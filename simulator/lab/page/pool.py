"""The users that the page shows: logged exposures of the development users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.domain import Dataset, Exposures, IntArray
from simulator.errors import ConfigError, DataError, UnknownNameError
from simulator.seeding import generator

_MOST_FOUND = 20


@dataclass(frozen=True)
class Case:
    """A user at a moment, and a candidate.

    Attributes:
        row: Of the pool: whose history, and when.
        item: The candidate's catalogue row.
    """

    row: int
    item: int


class Pool:
    """What may be looked at while a prompt is written.

    Args:
        data: With a log.
        rows: Rows of the log, of development users, shape (n,).
    """

    def __init__(self, data: Dataset, rows: IntArray) -> None:
        assert data.log is not None
        self._data = data
        self._shown = data.logged_exposures(rows)
        self._clicked = data.log.clicked[rows]
        self._row_of_user = {user: row for row, user in enumerate(data.user_ids)}

    def draw(self, n: int, seed: int) -> list[Case]:
        """N users, or as many as there are: half with a click, half without, in turn."""
        order = generator(seed, "page").permutation(len(self._shown))
        clicked, skipped = (self._one_a_user(order[self._clicked[order] == c]) for c in (1, 0))
        rows: list[int] = []
        users: set[int] = set()
        turns = [row for pair in zip(clicked, skipped, strict=False) for row in pair]
        for row in [*turns, *clicked, *skipped]:
            user = int(self._shown.user[row])
            if user not in users and len(rows) < n:
                users.add(user)
                rows.append(row)
        return [self._case(row) for row in rows]

    def of_user(self, user_id: str, seed: int) -> Case:
        """One of a user's logged exposures.

        Raises:
            UnknownNameError: If there is no such user.
            ConfigError: If it is a test user, or one without logged exposures.
        """
        if user_id not in self._row_of_user:
            raise UnknownNameError("user", user_id, self._data.user_ids)
        rows = np.flatnonzero(self._shown.user == self._row_of_user[user_id])
        if not len(rows):
            raise ConfigError(
                f"User {user_id!r} is held out for tests or has no logged answers; this page shows "
                f"development users, such as {self.user_id(self._case(0))}."
            )
        return self._case(int(generator(seed, "page").choice(rows)))

    def with_item(self, case: Case, item_id: str) -> Case:
        """The same user before another candidate; at the logged moment, if there was one.

        Raises:
            DataError: If no item has the id.
        """
        item = int(self._data.catalogue.rows([item_id])[0])
        user = self._shown.user[case.row]
        logged = np.flatnonzero((self._shown.user == user) & (self._shown.item == item))
        return Case(int(logged[0]) if len(logged) else case.row, item)

    def case(self, row: int, item: int) -> Case:
        """A case that somebody names by its numbers.

        Raises:
            DataError: If there is no such row or item.
        """
        if not (0 <= row < len(self._shown) and 0 <= item < self._data.n_items):
            raise DataError("There is no such user or item on this page; reload it.")
        return Case(row, item)

    def exposures(self, cases: Sequence[Case]) -> Exposures:
        """The cases as a click model sees them."""
        shown = self._shown.take(np.array([case.row for case in cases], dtype=np.int64))
        return replace(shown, item=np.array([case.item for case in cases], dtype=np.int32))

    def user_id(self, case: Case) -> str:
        """Whose case it is."""
        return str(self._data.user_ids[self._shown.user[case.row]])

    def logged(self, case: Case) -> bool | None:
        """What the user did; None where the candidate was never shown."""
        same = self._shown.item[case.row] == case.item
        return bool(self._clicked[case.row]) if same else None

    def find_items(self, words: str) -> IntArray:
        """Items whose title or id has these words, the first few."""
        wanted = words.casefold()
        catalogue = self._data.catalogue
        found = (
            row
            for row, (title, name) in enumerate(
                zip(catalogue.titles, catalogue.item_ids, strict=True)
            )
            if wanted in title.casefold() or wanted == name.casefold()
        )
        return np.array([row for row, _ in zip(found, range(_MOST_FOUND), strict=False)], dtype=int)

    def _case(self, row: int) -> Case:
        return Case(row, int(self._shown.item[row]))

    def _one_a_user(self, rows: IntArray) -> list[int]:
        _, first = np.unique(self._shown.user[rows], return_index=True)
        return [int(row) for row in rows[np.sort(first)]]
