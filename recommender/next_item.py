"""Recommending what the user is likely to want next, without any target in mind."""

from __future__ import annotations

from recommender.representation import Representation
from recommender.unseen import check_view
from simulator.describe import describe
from simulator.domain import IntArray
from simulator.interfaces import RoundView
from simulator.search import ItemSearch


class NextItem:
    """The unseen item of largest `f_u . e_i`; what SASRec and its kin recommend.

    Args:
        representation: A sequence model, or `PresentPreference(vectors)`.
    """

    def __init__(self, representation: Representation) -> None:
        self.representation = representation
        self._search = ItemSearch(representation.items)

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,).

        Raises:
            ConfigError: If a user has seen everything, or the catalogue is another.
        """
        check_view(view, len(self._search))
        return self._search.top(self.representation.users(view), view.seen, 1)[:, 0]

    def describe(self) -> str:
        """The settings that decide what it shows."""
        return f"NextItem(representation={describe(self.representation)})"
