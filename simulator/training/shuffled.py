"""Pasts that might have been: random parts of a user's log in place of what came first.

Time gives a user few pasts, one longer than the other. Taste hardly depends on what a user met
first, so any part of the log may play the past of any other, and no two passes are alike. The
history of such a past holds what was clicked. In a log of ratings, whose histories hold all that
was rated, that is what the user liked: a lesson plainer than life, from which a network learns
sooner to compare a candidate with a history.
"""

from __future__ import annotations

import numpy as np

from prompts.window import windowed
from simulator.domain import Dataset, IntArray, Ragged
from simulator.training.lessons import Lesson

_FEWEST = 3
"""Rows of a past."""
_MOST_ASKED = 16


class ShuffledPasts:
    """Draws lessons from the logs of users.

    Args:
        data: With a log.
        users: User rows.
        window: The template's history window and drop.
    """

    def __init__(self, data: Dataset, users: IntArray, window: tuple[int, int]) -> None:
        assert data.log is not None
        self._data, self._log, self._window = data, data.log, window
        rows = np.flatnonzero(np.isin(data.log.user, users))
        rows = rows[np.lexsort((data.log.position[rows], data.log.time[rows], data.log.user[rows]))]
        self._rows = rows
        self._ends = np.searchsorted(data.log.user[rows], np.arange(data.n_users + 1))

    def lesson(self, user: int, rng: np.random.Generator) -> tuple[Lesson, IntArray] | None:
        """A lesson, and the log rows that play its past; None for a user with too few rows."""
        rows = self._rows[self._ends[user] : self._ends[user + 1]]
        if len(rows) <= _FEWEST:
            return None
        order = rng.permutation(len(rows))
        size = int(rng.integers(_FEWEST, len(rows)))
        past = rows[np.sort(order[:size])]
        asked = rows[order[size : size + _MOST_ASKED]]
        history = np.concatenate([self._before_the_log(user, rows), self._clicked(past)])
        history = windowed(Ragged.from_rows([history]), *self._window)[0]
        lesson = Lesson(
            history,
            self._log.item[asked],
            self._log.clicked[asked],
            asked,
            np.full(len(asked), len(history)),
            user=user,
            time=int(self._log.time[rows[0]]),
        )
        return lesson, past

    def _before_the_log(self, user: int, rows: IntArray) -> IntArray:
        """What the user had accepted before the first logged exposure."""
        interactions = self._data.interactions
        start, end = interactions.offsets[user : user + 2]
        until = np.searchsorted(interactions.time[start:end], self._log.time[rows[0]])
        return interactions.item[start : start + until]

    def _clicked(self, rows: IntArray) -> IntArray:
        return self._log.item[rows][self._log.clicked[rows]]
