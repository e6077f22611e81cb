"""Groups of items that a teacher takes for alike, by which personas tell users apart.

Categories say what an item is, a factorisation who likes it: films of the same genre may part an
audience. k-means on the items' vectors turns the second into something that a prompt can say.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from prompts import ItemGroups
from simulator.domain import Catalogue, FloatArray
from simulator.seeding import generator

_STARTS = 4
_SMALLEST = 5
"""Items; what a user thinks of fewer is no taste. Smaller groups are dissolved."""
_DIGITS = 3
"""Vectors that agree to so many decimals are the same: the odds hardly differ then."""


def group_items(
    vectors: FloatArray, shown: FloatArray, catalogue: Catalogue, groups: int, *, seed: int
) -> ItemGroups | None:
    """Group the items that were shown; the same arguments give the same groups.

    Args:
        vectors: Of the items, near each other where the same users like them, shape (n_items, d).
        shown: How often each was shown, shape (n_items,); items count by its root.
        catalogue: Whose titles name the groups.
        groups: How many.
        seed: Of the k-means++ starts.

    Returns:
        None if there are fewer different vectors than groups, as where next to nothing was learnt,
        or so few items that no group is left.
    """
    rows = np.flatnonzero(shown)
    points = vectors[rows]
    if not 0 < groups <= len(np.unique(points.round(_DIGITS), axis=0)):
        return None
    state = int(generator(seed, "item groups").integers(2**32))
    found = KMeans(groups, n_init=_STARTS, random_state=state)
    # One thread: scikit-learn adds the threads' partial sums in the order they end.
    with threadpool_limits(limits=1):
        found.fit(points, sample_weight=np.sqrt(shown[rows]))
    group = np.full(len(catalogue), -1)
    sizes = np.bincount(found.labels_)
    group[rows] = np.where(sizes[found.labels_] < _SMALLEST, -1, found.labels_)
    return ItemGroups.of(group, catalogue, shown) if sizes.max() >= _SMALLEST else None
