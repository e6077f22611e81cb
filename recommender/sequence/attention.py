"""Self-attention over the positions of a window, and how a block mixes positions in general."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

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
        return self._attend(states, states, mask)

    def last(self, states: Tensor, mask: Tensor) -> Tensor:
        """The last position of `forward`, shape (n, d): one query a window."""
        return self._attend(states[:, -1:], states, mask[:, :, -1:])[:, 0]

    def _attend(self, queries: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        query = self._split(self.query(queries))
        key, value = self._split(self.key(states)), self._split(self.value(states))
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + mask
        weights = dropout(torch.softmax(scores, dim=-1), self.attention_dropout, self.training)
        mixed = (weights @ value).transpose(1, 2).flatten(2)
        normalised: Tensor = self.norm(queries + self.dropout(self.output(mixed)))
        return normalised

    def _split(self, states: Tensor) -> Tensor:
        """(n, L, d) to heads, (n, heads, L, d / heads)."""
        n, length, width = states.shape
        return states.view(n, length, self.heads, width // self.heads).transpose(1, 2)
