"""Recommenders that know nothing of the user: chance and popularity."""

from __future__ import annotations

import numpy as np

from recommender.unseen import check_view
from simulator.domain import FloatArray, IntArray, Interactions
from simulator.interfaces import RoundView
from simulator.scores import tiles
from simulator.seeding import uniforms

STREAM = "recommend-random"
"""The draws' own stream: showing and clicking never share their luck."""


class RandomItems:
    """Any unseen item, each as likely as the next.

    One counter-based draw for each (user, target, round) picks the k-th unseen item, so the choice
    depends neither on the block nor on what other episodes do.
    """

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,).

        Raises:
            ConfigError: If a user has seen everything.
        """
        check_view(view, view.seen.shape[1])
        draw = uniforms(view.seed, STREAM, view.user, view.target, view.round)
        chosen = np.empty(len(view), dtype=np.int32)
        for part in tiles(len(view)):
            unseen_so_far = np.cumsum(~view.seen[part], axis=1, dtype=np.int32)
            place = (draw[part] * unseen_so_far[:, -1]).astype(np.int32)
            chosen[part] = (unseen_so_far <= place[:, None]).sum(axis=1)
        return chosen


class PopularItems:
    """The unseen item with the most interactions; ties go to the lower row.

    Args:
        interactions: Where items are counted (the training part of a log).
    """

    def __init__(self, interactions: Interactions) -> None:
        counts = np.bincount(interactions.item, minlength=interactions.n_items)
        self.popularity: FloatArray = counts.astype(np.float64)
        """Interactions of each item, float64, shape (n_items,)."""

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,).

        Raises:
            ConfigError: If a user has seen everything, or the catalogue is another.
        """
        check_view(view, len(self.popularity))
        best = np.empty(len(view), dtype=np.int32)
        for part in tiles(len(view)):
            best[part] = np.where(view.seen[part], -1, self.popularity).argmax(axis=1)
        return best
