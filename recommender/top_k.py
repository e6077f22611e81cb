"""From a number for user and item to what is shown: the best unseen items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from recommender.checks import check_at_least
from recommender.unseen import check_view
from simulator.describe import describe
from simulator.domain import BoolArray, FloatArray, IntArray
from simulator.errors import ConfigError
from simulator.interfaces import Learner, RoundView, usage_of

PAIRS_ASKED_TOGETHER = 65_536
"""Pairs of user and item that a scorer gets at a time, at most."""


@runtime_checkable
class Scorer(Protocol):
    """A pointwise model: a click rate, a conversion rate, a predicted rating."""

    def score(self, users: IntArray, items: IntArray) -> FloatArray:
        """A number for each pair, the higher the better; rows of the data set, both shape (m,)."""
        ...


ScorerLike: TypeAlias = Scorer | Callable[[IntArray, IntArray], Any]
"""An object with `score(users, items)`, or a plain function of the two."""


class TopK:
    """Shows each episode the k unseen items of the highest score, the best first.

    A pair of user and item is asked once a block and round, whatever the user's targets, and only
    where the item may be shown. Equal scores go to the lower row. Scores must not depend on what
    else is asked in the same call.

    Args:
        scorer: See `ScorerLike`. One that also has `learn` learns (`simulator.interfaces.Learner`).
        k: Items an episode, 1 or more; 1 answers with shape (n,), more with (n, k).

    Raises:
        ConfigError: If k is out of range.
    """

    def __init__(self, scorer: ScorerLike, k: int = 1) -> None:
        check_at_least(1, k=k)
        self.scorer = scorer
        self.k = k

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,) or (n, k).

        Raises:
            ConfigError: If a score is NaN, the scores are not one number a pair, or fewer than k
                items are left for a user.
        """
        n_items = view.seen.shape[1]
        check_view(view, n_items)
        check_room(view, self.k)
        chosen = np.empty((len(view), self.k), dtype=np.int32)
        # Episodes by user, since a user's episodes share their scores.
        order = np.argsort(view.user, kind="stable")
        users, starts = np.unique(view.user[order], return_index=True)
        bounds = np.append(starts, len(view))
        step = max(1, PAIRS_ASKED_TOGETHER // n_items)
        for first in range(0, len(users), step):
            last = min(first + step, len(users))
            rows = order[bounds[first] : bounds[last]]
            own = bounds[first:last] - bounds[first]
            seen = view.seen[rows]
            wanted = np.logical_or.reduceat(~seen, own, axis=0)
            scores = self._scores(users[first:last], wanted)
            lengths = np.diff(bounds[first : last + 1])
            chosen[rows] = _best(np.repeat(scores, lengths, axis=0), seen, self.k)
        return chosen[:, 0] if self.k == 1 else chosen

    def _scores(self, users: IntArray, wanted: BoolArray) -> FloatArray:
        """Scores of the wanted pairs, float64, shape of `wanted`; 0 elsewhere."""
        scores = np.zeros(wanted.shape)
        row, item = np.nonzero(wanted)
        for start in range(0, len(row), PAIRS_ASKED_TOGETHER):
            part = slice(start, start + PAIRS_ASKED_TOGETHER)
            scores[row[part], item[part]] = self._asked(users[row[part]], item[part])
        return scores

    def _asked(self, users: IntArray, items: IntArray) -> FloatArray:
        function = self.scorer.score if isinstance(self.scorer, Scorer) else self.scorer
        answer = function(users, items.astype(np.int32))
        try:
            scores = np.asarray(answer, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"The scorer {describe(self.scorer)} must return numbers: {error}."
            ) from error
        if scores.shape != users.shape:
            raise ConfigError(
                f"The scorer {describe(self.scorer)} was asked about {len(users)} pairs of user "
                f"and item and must return as many numbers; it gave shape {scores.shape}. Of a "
                "classifier's predict_proba, return the column of the click: [:, 1]."
            )
        bad = np.flatnonzero(np.isnan(scores))
        if len(bad):
            raise ConfigError(
                f"The scorer {describe(self.scorer)} gave NaN for user {users[bad[0]]} and item "
                f"{items[bad[0]]} (rows of the data set; {len(bad)} of {len(users)} scores asked): "
                "give every pair a number, a low one to what should not be shown."
            )
        return scores

    def learn(self, user: IntArray, shown: IntArray, clicked: BoolArray) -> None:
        """Hand the run so far to a scorer that learns."""
        if isinstance(self.scorer, Learner):
            self.scorer.learn(user, shown, clicked)

    def usage(self) -> Mapping[str, float]:
        """The scorer's counters, where it has any."""
        return usage_of(self.scorer)

    def describe(self) -> str:
        """The scorer and k."""
        return f"TopK({describe(self.scorer)}, k={self.k})"


def check_room(view: RoundView, k: int) -> None:
    """Refuse a view in which somebody has fewer than k items left to see.

    Raises:
        ConfigError: If there is such an episode.
    """
    left = view.seen.shape[1] - view.seen.sum(axis=1)
    short = np.flatnonzero(left < k)
    if len(short):
        raise ConfigError(
            f"User {view.user[short[0]]} has {left[short[0]]} items left to see in round "
            f"{view.round}, fewer than the slate's {k} ({len(short)} such episodes). Run fewer "
            "rounds, show smaller slates, or use a larger catalogue."
        )


def _best(scores: FloatArray, seen: BoolArray, k: int) -> IntArray:
    """The k unseen items of the highest score, shape (n, k); changes `scores`."""
    # A score may be -inf (the logarithm of 0); an item seen comes after it all the same.
    np.maximum(scores, np.finfo(np.float64).min, out=scores)
    scores[seen] = -np.inf
    best = np.empty((len(scores), k), dtype=np.int32)
    rows = np.arange(len(scores))
    for place in range(k):
        best[:, place] = scores.argmax(axis=1)
        scores[rows, best[:, place]] = -np.inf
    return best
