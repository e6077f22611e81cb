"""What a sequence model learns from: the seam between the training loop and the methods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recommender.sequence.encoder import SequenceEncoder
from simulator.domain import FloatArray, IntArray, Ragged


@dataclass(frozen=True, eq=False)
class TrainingSequences:
    """All that training may look at.

    Attributes:
        histories: Every user's items without the one held out for validation, oldest first.
        users: Users with two items or more, who can be learnt from, int32, shape (m,).
        windows: Those users' newest items, int32 ids (row + 1), 0 on the left, shape (m, L).
    """

    histories: Ragged
    users: IntArray
    windows: IntArray


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's windows.

    Attributes:
        users: int64, shape (n,); a user may occur several times.
        windows: Item ids (row + 1), 0 on the left, int64, shape (n, L).
        targets: The item that followed each position, as an id, 0 where none is asked for, int64,
            shape (n, L). With `last_only`, all but the last column are 0.
        last_only: Whether only the window's last position is asked for.
        draws: For whatever the objective draws (negatives, augmentations).
    """

    users: Tensor
    windows: Tensor
    targets: Tensor
    last_only: bool
    draws: torch.Generator

    def predictions(self, encoder: SequenceEncoder) -> tuple[Tensor, Tensor]:
        """Encoder output at each position asked about, and the id that followed it.

        Returns:
            float32 (m, d) and int64 (m,).
        """
        if self.last_only:
            return encoder.last(self.windows), self.targets[:, -1]
        asked = self.targets > 0
        return encoder(self.windows)[asked], self.targets[asked]


class Objective:
    """A method's loss; subclass it, or offer the same attributes.

    Attributes:
        last_only: True to train on prefixes of histories read at their last position, False to
            read every position of a window at once, many times cheaper.
        prototypes: Centres of users' intentions in the encoder's space, shape (k, d), where the
            method learns some; the trained model carries them.
    """

    last_only: bool = False
    prototypes: FloatArray | None = None

    def prepare(
        self, encoder: SequenceEncoder, sequences: TrainingSequences, draws: torch.Generator
    ) -> None:
        """Called before each epoch, with the encoder in evaluation mode: clustering, say."""

    def loss(self, encoder: SequenceEncoder, batch: Batch) -> Tensor:
        """What to minimise, a scalar."""
        raise NotImplementedError

    def parameters(self) -> Iterable[nn.Parameter]:
        """The method's own parameters, trained with the encoder's."""
        return ()


def softmax_loss(encoder: SequenceEncoder, states: Tensor, targets: Tensor) -> Tensor:
    """Mean cross entropy of the next item over the whole catalogue.

    Args:
        encoder: Whose items are scored.
        states: shape (m, d).
        targets: Item ids, shape (m,).
    """
    return cross_entropy(states @ encoder.item_vectors().T, targets - 1)
