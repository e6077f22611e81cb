"""TIAC, the target-individual arousal coefficient: how readily a user moves with a click."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from recommender.nudge.steering import check_targets
from recommender.representation import PresentPreference, Representation
from recommender.unseen import check_view
from simulator.describe import describe
from simulator.domain import FloatArray, IntArray, Vectors
from simulator.domain.vectors import unit_rows
from simulator.errors import ConfigError, UnknownNameError
from simulator.interfaces import RoundView
from simulator.search import ItemSearch

_POOLS: dict[str, Callable[..., Any]] = {"mean": np.nanmean, "max": np.nanmax, "sum": np.nansum}


class Arousal:
    """Users move faster towards a target that is like what they would enjoy next.

    The sensitivity is `s_u = pool over i in hp(u) of cos(e_i, e_j)`, with hp(u) the `top` unseen
    items of highest cosine to the user's present vector and e_j the target, clipped to
    [`floor`, 1]. The weight kept is `beta_u = 1 - s_u`, so that on a click
    `e_u <- (1 - s_u) e_u + s_u e_i` (Lian, Song, Ge: ITMPRec, WWW 2025).

    Read to the letter, the paper puts the pooled cosine itself in the place of the weight kept.
    Then the users least drawn to the target would leap furthest, and a user without any affinity
    would become the clicked item: the contrary of a sensitivity. The authors' released code keeps
    1 - max(0.2, mean cosine), which its published figures come from and which is the default here.

    Args:
        vectors: Item vectors, in the space of the run's user vectors.
        representation: The vectors in which cosines are taken; the users' present preferences and
            `vectors` by default.
        top: Q, the number of unseen items looked at, 1 or more; all where fewer are unseen.
        pooling: "mean", "max" or "sum".
        floor: The least sensitivity, in [0, 1]: 0.2 is the pace of a fixed weight of 0.8, and at 0
            a click leaves users without affinity to the target where they are.
        keeps: The weight kept is the "complement" of the sensitivity, or the "cosine", the
            sensitivity itself, as the paper's equation is printed.
        decimals: Round the weight kept to so many places, as the released code does (3); None
            leaves it.

    Raises:
        ConfigError: If a setting is out of range.
        UnknownNameError: If there is no such pooling.
    """

    def __init__(
        self,
        vectors: Vectors,
        *,
        representation: Representation | None = None,
        top: int = 10,
        pooling: str = "mean",
        floor: float = 0.2,
        keeps: Literal["complement", "cosine"] = "complement",
        decimals: int | None = None,
    ) -> None:
        if pooling not in _POOLS:
            raise UnknownNameError("pooling", pooling, _POOLS)
        if top < 1:
            raise ConfigError(f"top={top} must be 1 or more.")
        if keeps not in ("complement", "cosine"):
            raise UnknownNameError("weight kept", keeps, ("complement", "cosine"))
        if not 0 <= floor <= 1:
            raise ConfigError(f"floor={floor} must lie in [0, 1].")
        self.pooling = pooling
        self.top = top
        self.floor = floor
        self.keeps = keeps
        self.decimals = decimals
        self.representation = representation or PresentPreference(vectors)
        self.directions: FloatArray = unit_rows(self.representation.items)
        """Item vectors of length 1, float32, shape (n_items, d)."""
        self._search = ItemSearch(self.directions)

    def kept_weight(self, view: RoundView) -> FloatArray:
        """beta_u in [0, 1], float32, shape (n,).

        Raises:
            ConfigError: Without user vectors or targets, or if a user has seen everything.
        """
        check_view(view, len(self._search))
        users, target = self.representation.users(view), check_targets(view, len(self._search))
        # A user's length scales all its cosines alike, and so leaves their order alone.
        favourites = self._search.top(users, view.seen, min(self.top, len(self._search)))
        sensitivity = self._pool(favourites, target).astype(np.float32)
        kept: FloatArray = np.clip(sensitivity, np.float32(self.floor), 1)
        if self.keeps == "complement":
            kept = 1 - kept
        return kept if self.decimals is None else kept.round(self.decimals)

    def _pool(self, favourites: IntArray, target: IntArray) -> FloatArray:
        """Pooled cosine of each row's items to its target, shape (n,)."""
        distinct, row = np.unique(target, return_inverse=True)
        cosines = self._search.products(self.directions[distinct])
        # A place without an item, where too few are unseen, is left out.
        cosines = np.pad(cosines, ((0, 0), (0, 1)), constant_values=np.nan)
        pooled = _POOLS[self.pooling](cosines[row[:, None], favourites].astype(np.float64), axis=1)
        return np.asarray(pooled)

    def describe(self) -> str:
        """The settings that decide how users move."""
        return (
            f"Arousal(top={self.top}, pooling={self.pooling!r}, floor={self.floor:g}, "
            f"keeps={self.keeps!r}, decimals={self.decimals}, "
            f"representation={describe(self.representation)})"
        )
