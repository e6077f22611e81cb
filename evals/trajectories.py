"""Where users stood after each round, computed anew from a run's log."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulator.domain import FloatArray, Vectors
from simulator.preference import evolve
from simulator.runlog import Run


def preferences(run: Run, vectors: Vectors) -> Iterator[FloatArray]:
    """The preference vectors of a run's episodes before round 1 and after each round.

    The log has what was shown, clicked, and kept; with the vectors that the run began with, nothing
    else decides where its users go.

    Args:
        run: Its episodes in their order.
        vectors: Of all users and items, those that the run was played with.

    Yields:
        float32, shape (n_episodes, d), rounds + 1 times.
    """
    # As the loop scales them; unit vectors, scaled once more, may change in the last bit.
    vectors = vectors.normalised()
    preference = vectors.user[run.episodes["user"].to_numpy()]
    yield preference
    for _, rows in run.exposures.groupby("round", sort=True):
        for _, shown in rows.groupby("position", sort=True):
            preference = evolve(
                preference,
                vectors.item[shown["item"].to_numpy()],
                shown["clicked"].to_numpy(dtype=bool),
                shown["kept_weight"].to_numpy(dtype=np.float32),
            )
        yield preference
