"""Agent4Rec's alignment protocol on labelled exposures: can a click model tell liked from not?

Zhang et al., "On Generative Agents in Recommendation", SIGIR 2024, user taste alignment: each agent
is given 20 items, of which it has interacted with one for every m that it has not (1:m), and says
for each whether it would take it; accuracy, precision, recall and F1 are averaged over agents. Here
both kinds are drawn from the user's own logged exposures, so that a no-click is a real one and no
item that the user was never shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evals.labelled import LabelledExposures
from simulator.domain import BoolArray, FloatArray, IntArray
from simulator.seeding import uniforms

RATIOS = {"1:1": 1, "1:3": 3, "1:9": 9}
"""No-clicks drawn for each click."""

MEASURES = ("accuracy", "precision", "recall", "f1")

_ITEMS = 20
"""Items a user is given, at most, as in the protocol."""

_YES = 0.5
"""A model takes an item from this probability on."""


@dataclass(frozen=True, eq=False)
class Trial:
    """The rows that users are asked about at one ratio.

    Attributes:
        row: Rows of the log, int64, shape (k,).
        user: Whose, 0 .. n_users - 1, shape (k,).
        clicked: What they did, shape (k,).
        users: Which users take part, bool, shape (n_users,); the others have too few no-clicks.
    """

    row: IntArray
    user: IntArray
    clicked: BoolArray
    users: BoolArray

    def scores(self, probability: FloatArray) -> FloatArray:
        """Each user's accuracy, precision, recall and F1, shape (n_users, 4).

        Args:
            probability: P(click) of all rows of the log.

        Returns:
            NaN for users who do not take part; a model that takes nothing of a user's items has
            precision and F1 of zero there.
        """
        yes = probability[self.row] >= _YES
        right, taken, hit, clicks, rows = (
            np.bincount(self.user, weights=what, minlength=len(self.users))
            for what in (
                yes == self.clicked,
                yes,
                yes & self.clicked,
                self.clicked,
                np.ones(len(self.row)),
            )
        )
        with np.errstate(invalid="ignore"):
            columns = (
                right / rows,
                hit / np.maximum(taken, 1),
                hit / clicks,
                2 * hit / (taken + clicks),
            )
        return np.where(self.users[:, None], np.stack(columns, axis=1), np.nan)


def draw_trial(log: LabelledExposures, user: IntArray, n_users: int, no_clicks: int) -> Trial:
    """Draw each user's items: one click for every `no_clicks` no-clicks, 20 items at most.

    As many clicks as the user's no-clicks allow. Which rows are drawn depends on the row (user,
    item, slate, position) alone, so neither on the order of the log nor on the other rows' number.

    Args:
        log: Where from.
        user: Each row's user, 0 .. n_users - 1, shape (n,).
        n_users: How many.
        no_clicks: For each click, 1 or more.
    """
    clicks = np.bincount(user, weights=log.clicked, minlength=n_users).astype(np.int64)
    others = np.bincount(user, minlength=n_users) - clicks
    taken = np.minimum(np.minimum(clicks, others // no_clicks), _ITEMS // (no_clicks + 1))
    wanted = np.stack([taken * no_clicks, taken], axis=1)
    shown = log.shown
    luck = uniforms(0, "alignment", shown.user, shown.item, log.slate, shown.position)
    kind = 2 * user + log.clicked
    order = np.lexsort((luck, kind))
    place = np.arange(len(order)) - np.searchsorted(kind[order], kind[order])
    row = order[place < wanted.ravel()[kind[order]]]
    return Trial(row, user[row], log.clicked[row], taken > 0)
