"""MStein: two views of a sequence are one Gaussian, up to a small Wasserstein discrepancy.

Fan, Liu, Peng and Yu, "Mutual Wasserstein discrepancy minimization for sequential recommendation",
WWW 2023.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor
from torch.nn.functional import softplus

from recommender.checks import check_not_negative, check_positive
from recommender.sequence.augmentation import Augmentation
from recommender.sequence.contrast import contrast_views
from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.gaussian import GaussianEncoder, wasserstein
from recommender.sequence.objective import Batch, Objective, softmax_loss
from recommender.sequence.sasrec import sampled_negatives
from simulator.errors import ConfigError, UnknownNameError

NextItem = Literal["pairwise", "softmax"]


class MStein(Objective):
    """`next item + contrast_weight * L_MWD`, on a `GaussianEncoder`.

    With W the squared 2-Wasserstein distance, L_MWD is InfoNCE with the similarity `-W`: of two
    views of every sequence (crop, mask or reorder), each is drawn to the other, away from both
    views of the batch's others. W is symmetric, and so is the loss (the paper's "mutual").

    Args:
        contrast_weight: Of L_MWD, 0 or more.
        temperature: Divides W, above 0; W is of the order of d.
        augmentation: What makes views.
        next_item: "pairwise", the paper's loss, see `pairwise_loss`; or "softmax", cross entropy
            over all items with logits `-W / 2`.
        distance_weight: Of the second term of the pairwise loss, 0 or more.

    Raises:
        ConfigError: If a number is out of range; in training, if the encoder knows no Gaussians.
        UnknownNameError: If there is no such next-item loss.
    """

    def __init__(
        self,
        *,
        contrast_weight: float = 0.01,
        temperature: float = 8.0,
        augmentation: Augmentation | None = None,
        next_item: NextItem = "softmax",
        distance_weight: float = 0.01,
    ) -> None:
        check_not_negative(contrast_weight=contrast_weight, distance_weight=distance_weight)
        check_positive(temperature=temperature)
        if next_item not in get_args(NextItem):
            raise UnknownNameError("next-item loss", next_item, get_args(NextItem))
        self._contrast_weight = contrast_weight
        self._temperature = temperature
        self._augmentation = augmentation or Augmentation()
        self._next_item = next_item
        self._distance_weight = distance_weight

    def loss(self, encoder: SequenceEncoder, batch: Batch) -> Tensor:
        """Next item and discrepancy of one batch."""
        if not isinstance(encoder, GaussianEncoder):
            raise ConfigError(
                "MStein compares Gaussians, and this encoder makes plain vectors: pass "
                "EncoderSettings(gaussian=True)."
            )
        return self._next(encoder, batch) + self._contrast_weight * self._discrepancy(
            encoder, batch
        )

    def _next(self, encoder: GaussianEncoder, batch: Batch) -> Tensor:
        users, targets = batch.predictions(encoder)
        if self._next_item == "softmax":
            return softmax_loss(encoder, users, targets)
        items = encoder.item_vectors()
        negatives = sampled_negatives(encoder, batch)
        return pairwise_loss(
            users, items[targets - 1], items[negatives - 1], distance_weight=self._distance_weight
        )

    def _discrepancy(self, encoder: GaussianEncoder, batch: Batch) -> Tensor:
        gaussians = encoder.last(self._augmentation.two_views(batch.windows, batch.draws))
        return contrast_views(
            *gaussians.chunk(2), temperature=self._temperature, similarity=_closeness
        )


def pairwise_loss(
    users: Tensor, targets: Tensor, negatives: Tensor, *, distance_weight: float
) -> Tensor:
    """The next item nearer than another one, and nearer to the user than the two to each other.

    The mean of `-log sigmoid(W(u, n) - W(u, t)) + distance_weight * max(0, W(u, t) - W(t, n))` over
    rows (STOSA's Bayesian personalised ranking and its regularisation by distance).

    Args:
        users: u, vectors of a `GaussianEncoder`, shape (m, d + 1).
        targets: t, the items that followed, likewise.
        negatives: n, items that did not.
        distance_weight: Of the second term.
    """
    to_target, to_negative = _apart(users, targets), _apart(users, negatives)
    ranking = softplus(to_target - to_negative)
    outreach = (to_target - _apart(targets, negatives)).clamp(min=0)
    return (ranking + distance_weight * outreach).mean()


def _apart(left: Tensor, right: Tensor) -> Tensor:
    """W row by row, shape (m,)."""
    return (left - right)[:, :-1].square().sum(1)


def _closeness(rows: Tensor, columns: Tensor) -> Tensor:
    return -wasserstein(rows, columns)
