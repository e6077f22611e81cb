"""SASRec: the next item from self-attention over a history.

Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.objective import Batch, Objective, softmax_loss
from simulator.errors import UnknownNameError


class SASRec(Objective):
    """Binary cross entropy with one sampled negative at each position, or a full softmax.

    Args:
        loss: "binary", the paper's; "softmax", cross entropy over all items, which learns faster
            and ranks better and is what libraries train by default.

    Raises:
        UnknownNameError: If there is no such loss.
    """

    def __init__(self, loss: Literal["binary", "softmax"] = "softmax") -> None:
        known = ("binary", "softmax")
        if loss not in known:
            raise UnknownNameError("loss", loss, known)
        self._loss = loss

    def loss(self, encoder: SequenceEncoder, batch: Batch) -> Tensor:
        """Mean over the positions asked about."""
        states, targets = batch.predictions(encoder)
        if self._loss == "softmax":
            return softmax_loss(encoder, states, targets)
        return binary_loss(encoder, states, targets, self._negatives(encoder, batch))

    def _negatives(self, encoder: SequenceEncoder, batch: Batch) -> Tensor:
        """An item that is not in the window, at random, for each position asked about."""
        row = torch.nonzero(batch.targets > 0)[:, 0]
        taken = torch.zeros(len(batch.windows), encoder.n_items + 1, dtype=torch.bool)
        taken.scatter_(1, batch.windows, True)
        taken.scatter_(1, batch.targets, True)
        taken[:, 0] = True
        drawn = torch.randint(1, encoder.n_items + 1, row.shape, generator=batch.draws)
        while bool((again := taken[row, drawn]).any()):
            drawn[again] = torch.randint(
                1, encoder.n_items + 1, (int(again.sum()),), generator=batch.draws
            )
        return drawn


def binary_loss(
    encoder: SequenceEncoder, states: Tensor, targets: Tensor, negatives: Tensor
) -> Tensor:
    """Mean of -log sigmoid(f . e_target) - log(1 - sigmoid(f . e_negative)); Eq. 7 of the paper.

    Args:
        encoder: Whose items are scored.
        states: f, shape (m, d).
        targets: Item ids that followed, shape (m,).
        negatives: Item ids that did not, shape (m,).
    """
    followed = (states * encoder.items(targets)).sum(1)
    not_followed = (states * encoder.items(negatives)).sum(1)
    return (softplus(-followed) + softplus(not_followed)).mean()
