"""What every nudging method needs of a round: how far each item leads towards the target."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np

from simulator.domain import FloatArray, IntArray
from simulator.domain.vectors import unit_rows
from simulator.errors import ConfigError, UnknownNameError
from simulator.interfaces import RoundView
from simulator.scores import paired
from simulator.search import ItemSearch, Nudges

Similarity: TypeAlias = Literal["inner", "cosine"]


class Nudge:
    """How far each item leads from the user towards the target: `(e_i - f_u) . e_j`.

    For a given user it ranks items by their product with the target alone; its sign says whether
    accepting item i brings the user nearer to the target.

    Args:
        items: e_i, shape (n_items, d).
        similarity: "inner", as the equation stands, or "cosine", `cos(e_i, e_j) - cos(f_u, e_j)`,
            as ITMPRec's released code has it; the same thing on unit vectors.

    Raises:
        UnknownNameError: If there is no such similarity.
    """

    def __init__(self, items: FloatArray, similarity: Similarity) -> None:
        if similarity not in get_args(Similarity):
            raise UnknownNameError("nudge", similarity, get_args(Similarity))
        self.similarity = similarity
        self._items = unit_rows(items) if similarity == "cosine" else items
        self._search = ItemSearch(self._items)

    def __call__(self, users: FloatArray, target: IntArray) -> Nudges:
        """The nudge of every item.

        Args:
            users: f_u, shape (n, d).
            target: j, catalogue rows, shape (n,).
        """
        if self.similarity == "cosine":
            users = unit_rows(users)
        # Episodes share few targets; each is multiplied with the items once.
        distinct, row = np.unique(target, return_inverse=True)
        towards = self._search.products(self._items[distinct])
        return Nudges(towards, row, paired(users, self._items[target]))


def check_targets(view: RoundView, n_items: int) -> IntArray:
    """The targets' catalogue rows, shape (n,).

    Raises:
        ConfigError: If an episode has no target, or one outside the catalogue.
    """
    astray = np.flatnonzero((view.target < 0) | (view.target >= n_items))
    if len(astray):
        raise ConfigError(
            f"User {view.user[astray[0]]} has no item to be nudged towards (target "
            f"{view.target[astray[0]]}, {len(astray)} such episodes); pass targets in "
            f"0..{n_items - 1}, for instance from `prematch`."
        )
    return view.target
