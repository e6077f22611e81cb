"""Which logged exposures a recommender chooses among, and what it would have chosen."""

from __future__ import annotations

import numpy as np

from evals.labelled import LabelledExposures
from simulator.domain import FloatArray, IntArray
from simulator.seeding import uniforms


def slates_of(log: LabelledExposures) -> tuple[IntArray, str]:
    """The slates of a log, and in a few words what they are.

    A slate is what a user was shown at one moment, where at least half of the rows share their
    moment with another. Elsewhere (ratings that came in one by one) it is all of a user's rows.

    Returns:
        A number for each row, int64, shape (n,), and "moment" or "user".
    """
    _, slate, size = np.unique(log.slate, return_inverse=True, return_counts=True)
    if (size[slate] > 1).mean() >= 0.5:
        return slate.astype(np.int64), "moment"
    _, user = np.unique(log.shown.user, return_inverse=True)
    return user.astype(np.int64), "user"


def tie_order(log: LabelledExposures, seed: int) -> FloatArray:
    """A seeded number for each row, by its user and item alone: equal scores are told by it.

    Without it, the order of the log would decide for a recommender that knows nothing of a slate,
    and logs have an order: clicks first, or the better item first.

    Returns:
        In [0, 1), float64, shape (n,).
    """
    return uniforms(seed, "slate ties", log.shown.user, log.shown.item, 0, log.shown.position)


def picks(slate: IntArray, score: FloatArray, order: FloatArray, k: int) -> IntArray:
    """The k rows of each slate with the best scores.

    Args:
        slate: shape (n,).
        score: Finite, shape (n,).
        order: What decides between equal scores, the larger first, shape (n,).
        k: 1 or more; a smaller slate is picked whole.

    Returns:
        Row numbers, ascending.
    """
    best = np.lexsort((-order, -score, slate))
    starts = np.flatnonzero(np.diff(slate[best], prepend=-1))
    place = np.arange(len(best)) - np.repeat(starts, np.diff(np.append(starts, len(best))))
    return np.sort(best[place < k])
