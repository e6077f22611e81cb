"""Pre-match: which items of a pool are worth steering users towards."""

from __future__ import annotations

import numpy as np

from simulator.domain import IntArray, Vectors
from simulator.errors import ConfigError
from simulator.seeding import sample_rows


def prematch(
    vectors: Vectors,
    pool: IntArray,
    n_targets: int,
    *,
    candidates: int | None = None,
    seed: int = 0,
) -> IntArray:
    """The pool's items that users as a whole are nearest to (ITMPRec, WWW 2025, pre-match).

    `L(l) = sum_u e_l . e_u`, the `n_targets` largest, ties by row.

    Args:
        vectors: Users' vectors before the first round, and items'.
        pool: Candidate catalogue rows (a category, say), shape (m,); repeats count once.
        n_targets: How many to take, 1 or more.
        candidates: Look at so many random items of the pool only, as the released code does with
            200; all by default.
        seed: Of that choice.

    Returns:
        Catalogue rows, best first, int32, shape (n_targets,).

    Raises:
        ConfigError: If the pool has fewer distinct items, or an item out of range.
    """
    rows = np.unique(np.asarray(pool, dtype=np.int32))
    n_items = len(vectors.item)
    if len(rows) and not 0 <= rows[0] <= rows[-1] < n_items:
        raise ConfigError(f"The pool's items must lie in 0..{n_items - 1}.")
    if candidates is not None and candidates < len(rows):
        rows = np.sort(rows[sample_rows(seed, "prematch", len(rows), candidates)])
    if not 1 <= n_targets <= len(rows):
        raise ConfigError(
            f"Cannot choose {n_targets} targets from a pool of {len(rows)} items; "
            "ask for fewer, or choose a larger pool (another category, or all items)."
        )
    appeal = vectors.item[rows].astype(np.float64) @ vectors.user.sum(axis=0, dtype=np.float64)
    return rows[np.argsort(-appeal, kind="stable")[:n_targets]]
