"""Any recommender that speaks of users and items by their ids, and knows nothing of us."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from recommender.adapters.library import LibraryRecommender
from simulator.describe import describe
from simulator.domain import FloatArray
from simulator.errors import ConfigError
from simulator.interfaces import Recommender, RoundView

RankedIds: TypeAlias = Callable[[list[Any], list[list[Any]], int], Sequence[Sequence[Any]]]
"""`f(user_ids, histories, n)`: for each user at most n item ids, the best first.

Histories hold item ids, oldest first; what was shown without a click is not among them.
"""


class ByIds(LibraryRecommender):
    """A callable that ranks item ids for user ids: a library, a service, a table of yesterday's.

    It is asked for as many items as a user may have seen, and k more, and need not leave out what
    a user has seen. Ids that the catalogue lacks are passed over; 7 and "7" are the same id.

    Args:
        function: See `RankedIds`.
        user_ids: Ids of our users, in our order, as the callable knows them (`data.user_ids`).
        item_ids: Ids of our items (`data.catalogue.item_ids`).
        k: Items an episode.
        fallback: Who recommends where the callable names too few unseen items. None: an error.
    """

    def __init__(
        self,
        function: RankedIds,
        user_ids: Sequence[Any],
        item_ids: Sequence[Any],
        *,
        k: int = 1,
        fallback: Recommender | None = None,
    ) -> None:
        super().__init__(len(item_ids), k=k, fallback=fallback)
        self._function = function
        self._user_ids, self._item_ids = list(user_ids), list(item_ids)
        self._row_of = {str(item_id): row for row, item_id in enumerate(self._item_ids)}

    def scores(self, view: RoundView) -> FloatArray:
        """The place in the callable's list, the first highest; NaN for what is not in it."""
        users = [self._user_ids[user] for user in view.user.tolist()]
        histories = [
            [self._item_ids[item] for item in view.history[row].tolist()]
            for row in range(len(view))
        ]
        wanted = min(self.n_items, int(view.seen.sum(axis=1).max(initial=0)) + self.k)
        answer = self._function(users, histories, wanted)
        if isinstance(answer, str) or len(answer) != len(view):
            raise ConfigError(
                f"{self.model_name()} was asked about {len(view)} users and must return as many "
                f"lists of item ids; it gave {len(answer)}."
            )
        scores = np.full(view.seen.shape, np.nan)
        for row, ranked in enumerate(answer):
            ids = dict.fromkeys(map(str, ranked))
            known = [self._row_of[item_id] for item_id in ids if item_id in self._row_of]
            scores[row, known] = np.arange(len(known), 0, -1)
        return scores

    def model_name(self) -> str:
        """The callable's name."""
        return describe(self._function)
