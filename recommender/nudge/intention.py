"""Intentions: a few prototypes that users and items share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from simulator.domain import FloatArray, IntArray
from simulator.domain.vectors import unit_rows
from simulator.errors import ConfigError
from simulator.scores import inner
from simulator.seeding import generator

Distance: TypeAlias = Literal["euclidean", "cosine"]


@dataclass(frozen=True, eq=False)
class Intentions:
    """Prototypes c_m, and which of them is nearest.

    Attributes:
        prototypes: float32, shape (n_intentions, d).
        nearest_by: The least Euclidean distance, as ITMPRec defines it, or the greatest "cosine",
            as its released code has it.
    """

    prototypes: FloatArray
    nearest_by: Distance = "euclidean"

    @classmethod
    def fit(
        cls, *rows: FloatArray, n_intentions: int, seed: int, nearest_by: Distance = "euclidean"
    ) -> Intentions:
        """K-means over users and items together, since both are assigned to the prototypes.

        The same vectors and seed give the same prototypes, to the last bit.

        Args:
            rows: Matrices of vectors, users' and items', each shape (n, d).
            n_intentions: Prototypes, 1 or more; about 32 for small catalogues.
            seed: Of the k-means++ start.
            nearest_by: See `Intentions`.

        Raises:
            ConfigError: If there are fewer distinct vectors than prototypes.
        """
        points = np.concatenate(rows).astype(np.float64)
        distinct = len(np.unique(points, axis=0))
        if not 1 <= n_intentions <= distinct:
            raise ConfigError(
                f"n_intentions={n_intentions} must lie in 1..{distinct}, the number of distinct "
                "user and item vectors."
            )
        # One thread: scikit-learn adds the threads' partial sums in the order they end.
        with threadpool_limits(limits=1):
            found = KMeans(n_intentions, n_init=4, random_state=seed % 2**32).fit(points)
        return cls(found.cluster_centers_.astype(np.float32), nearest_by)

    @classmethod
    def untrained(
        cls, n_intentions: int, dimension: int, *, seed: int, nearest_by: Distance = "euclidean"
    ) -> Intentions:
        """Prototypes at their random start, normal with standard deviation 0.02.

        This is what the evaluation of ITMPRec's released code works with, since the prototypes of
        its training are not kept; the shared intention is then next to a constant.
        """
        draws = generator(seed, "untrained-intentions")
        start = draws.standard_normal((n_intentions, dimension), dtype=np.float32)
        return cls(np.float32(0.02) * start, nearest_by)

    def nearest(self, rows: FloatArray) -> IntArray:
        """The prototype of each row, shape (n,); ties go to the lower prototype."""
        if self.nearest_by == "cosine":
            # A row's own length scales all its cosines alike.
            return np.asarray(inner(rows, unit_rows(self.prototypes)).argmax(axis=1))
        # ||c - e||^2 = ||e||^2 + 2 (||c||^2 / 2 - c . e); the first term is the row's own.
        half_norms = (self.prototypes**2).sum(axis=1) / 2
        return np.asarray((half_norms - inner(rows, self.prototypes)).argmin(axis=1))
