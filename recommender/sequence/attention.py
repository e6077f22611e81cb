"""Self-attention over the positions of a window, and how a block mixes positions in general."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear, scaled_dot_product_attention

from recommender.sequence.settings import EncoderSettings


class Mixing(nn.Module):
    """One way to mix positions: the block's input in, mixed, added and normalised, out."""

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Mix.

        Args:
            states: shape (n, L, d).
            mask: `attention_mask`, shape (n, 1, L, L).

        Returns:
            shape (n, L, d).
        """
        raise NotImplementedError

    def last(self, states: Tensor, mask: Tensor) -> Tensor:
        """The last position of `forward`, shape (n, d)."""
        return self.forward(states, mask)[:, -1]


class SelfAttention(Mixing):
    """LayerNorm(x + W softmax(q k^T / sqrt(d_head) + mask) v), in several heads."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        width = settings.dimension
        self.heads = settings.heads
        self.attention_dropout = settings.attention_dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.dropout = nn.Dropout(settings.dropout)
        self.norm = nn.LayerNorm(width, eps=settings.norm_epsilon)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(n, L, d) to (n, L, d)."""
        return self.attended(states, *self.projected(states), mask)

    def projected(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each shape (n, L, d), the heads side by side."""
        layers = (self.query, self.key, self.value)
        weight = torch.cat([layer.weight for layer in layers])
        bias = torch.cat([layer.bias for layer in layers])
        query, key, value = linear(states, weight, bias).chunk(3, dim=2)
        return query, key, value

    def attended(
        self, states: Tensor, query: Tensor, key: Tensor, value: Tensor, mask: Tensor
    ) -> Tensor:
        """What becomes of `states`, which ask `query`, shape of both (n, L, d).

        Args:
            states: The block's input at the positions that ask.
            query: Of those positions.
            key: Of the positions that may be looked at, shape (n, m, d).
            value: Likewise.
            mask: shape (n, 1, L, m).
        """
        share = self.attention_dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(
            self._split(query), self._split(key), self._split(value), mask, share
        )
        return self._added(states, self.output(mixed.transpose(1, 2).flatten(2)))

    def last(self, states: Tensor, mask: Tensor) -> Tensor:
        """The last position of `forward`, shape (n, d).

        With one query a window, keys and values need not be made: q . (K h) = (K^T q) . h, and
        sum_j w_j (V h_j) = V (sum_j w_j h_j).
        """
        n, _, width = states.shape
        own = states[:, -1]
        query = self.query(own).view(n, self.heads, width // self.heads)
        # The key's bias moves all of a query's scores by one number: a softmax does not see it.
        asked = torch.einsum("nhk,hkd->nhd", query, self._by_head(self.key))
        scores = asked @ states.transpose(1, 2) / math.sqrt(query.shape[-1]) + mask[:, :, -1]
        weights = dropout(torch.softmax(scores, dim=-1), self.attention_dropout, self.training)
        mixed = torch.einsum("nhd,hkd->nhk", weights @ states, self._by_head(self.value))
        # Dropout leaves weights that do not sum to one.
        mixed = mixed + weights.sum(2, keepdim=True) * self.value.bias.view(self.heads, -1)
        return self._added(own, self.output(mixed.flatten(1)))

    def _split(self, states: Tensor) -> Tensor:
        """(n, L, d) to heads, (n, heads, L, d / heads)."""
        n, length, width = states.shape
        return states.view(n, length, self.heads, width // self.heads).transpose(1, 2)

    def _by_head(self, layer: nn.Linear) -> Tensor:
        """A layer's weight, shape (heads, d / heads, d)."""
        return layer.weight.view(self.heads, -1, layer.in_features)

    def _added(self, states: Tensor, mixed: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.dropout(mixed).add_(states))
        return normalised
