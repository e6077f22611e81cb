"""From what a recommender chose to what a click model sees, and how far users will move."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from simulator.describe import describe
from simulator.domain import Dataset, Exposures, FloatArray, IntArray, Vectors
from simulator.interfaces import PreferenceEvolution, RoundView
from simulator.seeding import uniforms
from simulator.validation import as_weights

Draws: TypeAlias = Literal["by target", "shared"]
"""Whether a user's luck is drawn for each target, or is the same for all of them."""


def exposures(
    view: RoundView,
    items: IntArray,
    data: Dataset,
    vectors: Vectors | None,
    draws: Draws = "by target",
) -> Exposures:
    """What the episodes of a view are shown, ordered by episode and position.

    Args:
        view: n episodes; its seed and round decide the draws.
        items: Catalogue rows, shape (n, k).
        data: Whose catalogue the rows number.
        vectors: Of unit length; None where there are none.
        draws: See `Draws`.
    """
    n, slate = items.shape
    episode = np.repeat(np.arange(n), slate)
    position = np.tile(np.arange(slate, dtype=np.int32), n)
    item = items.ravel().astype(np.int32)
    user, target = view.user[episode], view.target[episode]
    luck = target if draws == "by target" else -1
    return Exposures(
        user=user,
        item=item,
        target=target,
        round=np.full(len(item), view.round, dtype=np.int32),
        position=position,
        history=view.history if slate == 1 else view.history.take(episode),
        draw=uniforms(view.seed, "click", user, luck, view.round, position),
        user_vectors=None if view.preference is None else view.preference[episode],
        item_vectors=None if vectors is None else vectors.item[item],
        catalogue=data.catalogue,
    )


def kept_weights(view: RoundView, evolution: PreferenceEvolution) -> FloatArray:
    """How much of its preference each episode would keep at a click, shape (n,); NaN without any.

    Raises:
        ConfigError: If the evolution's answer is no weight.
    """
    if view.preference is None:
        return np.full(len(view), np.nan, dtype=np.float32)
    return as_weights(evolution.kept_weight(view), view, describe(evolution))
