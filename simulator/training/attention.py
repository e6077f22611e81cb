"""Attention over packed trees: the trunk as plain causal text, the branches through one mask.

Padding needs no mask of its own: on the trunk it stands behind all real tokens, and no branch sees
so far; on a branch it stands at the end.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface

from simulator.training.branches import PackedTrees

NAME = "nudgesim-tree"
"""The implementation's name in a model's configuration."""


def tree_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    trees: PackedTrees | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """What `transformers.AttentionInterface` calls in each layer.

    Args:
        module: The attention layer, unused.
        query: Shape (n, heads, length, head width).
        key: Shape (n, key heads, static + length, head width); the heads are a multiple of these.
        value: Of the keys' shape.
        attention_mask: Unused; the shape of the trees says who sees whom.
        scaling: Of the scores; one over the root of the head width by default.
        trees: The rows' layout; without it the rows are plain causal text.

    Returns:
        Shape (n, length, heads, head width), and None where others return weights.
    """
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    if trees is None:
        out = scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)
        return out.transpose(1, 2), None
    static, trunk = key.shape[2] - query.shape[2], trees.trunk
    past = static + trunk
    on_trunk = scaled_dot_product_attention(
        query[:, :, :trunk],
        key[:, :, :past],
        value[:, :, :past],
        attn_mask=torch.ones(trunk, past, dtype=torch.bool, device=key.device).tril(static),
        scale=scaling,
    )
    on_branches = scaled_dot_product_attention(
        query[:, :, trunk:],
        key,
        value,
        attn_mask=pad(trees.sees, (static, 0), value=True)[:, None],
        scale=scaling,
    )
    return torch.cat([on_trunk, on_branches], dim=2).transpose(1, 2), None


AttentionInterface.register(NAME, tree_attention)
