"""What all adapters share: from a library's scores to the items that are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from recommender.checks import check_at_least
from recommender.top_k import check_room
from recommender.unseen import check_view
from simulator.describe import describe
from simulator.domain import BoolArray, FloatArray, IntArray
from simulator.errors import ConfigError
from simulator.interfaces import Recommender, RoundView
from simulator.scores import tiles


class LibraryRecommender(ABC):
    """Shows each episode the k unseen items of the highest score, the best first.

    Equal scores go to the lower row. A model may know nothing of a user, or of the items that a
    user has not seen yet: there the fallback recommends, after all that the model has scored, and
    that is counted.

    Args:
        n_items: Of the catalogue.
        k: Items an episode, 1 or more; 1 answers with shape (n,), more with (n, k).
        fallback: Who recommends where the model has no score. None: it is an error.

    Raises:
        ConfigError: If k is out of range.
    """

    def __init__(self, n_items: int, *, k: int, fallback: Recommender | None) -> None:
        check_at_least(1, k=k)
        self.n_items = n_items
        self.k = k
        self.fallback = fallback
        self._by_fallback = 0

    @abstractmethod
    def scores(self, view: RoundView) -> FloatArray:
        """What the model thinks of all items for each row, shape (n, n_items).

        NaN where it knows the user or the item not at all. Called with a few hundred rows at most.
        """

    @abstractmethod
    def model_name(self) -> str:
        """The model's name, for manifests and messages."""

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,) or (n, k).

        Raises:
            ConfigError: If fewer than k items are left for a user, or the model has no score for
                one and there is no fallback.
        """
        check_view(view, self.n_items)
        check_room(view, self.k)
        chosen = np.empty((len(view), self.k), dtype=np.int32)
        for part in tiles(len(view)):
            some = view.take(np.arange(part.start, part.stop))
            chosen[part] = self._best(some, np.array(self.scores(some), dtype=np.float64))
        return chosen[:, 0] if self.k == 1 else chosen

    def usage(self) -> Mapping[str, float]:
        """`adapter_by_fallback`: items shown that the fallback chose, since its making."""
        return {"adapter_by_fallback": float(self._by_fallback)}

    def describe(self) -> str:
        """The adapter, the model, k and the fallback."""
        fallback = "none" if self.fallback is None else describe(self.fallback)
        return f"{type(self).__name__}({self.model_name()}, k={self.k}, fallback={fallback})"

    def _best(self, view: RoundView, scores: FloatArray) -> IntArray:
        if scores.shape != view.seen.shape:
            raise ConfigError(
                f"{type(self).__name__}.scores must return shape {view.seen.shape}, one number for "
                f"each episode and item; it gave {scores.shape}."
            )
        taken, row = view.seen.copy(), np.arange(len(view))
        scores[taken | np.isnan(scores)] = -np.inf
        chosen = np.empty((len(view), self.k), dtype=np.int32)
        for place in range(self.k):
            best = scores.argmax(axis=1)
            unscored = np.flatnonzero(scores[row, best] == -np.inf)
            if len(unscored):
                best[unscored] = self._unscored(view, taken, unscored)
            chosen[:, place] = best
            taken[row, best] = True
            scores[row, best] = -np.inf
        return chosen

    def _unscored(self, view: RoundView, taken: BoolArray, rows: IntArray) -> IntArray:
        """The fallback's items for rows where the model has nothing to say."""
        if self.fallback is None:
            raise ConfigError(
                f"{self.describe()} has no score for user {view.user[rows[0]]} in round "
                f"{view.round} ({len(rows)} such episodes): the model does not know the user, or "
                "the user has seen all that it knows. Say who recommends then "
                "(`fallback=PopularItems(data.interactions)`), or leave such users out with "
                "`users=`."
            )
        self._by_fallback += len(rows)
        answer = np.asarray(self.fallback.recommend(replace(view, seen=taken).take(rows)))
        return answer.reshape(len(rows), -1)[:, 0]


def require_finite(scores: FloatArray, model: str) -> FloatArray:
    """The model's own numbers, or an error that names it.

    Raises:
        ConfigError: If one is NaN or infinite.
    """
    if not np.isfinite(scores).all():
        raise ConfigError(
            f"{model} gives numbers that are NaN or infinite, so its training has probably "
            "diverged; train it with a smaller learning rate or more regularisation."
        )
    return scores
