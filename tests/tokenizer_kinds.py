"""Small tokenizers of every kind that serious models have, and of kinds that join lines."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tiny_checkpoints import FAMILIES, make_tokenizer
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from prompts import ShownItem, load_template, shipped_examples
from simulator.engines import load_prompt_encoder

_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN = _LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
_GPT_4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@cache
def _corpus() -> list[str]:
    texts = []
    for name in ("movies/click-en", "general/click-zh", "news/click-en"):
        template = load_template(name)
        items = [ShownItem(f"The Film {k}: Heat/{k}", ("Drama", "战争")) for k in range(40)]
        texts += [
            template.render_static(shipped_examples(template)),
            template.render_user(items),
            *(template.render_candidate(item) for item in items),
            "/home/film\n/root\n- Alien (1979)\n- Heat's\n\n\n  The end!!\r\n",
        ]
    return texts


def _split_by(pattern: str | None, *, nfc: bool = False) -> PreTrainedTokenizerFast:
    """Byte-level BPE; None for GPT-2's pattern, "" for none at all."""
    tokenizer = Tokenizer(models.BPE())
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    tokenizer.pre_tokenizer = (
        pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])
        if pattern
        else byte_level
    )
    tokenizer.decoder = decoders.ByteLevel()
    return _trained(tokenizer, trainers.BpeTrainer, initial_alphabet=byte_level.alphabet())


def _sentence_piece(kind: str) -> PreTrainedTokenizerFast:
    """Blanks as "▁", one before every text, unknown characters as bytes, as Llama 2 and ChatGLM."""
    alphabet = {"initial_alphabet": ["▁"], "special_tokens": ["<unk>", "</s>", *_BYTES]}
    if kind == "unigram":
        tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0)], 0, byte_fallback=True))
        trainer, options = trainers.UnigramTrainer, {**alphabet, "unk_token": "<unk>"}
    else:
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
        trainer, options = trainers.BpeTrainer, alphabet
    if kind == "legacy":
        # No pre-tokenizer at all: merges may run over a whole text.
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    # The line break is a byte there, and no merge has it.
    texts = [line for text in _corpus() for line in text.split("\n")]
    return _trained(tokenizer, trainer, texts=texts, **options)


def _trained(
    tokenizer: Tokenizer, trainer: Callable[..., object], texts: list[str] | None = None, **options
) -> PreTrainedTokenizerFast:
    options = {"vocab_size": 900, "show_progress": False, **options}
    tokenizer.train_from_iterator(texts or _corpus(), trainer=trainer(**options))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")


def _ended() -> PreTrainedTokenizerFast:
    """Special tokens of its own on both sides of a text."""
    fast = _split_by(_LLAMA_3)
    fast.add_special_tokens({"bos_token": "<s>"})
    ids = [("<s>", fast.bos_token_id), ("</s>", fast.eos_token_id)]
    fast.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=ids
    )
    return fast


def _words() -> PreTrainedTokenizerFast:
    """Words and marks of a fixed list, without line breaks; most are unknown."""
    vocabulary = {"[UNK]": 0, "film": 1, '"': 2, "answer": 3}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")


def _fused() -> PreTrainedTokenizerFast:
    """What it does not know becomes one token, line break and all."""
    tokenizer = Tokenizer(models.BPE({"a": 0, "<unk>": 1}, [], unk_token="<unk>", fuse_unk=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def _masked(mask: str) -> PreTrainedTokenizerFast:
    """A special token that swallows the white space before it, as RoBERTa's mask does."""
    fast = _split_by(None)
    fast.add_special_tokens({"mask_token": AddedToken(mask, lstrip=True)})
    return fast


def _one_word_joined() -> PreTrainedTokenizerFast:
    """Bytes, but a line break and the Q after it are one token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate([*alphabet, "ĊQ"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("Ċ", "Q")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def _swallowing() -> PreTrainedTokenizerFast:
    """Role tokens that swallow the white space after them, as Phi-3's do."""
    fast = _sentence_piece("legacy")
    roles = ("<|user|>", "<|end|>", "<|assistant|>")
    fast.add_special_tokens(
        {"additional_special_tokens": [AddedToken(role, rstrip=True) for role in roles]}
    )
    fast.chat_template = (
        "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
    )
    return fast


def _prose() -> PreTrainedTokenizerFast:
    """Spaces at the ends of a text are lost, and line breaks are spaces: not made for lines."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return _trained(tokenizer, trainers.BpeTrainer, initial_alphabet=alphabet)


JOINING: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "pocket": lambda: load_prompt_encoder("pocket").tokenizer,
    "gpt-2": lambda: _split_by(None),
    "llama-3": lambda: _split_by(_LLAMA_3),
    "qwen": lambda: _split_by(_QWEN, nfc=True),
    "gpt-4o": lambda: _split_by(_GPT_4O),
    "unigram": lambda: _sentence_piece("unigram"),
    "metaspace": lambda: _sentence_piece("bpe"),
    "llama-2": lambda: _sentence_piece("legacy"),
    "words": _words,
    "unknown fused": _fused,
    "masked": lambda: _masked("<mask>"),
    "ended": _ended,
    "phi-3": _swallowing,
    **{family: lambda family=family: make_tokenizer(family) for family in FAMILIES},
    "llama, raw": lambda: make_tokenizer("llama", chat_template=False),
}
"""Tokenizers whose lines can be tokenised apart."""

WHOLE: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "lines joined": lambda: _split_by(""),
    "one word joined": _one_word_joined,
    "prose": _prose,
    "a word swallows": lambda: _masked("mask"),
}
"""Tokenizers that need whole prompts."""

_MADE = {**JOINING, **WHOLE}


@cache
def tokenizer_of_kind(kind: str) -> PreTrainedTokenizerFast:
    """One of `JOINING` or `WHOLE`; share it and leave it as it is."""
    return _MADE[kind]()
