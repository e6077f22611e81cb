"""The sequence model that both axes of a comparison ask, trained once on early interactions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.config import RunConfig
from simulator.domain import Dataset, IntArray, Interactions
from simulator.experiment.sequence import sequence_model
from simulator.experiment.world import Say, World, fit_vectors

if TYPE_CHECKING:
    from recommender.sequence import SequenceModel

SEQUENCE_COST = 250_000_000
"""Early interactions times items up to which SASRec is trained, in about three minutes on a core:
its loss looks at every item at every place of a history."""


def early_sequence_model(
    config: RunConfig, data: Dataset, early: Interactions, say: Say
) -> SequenceModel | None:
    """SASRec, from the cache folder where it is there already.

    Args:
        config: The seed, the vectors' settings, and the protocol, which says what it starts from.
        data: Whose interactions these are.
        early: What it is trained on (`LogSplit.early`).
        say: Told what is going on.

    Returns:
        None, with the reason said, where training would take too long (`SEQUENCE_COST`).
    """
    if len(early) * data.n_items > SEQUENCE_COST:
        say(
            f"sasrec is left out: {len(early):,} interactions with {data.n_items:,} items would "
            "take it too long"
        )
        return None
    vectors = fit_vectors(early, config.vectors, config.seed, say)
    nobody: IntArray = np.empty(0, dtype=np.int32)
    world = World(replace(data, interactions=early), vectors.normalised(), vectors, nobody, nobody)
    return sequence_model(config, world, "sasrec", say)
