"""ICLRec: sequences learn from their own views and from the intentions that they share.

Chen, Liu, Li, McAuley and Xiong, "Intent contrastive learning for sequential recommendation",
WWW 2022.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from recommender.checks import check_not_negative, check_positive
from recommender.sequence.augmentation import Augmentation
from recommender.sequence.contrast import contrast_prototypes, contrast_views
from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.objective import Batch, Objective, TrainingSequences
from recommender.sequence.prototypes import (
    fit_prototypes,
    mean_over_items,
    nearest_prototype,
    states_of,
)
from recommender.sequence.sasrec import SASRec


class ICLRec(Objective):
    """`next item + sequence_weight * L_SeqCL + intention_weight * L_ICL`.

    An epoch begins with the E-step: k-means on all users' sequences, each represented by the mean
    of the encoder's outputs over its items, gives the intentions c and says whose is whose. Each
    step then draws two views of every sequence (crop, mask or reorder). L_SeqCL draws the two
    together, away from the views of others (`contrast_views`). L_ICL draws either view to its
    user's intention, away from those of the batch's other users unless they share it
    (`contrast_prototypes`). Both are means over the two views, where the paper has sums.

    Prototypes are as long as outputs, many times longer than item embeddings: by Euclidean distance
    nearly all items have the same nearest one, so that items are to be assigned by cosine.

    Args:
        sequence_weight: Of L_SeqCL (the paper's beta), 0 or more.
        intention_weight: Of L_ICL (the paper's lambda), 0 or more.
        temperature: Divides inner products, above 0. Outputs are layer-normalised, sqrt(d) long or
            more: the paper's 1 leaves products of d and above to the softmax, and the contrast
            drowns the next item for many epochs (see `ICSRec`). 8 is sqrt(d) at 64.
        n_intentions: Prototypes, 1 or more; about 32 for small catalogues.
        augmentation: What makes views.
        next_item: "binary", the paper's loss, or "softmax"; see `SASRec`.

    Raises:
        ConfigError: If a number is out of range; in training, if there are fewer sequences than
            prototypes.
        UnknownNameError: If there is no such next-item loss.
    """

    def __init__(
        self,
        *,
        sequence_weight: float = 0.03,
        intention_weight: float = 0.03,
        temperature: float = 8.0,
        n_intentions: int = 32,
        augmentation: Augmentation | None = None,
        next_item: Literal["binary", "softmax"] = "softmax",
    ) -> None:
        check_not_negative(sequence_weight=sequence_weight, intention_weight=intention_weight)
        check_positive(temperature=temperature, n_intentions=n_intentions)
        self._sequence_weight = sequence_weight
        self._intention_weight = intention_weight
        self._temperature = temperature
        self._n_intentions = n_intentions
        self._augmentation = augmentation or Augmentation()
        self._next_item = SASRec(next_item)
        self._intentions = torch.empty(0)
        self._of_user = torch.empty(0, dtype=torch.long)

    def prepare(
        self, encoder: SequenceEncoder, sequences: TrainingSequences, draws: torch.Generator
    ) -> None:
        """The E-step: intentions, and each user's."""
        rows = torch.cat(
            [
                mean_over_items(states, windows)
                for windows, states in states_of(encoder, sequences.windows)
            ]
        )
        self._intentions = fit_prototypes(rows, self._n_intentions, draws)
        self._of_user = torch.full((len(sequences.histories),), -1)
        self._of_user[torch.from_numpy(sequences.users).long()] = nearest_prototype(
            rows, self._intentions
        )
        self.prototypes = self._intentions.numpy()

    def loss(self, encoder: SequenceEncoder, batch: Batch) -> Tensor:
        """The M-step's loss of one batch."""
        # Both views in one pass through the encoder.
        views = self._augmentation.two_views(batch.windows, batch.draws)
        rows = mean_over_items(encoder(views), views)
        return (
            self._next_item.loss(encoder, batch)
            + self._sequence_weight * self._between_views(rows)
            + self._intention_weight * self._towards_intentions(rows, batch.users)
        )

    def _between_views(self, rows: Tensor) -> Tensor:
        return contrast_views(*rows.chunk(2), temperature=self._temperature)

    def _towards_intentions(self, rows: Tensor, users: Tensor) -> Tensor:
        intention = self._of_user[users]
        first, second = (
            contrast_prototypes(view, self._intentions, intention, temperature=self._temperature)
            for view in rows.chunk(2)
        )
        return (first + second) / 2
