"""What tests of sequence objectives share: an encoder worked out by eye, and a learnable log."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from recommender.sequence.objective import Batch, TrainingSequences
from recommender.sequence.windows import windows
from simulator.domain import Interactions, Ragged


class LookUp(nn.Module):
    """Stands in for the encoder: the output at a place is the embedding of the item there."""

    def __init__(self, items: list[list[float]]) -> None:
        super().__init__()
        self.items = nn.Embedding.from_pretrained(
            torch.tensor([[0.0] * len(items[0]), *items]), freeze=False
        )
        self.n_items = len(items)

    def forward(self, window: Tensor) -> Tensor:
        states: Tensor = self.items(window)
        return states

    def last(self, window: Tensor) -> Tensor:
        states: Tensor = self.items(window[:, -1])
        return states

    def item_vectors(self) -> Tensor:
        return self.items.weight[1:]


def sequences_of(*histories: list[int], length: int = 3) -> TrainingSequences:
    """Of catalogue rows; all users can be learnt from."""
    ragged = Ragged.from_rows(histories)
    users = np.arange(len(histories), dtype=np.int32)
    return TrainingSequences(ragged, users, windows(ragged, length))


def batch_of(
    window: list[list[int]], targets: list[list[int]], users: list[int], seed: int = 0
) -> Batch:
    """Of item ids."""
    return Batch(
        users=torch.tensor(users),
        windows=torch.tensor(window),
        targets=torch.tensor(targets),
        last_only=False,
        draws=torch.Generator().manual_seed(seed),
    )


def share(positive: float, *negatives: float) -> float:
    """-log of the positive's share among exponentials."""
    return -math.log(math.exp(positive) / sum(map(math.exp, (positive, *negatives))))


def steady_log(n_users: int = 150, n_items: int = 40, each: int = 12) -> Interactions:
    """Everybody starts somewhere on a ring of items and goes on by one, now and then by two."""
    rng = np.random.default_rng(5)
    step = 1 + (rng.random((n_users, each)) < 0.15)
    item = (rng.integers(0, n_items, (n_users, 1)) + step.cumsum(1)) % n_items
    user = np.repeat(np.arange(n_users), each)
    return Interactions.from_columns(
        user, item.ravel(), np.tile(np.arange(each), n_users), n_users=n_users, n_items=n_items
    )
