"""Estimate from a log with positions how often each place of a slate is examined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.domain import BoolArray, Exposures, FloatArray, IntArray
from simulator.errors import ConfigError, DataError
from simulator.interfaces import ClickModel

_STEPS = 20_000
_STILL = 1e-7
"""The expectation-maximisation ends when no examination moves further than this in a step."""


def fit_examination(
    shown: Exposures, clicked: BoolArray, attraction: ClickModel | None = None
) -> FloatArray:
    """P(examined) by position under the position-based model, by expectation-maximisation.

    The model is `P(click) = P(examined at k) * P(attracted)` (Chuklin, Markov and de Rijke, *Click
    Models for Web Search*, 2015, Section 3.3 and its estimation in 4.3). Without `attraction` each
    item attracts all users alike, which needs items that were shown in several positions, and is
    right also for users of different tastes where chance put the items there. Only ratios of
    examinations can then be told, so the largest is set to 1. With `attraction`, a model that knows
    nothing of positions, its P(click) is taken for the truth, and the scale with it.

    Args:
        shown: n logged exposures with their positions, such as `Dataset.logged_exposures()`.
        clicked: What the users did, real no-clicks included, shape (n,).
        attraction: Gives P(attracted) row by row; rows without one are left out.

    Returns:
        In [0, 1], float64, shape (k,), k the longest slate.

    Raises:
        DataError: If the log cannot tell: only one position, no clicks, a position that is never
            shown, or positions that share no item.
        ConfigError: If lengths differ, or `attraction` gives no probability.
    """
    if len(clicked) != len(shown):
        raise ConfigError(f"{len(shown)} exposures, but {len(clicked)} answers; give one each.")
    _check_log(shown.position, clicked)
    if attraction is not None:
        return _given_attraction(shown, clicked, attraction)
    _, item = np.unique(shown.item, return_inverse=True)
    _check_connected(item, shown.position)
    return _with_items(item, shown.position, clicked)


def _given_attraction(shown: Exposures, clicked: BoolArray, attraction: ClickModel) -> FloatArray:
    alpha = attraction.decide(shown).probability.astype(np.float64)
    rows = np.flatnonzero(np.isfinite(alpha))
    if not len(rows):
        raise ConfigError(
            "The attraction model gave no probability; an agent gives them with "
            'mode="sample" or mode="argmax".'
        )
    position, alpha, passed = shown.position[rows], alpha[rows], ~clicked[rows]
    _check_log(position, clicked[rows])
    shows, clicks = np.bincount(position), np.bincount(position, weights=clicked[rows])
    position, alpha = position[passed], alpha[passed]

    def step(examined: FloatArray) -> FloatArray:
        here = examined[position]
        unmoved = here * (1 - alpha) / np.maximum(1 - here * alpha, 1e-12)
        return (clicks + np.bincount(position, weights=unmoved, minlength=len(shows))) / shows

    return _settled(step, len(shows))


def _with_items(item: IntArray, position: IntArray, clicked: BoolArray) -> FloatArray:
    """Examination and the items' attraction together, from counts by item and position."""
    shape = int(item.max()) + 1, int(position.max()) + 1
    cell = item * shape[1] + position
    shows = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    clicks = np.bincount(cell[clicked], minlength=shows.size).reshape(shape)
    passed = shows - clicks
    alpha = clicks.sum(axis=1) / shows.sum(axis=1)

    def step(examined: FloatArray) -> FloatArray:
        nonlocal alpha
        both = examined * alpha[:, None]
        missed = passed / np.maximum(1 - both, 1e-12)
        looked = (missed * (examined - both)).sum(axis=0)
        liked = (missed * (alpha[:, None] - both)).sum(axis=1)
        alpha = (clicks.sum(axis=1) + liked) / shows.sum(axis=1)
        return np.asarray((clicks.sum(axis=0) + looked) / shows.sum(axis=0))

    examined = _settled(step, shape[1])
    return np.asarray(examined / examined.max())


def _settled(step: Callable[[FloatArray], FloatArray], positions: int) -> FloatArray:
    """Repeat a step until its examinations stand still."""
    examined = np.full(positions, 0.5)
    for _ in range(_STEPS):
        before, examined = examined, step(examined)
        if np.abs(examined - before).max() < _STILL:
            break
    return examined


def _check_log(position: IntArray, clicked: BoolArray) -> None:
    if not clicked.any():
        raise DataError("Nothing was clicked in this log, so it tells nothing of examination.")
    shows = np.bincount(position)
    if len(shows) == 1:
        raise DataError(
            "All exposures of this log stand in position 0 (or its positions are not known), so "
            "it tells nothing of examination; give a log of slates with positions."
        )
    if not shows.all():
        raise DataError(
            f"Position {int(np.flatnonzero(shows == 0)[0])} is never shown, position "
            f"{len(shows) - 1} is; number the positions of a slate from 0 without gaps."
        )


def _check_connected(item: IntArray, position: IntArray) -> None:
    """Positions that share no item, not even through others, cannot be compared."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    items, positions = int(item.max()) + 1, int(position.max()) + 1
    edges = coo_matrix(
        (np.ones(len(item)), (item, items + position)), shape=(items + positions,) * 2
    )
    _, group = connected_components(edges, directed=False)
    apart = np.flatnonzero(group[items:] != group[items])
    if len(apart):
        raise DataError(
            f"No item links position {apart[0]} to position 0: each item was always shown in the "
            "same places, so its attraction and its place cannot be told apart. Use a log in which "
            "items change places, or pass an `attraction` model."
        )
