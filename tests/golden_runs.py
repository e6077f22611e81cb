"""Recorded runs of ITMPRec's released code, to be played again through our own loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from recommender import Arousal
from recommender.nudge import Intentions
from recommender.sequence import EncoderSettings, SequenceEncoder, SequenceModel
from recommender.sequence.right_padded import RightPadded
from simulator.data import data_home
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.interfaces import RoundView
from simulator.protocol import NudgingProtocol

PROTOCOL = NudgingProtocol.preset("released-code")

_PARTS = {
    "item_embeddings": "items",
    "position_embeddings": "positions",
    "LayerNorm": "norm",
    "item_encoder.layer": "blocks",
    "attention.LayerNorm": "mixing.norm",
    "attention.dense": "mixing.output",
    "attention": "mixing",
    "intermediate.dense_1": "feed_forward.widen",
    "intermediate.dense_2": "feed_forward.narrow",
    "intermediate.LayerNorm": "feed_forward.norm",
}
"""What the released code calls a part of the encoder, and what we call it."""


def folder() -> Path:
    """Where the recorded runs lie: beside the data."""
    return data_home().parent / "reference" / "released_code_ml100k"


@dataclass(frozen=True)
class Golden:
    """The world of the recorded runs.

    Attributes:
        data: MovieLens 100k; a history lacks the user's last two items.
        vectors: The simulator's, as they were trained.
        model: The sequence model behind all three runs.
        intentions: The prototypes that the evaluation used, which no training has touched.
    """

    data: Dataset
    vectors: Vectors
    model: RightPadded
    intentions: Intentions


def load_golden(ml_100k: Dataset) -> Golden:
    """Read the weights and vectors of the recorded runs."""
    with np.load(folder() / "model.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    items = [int(name) for name in ml_100k.catalogue.item_ids]
    assert items == arrays["orig_item_ids"].tolist()
    encoder = SequenceEncoder(len(items), EncoderSettings())
    encoder.load_state_dict(
        {
            _our_name(name): torch.from_numpy(array)
            for name, array in arrays.items()
            if name.startswith("model.") and "intention" not in name
        }
    )
    data = replace(ml_100k, interactions=ml_100k.interactions.leave_last_out(2)[0])
    return Golden(
        data=data,
        vectors=Vectors(arrays["user_emb"], arrays["item_emb"]),
        model=RightPadded(SequenceModel(encoder), data.interactions.histories),
        intentions=Intentions(arrays["centroids_checkpoint"], PROTOCOL.nearest_prototype),
    )


def _our_name(name: str) -> str:
    name = name.removeprefix("model.")
    if name.startswith("item_encoder.layer."):
        _, _, layer, rest = name.split(".", 3)
        for theirs in sorted(_PARTS, key=len, reverse=True):
            if rest.startswith(theirs + "."):
                return f"blocks.{layer}.{_PARTS[theirs]}{rest[len(theirs) :]}"
    part, _, rest = name.partition(".")
    return f"{_PARTS[part]}.{rest}"


@dataclass(frozen=True)
class Recorded:
    """One recorded run: arrays of shape (targets, users, rounds).

    It is a click model, too: it decides as the users of the recording did.
    """

    targets: np.ndarray
    rec: np.ndarray
    click: np.ndarray
    coef: np.ndarray
    rating: np.ndarray
    rank: np.ndarray
    sr: np.ndarray

    @classmethod
    def load(cls, method: str) -> Recorded:
        with np.load(folder() / f"run_rand_{method}.npz") as stored:
            return cls(**{name: stored[name] for name in stored.files})

    def decide(self, shown: Exposures) -> Clicks:
        place = {int(target): k for k, target in enumerate(self.targets)}
        row = np.array([place[int(target)] for target in shown.target])
        return Clicks.of(self.click[row, shown.user, shown.round - 1] == 1, source="recording")


class Remembered:
    """A preference evolution that keeps what it answered, round by round."""

    def __init__(self, arousal: Arousal) -> None:
        self.arousal = arousal
        self.kept: list[np.ndarray] = []

    def kept_weight(self, view: RoundView) -> np.ndarray:
        self.kept.append(self.arousal.kept_weight(view))
        return self.kept[-1]
