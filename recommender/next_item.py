"""Recommending what the user is likely to want next, without any target in mind."""

from __future__ import annotations

from recommender.representation import Representation
from recommender.unseen import best_unseen
from simulator.describe import describe
from simulator.domain import FloatArray, IntArray
from simulator.interfaces import RoundView
from simulator.scores import inner


class NextItem:
    """The unseen item of largest `f_u . e_i`; what SASRec and its kin recommend.

    Args:
        representation: A sequence model, or `PresentPreference(vectors)`.
    """

    def __init__(self, representation: Representation) -> None:
        self.representation = representation

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,).

        Raises:
            ConfigError: If a user has seen everything, or the catalogue is another.
        """
        items = self.representation.items
        users = self.representation.users(view)

        def score(part: slice) -> FloatArray:
            return inner(users[part], items)

        return best_unseen(view, len(items), score)

    def describe(self) -> str:
        """The settings that decide what it shows."""
        return f"NextItem(representation={describe(self.representation)})"
