"""A network from scratch: Llama architecture, which every engine reads."""

from __future__ import annotations

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from simulator.training.settings import HEAD_WIDTH, NetworkSettings

START = 0.1
"""Standard deviation of the fresh weights: about one over the root of the width. The customary 0.02
is for networks thirty times as wide; from there this one needs several times the steps."""
_ROPE_THETA = 100_000.0
"""Slow rotations: the genre of a film matters as much thirty lines back as three."""


def make_network(
    settings: NetworkSettings, vocabulary: int, end: int, pad: int, *, seed: int
) -> Any:
    """A Llama of the settings' size with fresh weights from the seed.

    Args:
        settings: Its size.
        vocabulary: Tokens of the tokenizer.
        end: The token that ends an answer.
        pad: The token that fills batches.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=settings.hidden,
        intermediate_size=settings.feed_forward,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.hidden // HEAD_WIDTH,
        num_key_value_heads=settings.hidden // HEAD_WIDTH,
        head_dim=HEAD_WIDTH,
        max_position_embeddings=settings.window,
        rope_parameters={"rope_type": "default", "rope_theta": _ROPE_THETA},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
        initializer_range=START,
        attn_implementation="sdpa",
        dtype="float32",
    )
    network: Any = LlamaForCausalLM(config)
    return network
