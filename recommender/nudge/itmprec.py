"""ITMPRec's final score: liking and shared intention, times how far the item leads."""

from __future__ import annotations

import numpy as np

from recommender.checks import check_not_negative
from recommender.nudge.intention import Intentions
from recommender.nudge.liking import Liking, check_liking, liked
from recommender.nudge.steering import Nudge, Similarity, check_targets
from recommender.representation import PresentPreference, Representation
from recommender.unseen import check_view
from simulator.describe import describe
from simulator.domain import FloatArray, IntArray, Vectors
from simulator.errors import ConfigError
from simulator.interfaces import RoundView
from simulator.scores import inner
from simulator.search import ItemSearch, Score


class ITMPRec:
    """Intention-based nudging (Lian, Song, Ge: ITMPRec, WWW 2025), the final score.

    `score(u, i) = (f_u . e_i + lambda * c_u . c_i) * ((e_i - f_u) . e_j)`, argmax over unseen
    items. `c_u` is the prototype nearest to the user's vector, found anew each round; `c_i` the
    item's, found once.

    Args:
        vectors: The space in which a run's preferences live: a run keeps those at unit length, so
            pass `vectors.normalised()`.
        intentions: Prototypes in the space of `representation`, for instance those of a sequence
            model; 32 found by k-means in `vectors` by default.
        representation: The vectors to score with; the users' present preferences by default, or a
            sequence model, which knows of users what their histories tell.
        intention_weight: lambda, 0 or more; 0 leaves IPG.
        liking: "sigmoid" takes the sigmoid of f_u . e_i and of c_u . c_i, "inner" both as they
            stand; see `check_liking` for why it matters.
        nudge: "inner" or "cosine"; see `Nudge`.

    Raises:
        ConfigError: If a setting is out of range, or intentions are missing or of another space.
        UnknownNameError: If there is no such liking or nudge.
    """

    def __init__(
        self,
        vectors: Vectors,
        *,
        intentions: Intentions | None = None,
        representation: Representation | None = None,
        intention_weight: float = 1.0,
        liking: Liking = "sigmoid",
        nudge: Similarity = "inner",
    ) -> None:
        check_not_negative(intention_weight=intention_weight)
        if intentions is None and representation is not None:
            raise ConfigError(
                "A representation needs intentions of its own space: pass `intentions`, "
                "for instance Intentions.fit(representation.items, n_intentions=32, seed=0)."
            )
        check_liking(liking)
        self.liking: Liking = liking
        self.vectors = vectors
        self.representation = representation or PresentPreference(vectors)
        self.intentions = intentions or Intentions.fit(
            vectors.item, vectors.user, n_intentions=32, seed=0
        )
        self.intention_weight = intention_weight
        self.nudge = Nudge(self.representation.items, nudge)
        prototypes, items = self.intentions.prototypes, self.representation.items
        if prototypes.shape[1] != items.shape[1]:
            raise ConfigError(
                f"Intentions of {prototypes.shape[1]} dimensions for items of {items.shape[1]}; "
                "give both the same space."
            )
        item_prototypes = prototypes[self.intentions.nearest(items)]
        shared = liked(liking, inner(prototypes, item_prototypes))
        self._bonus: FloatArray = np.float32(intention_weight) * shared
        """lambda * liking of c_m . c_i, float32, shape (n_intentions, n_items)."""
        self._search = ItemSearch(items)

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,).

        Raises:
            ConfigError: Without user vectors or targets, or if a user has seen everything.
        """
        check_view(view, len(self._search))
        users, target = self.representation.users(view), check_targets(view, len(self._search))
        score = Score(
            self.liking, self.nudge(users, target), self._bonus, self.intentions.nearest(users)
        )
        return self._search.best(users, score, view.seen)

    def describe(self) -> str:
        """The settings that decide what it shows."""
        return (
            f"ITMPRec(intention_weight={self.intention_weight:g}, "
            f"n_intentions={len(self.intentions.prototypes)}, liking={self.liking!r}, "
            f"nudge={self.nudge.similarity!r}, representation={describe(self.representation)})"
        )
