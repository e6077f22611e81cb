"""Intention prototypes of a sequence model: k-means centroids of what it makes of sequences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor

from recommender.sequence.encoder import SequenceEncoder
from simulator.domain import IntArray
from simulator.errors import ConfigError

_TILE = 256


def fit_prototypes(rows: Tensor, n_intentions: int, draws: torch.Generator) -> Tensor:
    """K-means centroids; the same rows and draws give the same, to the last bit.

    Args:
        rows: Representations of sequences, shape (n, d).
        n_intentions: How many, 1 or more.
        draws: For the k-means++ start.

    Returns:
        float32, shape (n_intentions, d).

    Raises:
        ConfigError: If there are fewer distinct rows than prototypes.
    """
    points = rows.numpy().astype(np.float64)
    distinct = len(np.unique(points, axis=0))
    if n_intentions > distinct:
        raise ConfigError(
            f"n_intentions={n_intentions} prototypes cannot be made of {len(rows)} sequences "
            f"({distinct} distinct representations); ask for {distinct} or fewer, or train on "
            "more users."
        )
    start = int(torch.randint(2**31, (), generator=draws))
    # One thread: scikit-learn adds the threads' partial sums in the order they end.
    with threadpool_limits(limits=1):
        found = KMeans(n_intentions, n_init=1, random_state=start).fit(points)
    return torch.from_numpy(found.cluster_centers_.astype(np.float32))


def nearest_prototype(rows: Tensor, prototypes: Tensor) -> Tensor:
    """`argmin_m ||c_m - h||^2` for each row h, int64, shape (n,); ties go to the lower one."""
    # ||c - h||^2 = ||h||^2 + 2 (||c||^2 / 2 - c . h); the first term is the row's own.
    return (prototypes.square().sum(1) / 2 - rows.detach() @ prototypes.T).argmin(1)


def states_of(encoder: SequenceEncoder, windows: IntArray) -> Iterator[tuple[Tensor, Tensor]]:
    """The encoder's output for many windows, a tile at a time and without gradients.

    Args:
        encoder: In evaluation mode.
        windows: Item ids, shape (n, L).

    Yields:
        Windows, int64, shape (tile, L), and outputs, shape (tile, L, d).
    """
    for tile in torch.split(torch.from_numpy(windows.astype(np.int64)), _TILE):
        with torch.no_grad():
            states = encoder(tile)
        yield tile, states


def mean_over_items(states: Tensor, windows: Tensor) -> Tensor:
    """The mean of the outputs at the places that hold an item.

    Args:
        states: shape (n, L, d).
        windows: Item ids, 0 for padding, shape (n, L).

    Returns:
        shape (n, d); 0 for a window of padding alone.
    """
    present = (windows > 0).to(states.dtype)[:, :, None]
    return (states * present).sum(1) / present.sum(1).clamp(min=1)
