"""An encoder whose items and users are Gaussian distributions, compared by Wasserstein distance.

As in STOSA (Fan, Liu, Wang, Nazari, Zheng, Peng and Yu, "Sequential recommendation via
stochastic self-attention", WWW 2022), on which MStein builds: an item is N(mu, Sigma) with diagonal
Sigma = ELU(raw) + 1, and so is what a history comes to. The squared 2-Wasserstein distance of two

    W(1, 2) = |mu_1 - mu_2|^2 + |Sigma_1^(1/2) - Sigma_2^(1/2)|^2

is the squared Euclidean distance of the points h = (mu, Sigma^(1/2)).

The encoder is the shared one: the first half of its d outputs are means, the second raw variances,
and so are the halves of an item's embedding. So a Gaussian has d / 2 dimensions, and the model as
many parameters as any other. The papers' own encoder has a Transformer for either half, with
attention by Wasserstein distance; here one, with attention by inner products, sees both.

What it shows to the outside are vectors whose inner product ranks items by distance, one coordinate
wider: with c the items' mean point,

    item  e_i = (h_i - c, s_i),  s_i = mean_k |h_k - c|^2 / 2 - |h_i - c|^2 / 2
    user  f_u = (h_u - c, 1)
    f_u . e_i = -W(u, i) / 2 + a constant of the user.

Moving the origin to c changes no distance, and keeps cosines telling: all variances are near 1 at
first, and would make every vector point the same way.
"""

from __future__ import annotations

import torch
from torch import Tensor

from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.settings import EncoderSettings
from simulator.errors import ConfigError


class GaussianEncoder(SequenceEncoder):
    """The shared encoder, read as Gaussians; its vectors have width `dimension + 1`.

    Args:
        n_items: Catalogue size.
        settings: Of the architecture; `dimension` is twice that of the Gaussians.

    Raises:
        ConfigError: If `dimension` is odd.
    """

    def __init__(self, n_items: int, settings: EncoderSettings) -> None:
        if settings.dimension % 2:
            raise ConfigError(
                f"dimension={settings.dimension} must be even: one half is for means, the other "
                "for variances."
            )
        super().__init__(n_items, settings)

    @property
    def width(self) -> int:
        """Of users' and items' vectors."""
        return self.settings.dimension + 1

    def read(self, states: Tensor) -> Tensor:
        """f_u of what the last block makes, (..., d) to (..., d + 1)."""
        centred = gaussian_points(states) - self._origin(self._item_points())
        return torch.cat([centred, torch.ones_like(centred[..., :1])], dim=-1)

    def item_vectors(self) -> Tensor:
        """e_i, shape (n_items, d + 1)."""
        points = self._item_points()
        centred = points - self._origin(points)
        halved = centred.square().sum(1, keepdim=True) / 2
        return torch.cat([centred, halved.mean().detach() - halved], dim=1)

    def _item_points(self) -> Tensor:
        return gaussian_points(self.items.weight[1:])

    def _origin(self, points: Tensor) -> Tensor:
        # A matter of presentation: what is learnt does not depend on it.
        return points.detach().mean(0)


def gaussian_points(raw: Tensor) -> Tensor:
    """The points h = (mu, Sigma^(1/2)) of raw outputs, halves mu and r, with Sigma = ELU(r) + 1.

    Args:
        raw: shape (..., d), d even.

    Returns:
        shape (..., d).
    """
    mean, variance = raw.chunk(2, dim=-1)
    # ELU(r) + 1 is exp(r) below 0, else r + 1. The root is taken branch by branch, since that of a
    # variance that has vanished has no gradient.
    deviation = torch.where(
        variance < 0, torch.exp(variance.clamp(max=0) / 2), (variance.clamp(min=0) + 1).sqrt()
    )
    return torch.cat([mean, deviation], dim=-1)


def wasserstein(users: Tensor, others: Tensor) -> Tensor:
    """Squared 2-Wasserstein distances between the Gaussians behind `GaussianEncoder` outputs.

    Args:
        users: f_u, shape (n, d + 1).
        others: Further such, shape (m, d + 1).

    Returns:
        shape (n, m).
    """
    own, other = users[:, :-1], others[:, :-1]
    lengths = own.square().sum(1)[:, None] + other.square().sum(1)
    return (lengths - 2 * own @ other.T).clamp(min=0)
