"""Checkpoints with random weights and real shapes, for timing: what they answer means nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

WINDOW = 4_096

SHAPES: dict[str, tuple[type[PreTrainedConfig], dict[str, Any]]] = {
    "tiny": (
        Qwen3Config,
        {
            "vocab_size": 1_024,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 32,
        },
    ),
    "llama-24m": (
        LlamaConfig,
        {
            "vocab_size": 32_000,
            "hidden_size": 256,
            "intermediate_size": 1_024,
            "num_hidden_layers": 8,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
        },
    ),
    "llama-24m-wide": (
        LlamaConfig,
        {
            "vocab_size": 8_192,
            "hidden_size": 512,
            "intermediate_size": 1_376,
            "num_hidden_layers": 6,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
        },
    ),
    "qwen3-4b": (
        Qwen3Config,
        {
            "vocab_size": 151_936,
            "hidden_size": 2_560,
            "intermediate_size": 9_728,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "tie_word_embeddings": True,
        },
    ),
}
"""By name: a family and its sizes. The second Llama has fewer words and wider layers."""


def write_checkpoint(
    shape: str, folder: Path, texts: Iterable[str], *, words: int, weights: bool
) -> Path:
    """Write a checkpoint of random weights, and a tokenizer trained on the texts.

    Args:
        shape: One of `SHAPES`.
        folder: Made where it is not there.
        texts: What the tokenizer learns its words from.
        words: The tokenizer's; few words make many tokens of a text.
        weights: False for the configuration alone, where an engine makes up weights itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    family, sizes = SHAPES[shape]
    tokenizer = _tokenizer(texts, words)
    tokenizer.save_pretrained(folder)
    config = family(
        **{"tie_word_embeddings": False, **sizes},
        max_position_embeddings=WINDOW,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
        dtype="float32" if weights else "bfloat16",
    )
    if weights:
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    else:
        config.architectures = [AutoModelForCausalLM._model_mapping[type(config)].__name__]
        config.save_pretrained(folder)
    return folder


def layer_parameters(folder: Path) -> int:
    """Parameters of a checkpoint that every token passes: all but the vocabulary's."""
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    outside = {*network.get_input_embeddings().parameters()}
    outside |= {*network.get_output_embeddings().parameters()}
    return sum(part.numel() for part in network.parameters() if part not in outside)


def _tokenizer(texts: Iterable[str], words: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=words,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")
