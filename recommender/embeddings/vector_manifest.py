"""What vectors were made of, to be kept beside them on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from recommender.embeddings.settings import GraphAUSettings, MatrixFactorisationSettings
from recommender.embeddings.training import Epoch
from simulator.domain import Interactions


def vector_manifest(
    settings: GraphAUSettings | MatrixFactorisationSettings,
    interactions: Interactions,
    *,
    seed: int,
    epochs: Sequence[Epoch],
) -> dict[str, Any]:
    """The metadata for `save_vectors`.

    Args:
        settings: As they were trained with; they name the method.
        interactions: What they were trained on.
        seed: Of the training.
        epochs: All that `progress` was told, one or more; the best one's vectors were kept.

    Returns:
        JSON-ready: method, settings, seed, epoch kept, its validation Recall@20, size and digest of
        the data, package versions.
    """
    kept = max(epochs, key=lambda epoch: epoch.recall)
    return {
        "method": settings.method,
        "settings": asdict(settings),
        "seed": seed,
        "epoch": kept.number,
        "validation_recall_at_20": kept.recall,
        "n_users": interactions.n_users,
        "n_items": interactions.n_items,
        "n_interactions": len(interactions),
        "data_sha256": interactions_digest(interactions),
        "versions": {name: version(name) for name in ("numpy", "scipy", "torch")},
    }


def interactions_digest(interactions: Interactions) -> str:
    """SHA-256, in hex, of who took what and in which order; times themselves do not count."""
    digest = hashlib.sha256(f"{interactions.n_users}, {interactions.n_items}\n".encode())
    for column in (interactions.user, interactions.item):
        digest.update(np.ascontiguousarray(column, dtype="<i4").tobytes())
    return digest.hexdigest()
