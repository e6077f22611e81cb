"""The world a run plays in: data, vectors, users, targets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from recommender import prematch
from simulator.config import RunConfig, VectorConfig
from simulator.data import load_dataset
from simulator.domain import Dataset, ExposureLog, IntArray, Interactions, Vectors
from simulator.errors import ConfigError
from simulator.files import cache_folder
from simulator.seeding import sample_rows

Say = Callable[[str], None]
"""Told what is going on, a line at a time."""


@dataclass(frozen=True, eq=False)
class World:
    """Where a run takes place.

    Attributes:
        data: Catalogue, histories, log.
        vectors: Unit vectors of users and items, in which preferences live.
        trained: The same as they were trained, of any length.
        users: Who takes part, shape (n,).
        targets: Where they are steered, shape (n_targets,).
        known: Log rows from before the histories end, shape (n,), of which an agent may be told;
            None for all.
    """

    data: Dataset
    vectors: Vectors
    trained: Vectors
    users: IntArray
    targets: IntArray
    known: IntArray | None = None


def build_world(config: RunConfig, say: Say) -> World:
    """Load the data, train (or find) the vectors, choose users and targets.

    Raises:
        NudgesimError: If the data is missing or malformed, or a setting does not fit it.
    """
    data = load_dataset(config.data)
    say(f"{data.name}: {data.n_users:,} users, {data.n_items:,} items")
    known = None
    if config.protocol.history == "training":
        kept, left_out = data.interactions.leave_last_out(2)
        known = None if data.log is None else _rows_before(left_out, data.log)
        data = replace(data, interactions=kept)
    trained = fit_vectors(data.interactions, config.vectors, config.seed, say)
    vectors = trained.normalised()
    raw = config.protocol.prematch_vectors == "raw"
    return World(
        data,
        vectors,
        trained,
        users=_choose_users(data, config),
        targets=_choose_targets(data, trained if raw else vectors, config),
        known=known,
    )


def _rows_before(interactions: Interactions, log: ExposureLog) -> IntArray:
    """Log rows strictly before each user's first interaction; all of a user without any."""
    first = np.full(interactions.n_users, np.iinfo(np.int64).max)
    np.minimum.at(first, interactions.user, interactions.time)
    return np.flatnonzero(log.time < first[log.user])


def fit_vectors(interactions: Interactions, settings: VectorConfig, seed: int, say: Say) -> Vectors:
    """Vectors as they were trained, kept in the cache folder for the next run."""
    from recommender.embeddings import (
        Epoch,
        GraphAUSettings,
        MatrixFactorisationSettings,
        fit_graphau,
        fit_mf,
        load_vectors,
        save_vectors,
        vector_manifest,
    )

    graphau = GraphAUSettings(dimension=settings.dimension, uniformity=settings.uniformity)
    mf = MatrixFactorisationSettings(dimension=settings.dimension)
    chosen = mf if settings.method == "mf" else graphau
    path = cached("vectors", interactions, settings.method, asdict(chosen), seed)
    if path.exists():
        return load_vectors(path)[0]
    say(f"training {settings.method} vectors on {len(interactions):,} interactions")
    epochs: list[Epoch] = []
    vectors = (
        fit_mf(interactions, mf, seed=seed, progress=epochs.append)
        if settings.method == "mf"
        else fit_graphau(interactions, graphau, seed=seed, progress=epochs.append)
    )
    save_vectors(path, vectors, vector_manifest(chosen, interactions, seed=seed, epochs=epochs))
    return vectors


def cached(kind: str, interactions: Interactions, *settings: Any) -> Path:
    """Where something trained is kept, named by everything that it depends on.

    Args:
        kind: The folder in the cache, which is made.
        interactions: What it is trained on.
        settings: Anything JSON can hold.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(f"{interactions.n_users}, {interactions.n_items}".encode())
    for column in (interactions.user, interactions.item, interactions.time):
        digest.update(np.ascontiguousarray(column).tobytes())
    folder = cache_folder() / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{digest.hexdigest()[:24]}.npz"


def _choose_users(data: Dataset, config: RunConfig) -> IntArray:
    """Users with a history, all or a seeded sample of them."""
    able = np.flatnonzero(data.interactions.histories.lengths > 0)
    if config.users is not None and config.users > len(able):
        raise ConfigError(
            f"users = {config.users}, but only {len(able)} users of {data.name} have a history."
        )
    size = config.users or len(able)
    return able[sample_rows(config.seed, "users", len(able), size)].astype(np.int32)


def _choose_targets(data: Dataset, vectors: Vectors, config: RunConfig) -> IntArray:
    if isinstance(config.targets, tuple):
        return data.catalogue.rows(config.targets)
    pool = (
        np.arange(data.n_items, dtype=np.int32)
        if config.category is None
        else data.catalogue.in_category(config.category)
    )
    if config.targets > len(pool):
        raise ConfigError(
            f"targets = {config.targets}, but the pool has {len(pool)} items; "
            "ask for fewer or choose another category."
        )
    protocol = config.protocol
    if "prematch" not in config.without and protocol.targets in (
        "every method",
        config.recommender,
    ):
        return prematch(
            vectors,
            pool,
            config.targets,
            candidates=protocol.prematch_candidates,
            seed=config.seed,
        )
    return pool[sample_rows(config.seed, "targets", len(pool), config.targets)]
