"""Encoding a window in two parts: its prefix, which other windows may share, and the rest.

A position of a causal encoder depends on nothing after it. What the positions after a prefix need
of it are, for every block but the last, its keys and values, and what the last block is given.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from recommender.sequence.attention import SelfAttention
from recommender.sequence.encoder import Block, SequenceEncoder, attention_mask


def prefix_width(encoder: SequenceEncoder) -> int:
    """Numbers that `encode_prefix` makes of each position."""
    return (2 * len(encoder.blocks) - 1) * encoder.settings.dimension


def encode_prefix(encoder: SequenceEncoder, windows: Tensor) -> Tensor:
    """What later positions need of the first ones of a window.

    Args:
        encoder: In evaluation mode, of self-attention alone.
        windows: Ids of the first c positions, int64, shape (n, c).

    Returns:
        float32, shape (n, c, prefix_width).
    """
    states, mask = encoder.embed(windows, start=0), attention_mask(windows)
    parts = []
    for block in _before_the_last(encoder):
        attention = cast(SelfAttention, block.mixing)
        query, key, value = attention.projected(states)
        parts += [key, value]
        states = block.feed_forward(attention.attended(states, query, key, value, mask))
    return torch.cat([*parts, states], dim=2)


def encode_last(encoder: SequenceEncoder, prefix: Tensor, windows: Tensor) -> Tensor:
    """`encoder.last(windows)`, given `encode_prefix` of their first c positions.

    Args:
        encoder: The same.
        prefix: shape (n, c, prefix_width).
        windows: Whole windows, int64, shape (n, max_length).

    Returns:
        float32, shape (n, width).
    """
    known = prefix.shape[1]
    states, mask = encoder.embed(windows[:, known:]), attention_mask(windows, start=known)
    parts = prefix.chunk(2 * len(encoder.blocks) - 1, dim=2)
    for place, block in enumerate(_before_the_last(encoder)):
        attention = cast(SelfAttention, block.mixing)
        query, key, value = attention.projected(states)
        key = torch.cat([parts[2 * place], key], dim=1)
        value = torch.cat([parts[2 * place + 1], value], dim=1)
        mixed = attention.attended(states, query, key, value, mask)
        states = block.feed_forward(mixed)
    final = cast(Block, encoder.blocks[-1])
    return encoder.read(final.last(torch.cat([parts[-1], states], dim=1), mask))


def _before_the_last(encoder: SequenceEncoder) -> list[Block]:
    return [cast(Block, block) for block in encoder.blocks][:-1]
