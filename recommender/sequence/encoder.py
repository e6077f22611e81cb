"""The shared Transformer encoder: windows of items in, one vector a position out.

The architecture of SASRec (Kang and McAuley, ICDM 2018) in the form that ICLRec, ICSRec, BSARec
and ITMPRec's released code share: layer normalisation after each sublayer, GELU by erf.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from recommender.sequence.attention import Mixing, SelfAttention
from recommender.sequence.frequency import BlendedMixing
from recommender.sequence.settings import EncoderSettings

_INITIAL_DEVIATION = 0.02
_EXPANSION = 4


class SequenceEncoder(nn.Module):
    """Items plus positions, normalised, then post-norm blocks with a causal mask.

    Scores are inner products of the output with the item embeddings themselves (tied weights).

    Args:
        n_items: Catalogue size; item row r has embedding r + 1, embedding 0 is padding.
        settings: Of the architecture.
    """

    def __init__(self, n_items: int, settings: EncoderSettings) -> None:
        super().__init__()
        width = settings.dimension
        self.settings = settings
        self.n_items = n_items
        self.items = nn.Embedding(n_items + 1, width, padding_idx=0)
        self.positions = nn.Embedding(settings.max_length, width)
        self.norm = nn.LayerNorm(width, eps=settings.norm_epsilon)
        self.dropout = nn.Dropout(settings.dropout)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.apply(_initialise)

    @property
    def width(self) -> int:
        """Of users' and items' vectors."""
        return self.settings.dimension

    def forward(self, windows: Tensor) -> Tensor:
        """Encode every position.

        Args:
            windows: Item ids, int64, shape (n, L), L at most `max_length`; shorter windows take
                the last positions.

        Returns:
            float32, shape (n, L, d).
        """
        states = self.embed(windows)
        mask = attention_mask(windows)
        for block in self.blocks:
            states = block(states, mask)
        return self.read(states)

    def last(self, windows: Tensor) -> Tensor:
        """`forward(windows)[:, -1]`, shape (n, d), at about half its cost."""
        states = self.embed(windows)
        mask = attention_mask(windows)
        *first, final = self.blocks
        for block in first:
            states = block(states, mask)
        return self.read(cast(Block, final).last(states, mask))

    def read(self, states: Tensor) -> Tensor:
        """Users' vectors of what the last block makes, (..., d) to (..., width): unchanged here."""
        return states

    def embed(self, windows: Tensor, *, start: int | None = None) -> Tensor:
        """What enters the first block, shape (n, L, d).

        Args:
            windows: Item ids, int64, shape (n, L).
            start: The first one's position; by default, they take the last positions.
        """
        length = windows.shape[1]
        first = self.settings.max_length - length if start is None else start
        positions = self.positions.weight[first : first + length]
        states: Tensor = self.dropout(self.norm(self.items(windows).add_(positions)))
        return states

    def item_vectors(self) -> Tensor:
        """Embeddings of the catalogue, without padding, shape (n_items, d)."""
        return self.items.weight[1:]


class Block(nn.Module):
    """Mixing over positions, then a feed-forward layer; each is added and normalised."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.mixing: Mixing = (
            SelfAttention(settings)
            if settings.frequency is None
            else BlendedMixing(settings, settings.frequency)
        )
        self.feed_forward = FeedForward(settings)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(n, L, d) to (n, L, d)."""
        states = self.feed_forward(self.mixing(states, mask))
        return states

    def last(self, states: Tensor, mask: Tensor) -> Tensor:
        """The last position of `forward`, shape (n, d)."""
        last: Tensor = self.feed_forward(self.mixing.last(states, mask))
        return last


class FeedForward(nn.Module):
    """LayerNorm(x + W2 gelu(W1 x)), four times as wide inside."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        width = settings.dimension
        self.widen = nn.Linear(width, _EXPANSION * width)
        self.narrow = nn.Linear(_EXPANSION * width, width)
        self.dropout = nn.Dropout(settings.dropout)
        self.norm = nn.LayerNorm(width, eps=settings.norm_epsilon)

    def forward(self, states: Tensor) -> Tensor:
        """Position by position, (..., d) to (..., d)."""
        wide = self.widen(states)
        # Without gradients in place: fresh memory costs as much as what is computed in it.
        wide = gelu(wide) if wide.requires_grad else torch.ops.aten.gelu_(wide)
        normalised: Tensor = self.norm(self.dropout(self.narrow(wide)).add_(states))
        return normalised


def attention_mask(windows: Tensor, *, start: int = 0) -> Tensor:
    """What is added to attention scores: 0 where a query may look, else -10000 or -20000.

    A query looks at items (never padding, -10000) at its own and earlier positions (never later,
    -20000). So a query without any item to look at, as at the head of a padded window, looks at the
    padding up to it: its output is defined, and no later position has a part in it.

    Args:
        windows: Item ids, shape (n, L).
        start: The first position that asks.

    Returns:
        float32, shape (n, 1, L - start, L).
    """
    length = windows.shape[1]
    causal = torch.ones(length - start, length, dtype=torch.bool).tril(start)
    padding = torch.where(windows > 0, 0.0, -10000.0)[:, None, None, :]
    return torch.where(causal, padding, -20000.0)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_INITIAL_DEVIATION)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx].zero_()
