"""How a prompt becomes the tokens that a model receives: chat template, special tokens, window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simulator.domain import IntArray, TextArray
from simulator.engines.digests import digests_of_parts
from simulator.engines.joints import JOINTS, probes
from simulator.engines.pieces import Frame, Parts, PieceTokenizer
from simulator.engines.special_tokens import SpecialTokens
from simulator.interfaces import Prompt

BARE_ROLE = "<|assistant|>"
"""How the generation prompt of the ChatGLM and GLM families ends.

Their answers open with a line break (ChatGLM3 keeps the place before it for a tool's name), so the
token after the bare role is never the answer; the line break is written for the model.
"""

_PROBE = 'Recommended: "Probe"\nAnswer:'
"""Stands for a prompt where only what is around it matters."""


def answer_opening(rendered: str) -> str:
    """Text between the end of a rendered chat prompt and the first token of the answer."""
    return "\n" if rendered.endswith(BARE_ROLE) else ""


@dataclass(frozen=True)
class Encoder:
    """A model's own tokenizer, chat template and window.

    Prompts are tokenised in pieces: the static part once, and once each line of a history or of a
    candidate, in whatever prompts it occurs. The ids are exactly those of the whole prompt. Before
    its first prompts an encoder compares both ways on lines that meet in some ten thousand ways; a
    tokenizer that shows a difference is given whole prompts (`joins` is False then).

    Special tokens are what the chat template and the tokenizer write. In a prompt's own text, a
    title's as well as a template's, they are letters like any others.

    Attributes:
        tokenizer: A Hugging Face tokenizer.
        window: Tokens that fit into the model, prompt and answer together.
    """

    tokenizer: Any
    window: int

    @property
    def has_chat_template(self) -> bool:
        """Whether prompts are wrapped as one user message."""
        return bool(getattr(self.tokenizer, "chat_template", None))

    @property
    def joins(self) -> bool:
        """Whether prompts are tokenised in pieces, or whole."""
        return self._pieces is not None

    def encode(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Token ids exactly as the model receives them, one list a prompt.

        With a chat template: one user message and the generation prompt, thinking switched off
        where the template knows that switch. Without: the raw text with the special tokens that
        the tokenizer itself adds.
        """
        return [start + (middle + end) for start, middle, end in self._encode_parts(prompts)]

    def digests(self, prompts: Sequence[Prompt]) -> list[bytes]:
        """16 bytes a prompt, the same for the same token ids only; much cheaper than the ids."""
        return digests_of_parts(self._encode_parts(prompts))

    def count_tokens(self, prompts: Sequence[Prompt]) -> IntArray:
        """Tokens of each prompt as the model receives it, int32, shape (n,)."""
        return np.asarray([len(ids) for ids in self.encode(prompts)], dtype=np.int32)

    def display(self, prompt: Prompt) -> str:
        """What the model receives, special tokens and chat header included, as text."""
        ids = self.encode([prompt])[0]
        return str(self.tokenizer.decode(ids, skip_special_tokens=False))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated tokens, without special tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a bare text, without special tokens."""
        return self._bare_ids([text])[0]

    def window_failures(self, encoded: Sequence[Sequence[int]], answer_tokens: int) -> TextArray:
        """Why a prompt does not fit beside its answer, or "", shape (n,)."""
        return window_failures([len(ids) for ids in encoded], self.window, answer_tokens)

    def _encode_whole(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        if not self.has_chat_template:
            return self._ids([prompt.text for prompt in prompts], add_special_tokens=True)
        rendered = [self._render(prompt.text) for prompt in prompts]
        tail = self._opening(rendered[0])
        return [ids + tail for ids in self._bare_ids(rendered)]

    def _encode_parts(self, prompts: Sequence[Prompt]) -> list[Parts]:
        """Token ids from pieces, or of whole prompts where these must not be cut."""
        special = [self._special.occur_in(prompt) for prompt in prompts]
        plain = [
            prompt for prompt, is_special in zip(prompts, special, strict=True) if not is_special
        ]
        pieces = self._encode_pieces(plain, self._pieces) if plain and self._pieces else None
        if pieces is None and plain:
            pieces = [(ids, [], []) for ids in self._encode_whole(plain)]
        encoded = iter(pieces or [])
        return [
            (self._encode_letters(prompt), [], []) if is_special else next(encoded)
            for prompt, is_special in zip(prompts, special, strict=True)
        ]

    def _encode_letters(self, prompt: Prompt) -> list[int]:
        """A prompt in whose text are special tokens, as the letters that they are there."""
        text = prompt.text
        if not self.has_chat_template:
            frame = self._special_frame or Frame()
            return [*frame.first, *self._special.framed("", text, ""), *frame.last]
        frame = self._chat_frame() or Frame()
        rendered = self._render(text)
        for content in (text, text.strip()):
            if content and rendered == frame.header + content + frame.footer:
                return [*self._special.framed(frame.header, content, frame.footer), *frame.last]
        # This chat template rewrites what it is given.
        return self._encode_whole([Prompt("", "", self._special.broken(text))])[0]

    @cached_property
    def _special(self) -> SpecialTokens:
        return SpecialTokens(self.tokenizer)

    def _encode_pieces(
        self, prompts: Sequence[Prompt], pieces: PieceTokenizer
    ) -> list[Parts] | None:
        frame = self._chat_frame() if self.has_chat_template else self._special_frame
        if frame is None:
            return None
        if self.has_chat_template and not all(_is_tight(prompt) for prompt in prompts):
            # Some chat templates take white space off a message's ends.
            return None
        return pieces.encode(prompts, frame)

    @cached_property
    def _pieces(self) -> PieceTokenizer | None:
        """For the first kind of joint that this tokenizer allows; None if it allows none."""
        trials = list(probes(self.tokenizer.all_special_tokens))
        whole, vocabulary = self._encode_whole(trials), self.tokenizer.get_vocab()
        for joint in JOINTS:
            if joint.is_crossed(vocabulary):
                continue
            parts = self._encode_pieces(trials, PieceTokenizer(self._bare_ids, joint))
            if parts and [[*start, *middle, *end] for start, middle, end in parts] == whole:
                return PieceTokenizer(self._bare_ids, joint)
        return None

    def _chat_frame(self) -> Frame | None:
        """Rendered for each call, since a chat template may show the date."""
        header, found, footer = self._render(_PROBE).partition(_PROBE)
        if not found or not footer:
            return None
        return Frame(header, footer, last=tuple(self._opening(footer)))

    @cached_property
    def _special_frame(self) -> Frame | None:
        """The special tokens that the tokenizer itself puts around a text."""
        bare = self.tokenize(_PROBE)
        ids = self._ids([_PROBE], add_special_tokens=True)[0]
        for start in range(len(ids) - len(bare) + 1):
            end = start + len(bare)
            if ids[start:end] == bare:
                return Frame(first=tuple(ids[:start]), last=tuple(ids[end:]))
        return None

    def _opening(self, rendered: str) -> list[int]:
        """Encoded apart, as these models' own chat code does: the break is a token of its own."""
        opening = answer_opening(rendered)
        return self.tokenize(opening) if opening else []

    def _render(self, text: str) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": text}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
            )
        )

    def _bare_ids(self, texts: list[str]) -> list[list[int]]:
        return self._ids(texts, add_special_tokens=False)

    def _ids(self, texts: list[str], *, add_special_tokens: bool) -> list[list[int]]:
        encoded = self.tokenizer(
            texts,
            add_special_tokens=add_special_tokens,
            return_attention_mask=False,
            verbose=False,  # a text over the window is reported by `window_failures`
        )
        return [list(ids) for ids in encoded["input_ids"]]


def window_failures(lengths: Sequence[int], window: int, answer_tokens: int) -> TextArray:
    """Why a prompt of each length does not fit beside its answer, or "", shape (n,).

    A prompt is never truncated: a user without the oldest half of a history is another user.
    """
    room = window - answer_tokens
    failure = np.empty(len(lengths), dtype=object)
    failure[:] = [
        ""
        if length <= room
        else f"prompt of {length} tokens exceeds the window of {room} "
        f"(the model's {window} less {answer_tokens} for the answer)"
        for length in lengths
    ]
    return failure


def _is_tight(prompt: Prompt) -> bool:
    """Whether a prompt begins and ends with something visible."""
    static, candidate = prompt.static, prompt.candidate
    return bool(static and candidate) and not (static[0].isspace() or candidate[-1].isspace())
