"""User and item vectors of one space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.domain.arrays import FloatArray
from simulator.errors import DataError


def unit_rows(rows: FloatArray) -> FloatArray:
    """Every row scaled to length 1; a zero row stays zero, and so has cosine 0 with everything."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms == 0, 1, norms).astype(rows.dtype)


@dataclass(frozen=True, eq=False)
class Vectors:
    """Embeddings of all users and all items.

    Attributes:
        user: float32, shape (n_users, d).
        item: float32, shape (n_items, d).

    Raises:
        DataError: If shapes disagree or a value is not finite.
    """

    user: FloatArray
    item: FloatArray

    def __post_init__(self) -> None:
        if self.user.ndim != 2 or self.item.ndim != 2 or self.user.shape[1] != self.item.shape[1]:
            raise DataError(
                f"User vectors {self.user.shape} and item vectors {self.item.shape} "
                "must be two matrices of equal width."
            )
        for name, rows in (("user", self.user), ("item", self.item)):
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
            if len(bad):
                raise DataError(
                    f"{name} vector {bad[0]} is not finite ({len(bad)} such rows); "
                    "train with a smaller learning rate, or drop these rows."
                )

    def normalised(self) -> Vectors:
        """Every vector scaled to length 1 (zero vectors stay zero)."""
        return Vectors(unit_rows(self.user), unit_rows(self.item))
