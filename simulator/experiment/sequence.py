"""Sequence models by name, trained once and kept in the cache folder."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from recommender import PresentPreference, Representation
from recommender.nudge import Intentions
from simulator.config import RunConfig
from simulator.experiment.world import Say, World, cached

if TYPE_CHECKING:
    from recommender.sequence import Objective, SequenceEpoch, SequenceModel

SequenceMethod: TypeAlias = Literal["sasrec", "iclrec", "mstein", "icsrec", "bsarec"]

_SHARED: SequenceMethod = "iclrec"
"""The method whose model stands behind IPG and ITMPRec, as in ITMPRec's released code."""


def representation(
    config: RunConfig, world: World, say: Say, *, method: SequenceMethod | None = None
) -> Representation:
    """What the recommender scores with, under the protocol.

    Args:
        config: The settings.
        world: Of the run.
        say: Told what is going on.
        method: A sequence recommender; None for a nudging method.
    """
    protocol = config.protocol
    if method is None and protocol.user_vector == "preference":
        return PresentPreference(world.vectors)
    own = _SHARED if method is None or protocol.checkpoint == "shared" else method
    model = sequence_model(config, world, own, say)
    if protocol.padding == "right":
        from recommender.sequence.right_padded import RightPadded

        return RightPadded(model, world.data.interactions.histories)
    return model


def intentions(config: RunConfig, world: World, say: Say) -> Intentions:
    """The prototypes that ITMPRec works with, in the space of its representation."""
    protocol, wanted = config.protocol, config.nudge.intentions
    nearest_by = protocol.nearest_prototype
    if protocol.prototypes == "untrained":
        dimension = config.vectors.dimension
        return Intentions.untrained(wanted, dimension, seed=config.seed, nearest_by=nearest_by)
    if protocol.user_vector == "preference":
        return Intentions.fit(
            world.vectors.item,
            world.vectors.user,
            n_intentions=min(wanted, world.data.n_items),
            seed=config.seed,
            nearest_by=nearest_by,
        )
    prototypes = sequence_model(config, world, _SHARED, say).prototypes
    assert prototypes is not None
    return Intentions(prototypes, nearest_by)


def sequence_model(
    config: RunConfig, world: World, method: SequenceMethod, say: Say
) -> SequenceModel:
    """A trained sequence model, from the cache folder where it is there already."""
    from recommender.sequence import (
        EncoderSettings,
        FrequencyMixing,
        TrainingSettings,
        fit_sequence_model,
    )

    protocol, interactions = config.protocol, world.data.interactions
    start = world.vectors.item if protocol.item_start == "simulator" else None
    objective = _objective(method, config.nudge.intentions)
    encoder = EncoderSettings(
        dimension=config.vectors.dimension,
        frequency=FrequencyMixing() if method == "bsarec" else None,
        gaussian=method == "mstein",
    )
    training = TrainingSettings()
    about = {
        "method": method,
        "objective": {k: v for k, v in vars(objective).items() if isinstance(v, int | float | str)},
        "encoder": asdict(encoder),
        "training": asdict(training),
        "start": None if start is None else hashlib.sha256(start.tobytes()).hexdigest(),
        "seed": config.seed,
    }
    path = cached("sequence", interactions, about)
    if not path.exists():
        say(f"training {method} on {len(interactions):,} interactions")

        def tell(epoch: SequenceEpoch) -> None:
            if epoch.number % training.validate_every == 0:
                say(f"{method}, epoch {epoch.number}: validation NDCG@20 {epoch.ndcg:.3f}")

        model = fit_sequence_model(
            interactions,
            objective,
            encoder,
            training,
            seed=config.seed,
            start=start,
            progress=tell,
        )
        model.save(path, {**about, "data": world.data.name})
    return _load(path)


@lru_cache(maxsize=8)
def _load(path: Path) -> SequenceModel:
    """One model for all that score with it: what one of them has encoded, the others need not."""
    from recommender.sequence import SequenceModel

    return SequenceModel.load(path)[0]


def _objective(method: SequenceMethod, n_intentions: int) -> Objective:
    from recommender.sequence import SASRec
    from recommender.sequence.bsarec import BSARec
    from recommender.sequence.iclrec import ICLRec
    from recommender.sequence.icsrec import ICSRec
    from recommender.sequence.mstein import MStein

    if method == "iclrec":
        return ICLRec(n_intentions=n_intentions)
    if method == "icsrec":
        return ICSRec(n_intentions=n_intentions)
    if method == "mstein":
        return MStein()
    return BSARec() if method == "bsarec" else SASRec()
