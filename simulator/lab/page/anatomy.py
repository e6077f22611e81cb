"""A prompt as the model receives it, cut where a prefix cache stops to help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulator.engines.encoding import Encoder
from simulator.interfaces import Prompt

PARTS = ("static", "history", "candidate")
"""Computed once, once a user, and for each decision."""


@dataclass(frozen=True)
class Part:
    """One part of a prompt.

    Attributes:
        kind: One of `PARTS`.
        text: As the model receives it, chat template and special tokens included.
        tokens: How many; None where the model is another machine's and tells no tokens.
    """

    kind: str
    text: str
    tokens: int | None


def anatomy(prompt: Prompt, encoder: Encoder | None) -> list[Part]:
    """The prompt in three parts; their tokens add up to the encoder's.

    A token that reaches over the end of a part belongs to the next one: no cache could reuse it.
    What the chat template writes before the prompt is static, what it writes after it belongs to
    the candidate.
    """
    if encoder is None:
        texts = (prompt.static, prompt.user, prompt.candidate)
        return [Part(kind, text, None) for kind, text in zip(PARTS, texts, strict=True)]
    ids = encoder.encode([prompt])[0]
    first, second = boundaries(prompt, ids, encoder)
    whole, ends = encoder.display(prompt), []
    for end in (first, second):
        text = str(encoder.tokenizer.decode(ids[:end], skip_special_tokens=False))
        # A cut inside of a character's bytes decodes to a sign of its own.
        ends.append(_shared(text, whole))
    texts = (whole[: ends[0]], whole[ends[0] : ends[1]], whole[ends[1] :])
    counts = (first, second - first, len(ids) - second)
    return [Part(*part) for part in zip(PARTS, texts, counts, strict=True)]


def boundaries(prompt: Prompt, ids: Sequence[int], encoder: Encoder) -> tuple[int, int]:
    """How many tokens are the static part's, and how many the static part's and the user's.

    Found as a prefix cache finds them: by what the tokens have in common with those of another
    prompt that goes on differently, with a digit, which tokenizers join to nothing before it.
    """
    other = [
        replace(prompt, user="", candidate=_another(prompt.user + prompt.candidate)),
        replace(prompt, candidate=_another(prompt.candidate)),
    ]
    first, second = (_shared(ids, encoded) for encoded in encoder.encode(other))
    return min(first, second), second


def _another(text: str) -> str:
    return "8" if text.startswith("7") else "7"


def _shared(one: Sequence[int] | str, other: Sequence[int] | str) -> int:
    """How far two sequences are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(one), len(other)))
