"""Special tokens in a prompt's own text are letters: a chat template alone writes the others.

Most special tokens have brackets, which quoting takes out of titles; but "sop", which opens every
prompt of ChatGLM3, stands in "Aesop" and in "philosophy", and some model's tokens nobody knows yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from simulator.interfaces import Prompt

_MARKUP = re.compile(r"[<>\[\]{}|＜＞｜]")
_SENTINEL = "\U0010fffd"
_MOST_TEXTS = 100_000
"""Texts remembered with or without special tokens in them; once past it all are forgotten."""


class SpecialTokens:
    """Finds special tokens in texts, and tokenises such texts as letters.

    Args:
        tokenizer: A Hugging Face tokenizer. Its special tokens are those that it marks as such,
            and added tokens with brackets in them, such as Qwen's `<think>`; an added word or a
            run of blanks is part of the language.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = {
            index: token
            for index, token in tokenizer.added_tokens_decoder.items()
            if token.content.strip() and (token.special or _MARKUP.search(token.content))
        }
        self.ids = frozenset(added)
        texts = sorted((token.content for token in added.values()), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, texts))) if texts else None
        self._reach = max(map(len, texts), default=1) - 1
        self._folded = any(token.normalized for token in added.values())
        self._known: dict[str, bool] = {}

    def occur_in(self, prompt: Prompt) -> bool:
        """Whether the tokenizer would take a place of a prompt's text for a special token."""
        if self._pattern is None:
            return False
        reach = self._reach
        front = prompt.static[-reach:] + prompt.user[:reach]
        back = (prompt.static + prompt.user if len(prompt.user) < reach else prompt.user)[-reach:]
        texts = (
            prompt.static,
            prompt.user,
            prompt.candidate,
            front,
            back + prompt.candidate[:reach],
        )
        return any(map(self._occur, texts))

    def broken(self, text: str) -> str:
        """A text with a blank in each special token, for where it cannot be written as letters."""
        pattern = self._pattern
        while pattern is not None and pattern.search(text):
            text = pattern.sub(lambda match: f"{match[0][:1]} {match[0][1:]}", text)
        return text

    def framed(self, header: str, text: str, footer: str) -> list[int]:
        """Token ids of a text between a header and a footer; special tokens in these two alone.

        What the tokenizer merges over the seams stays merged, as in the whole.
        """
        if self._letters is None:
            before, after = self._apart(header, letters=False), self._apart(footer, letters=False)
            return [*before, *self._apart(text, letters=True), *after]
        head, start = self._up_to_last(header)
        end, tail = self._from_first(footer)
        middle = header[start:] + text + footer[:end]
        if not start:
            return [*self._letters.encode(middle, add_special_tokens=False).ids, *tail]
        # A text's beginning is tokenised otherwise than what follows a special token.
        ids = self._letters.encode(_SENTINEL + middle, add_special_tokens=False).ids
        return [*head, *ids[1:], *tail]

    def _occur(self, text: str) -> bool:
        if text not in self._known:
            if len(self._known) > _MOST_TEXTS:
                self._known.clear()
            self._known[text] = self._found(text)
        return self._known[text]

    def _found(self, text: str) -> bool:
        assert self._pattern is not None
        if self._pattern.search(text):
            return True
        normalizer = getattr(self._backend, "normalizer", None) if self._folded else None
        return normalizer is not None and bool(self._pattern.search(normalizer.normalize_str(text)))

    @property
    def _backend(self) -> Any:
        return getattr(self._tokenizer, "backend_tokenizer", None)

    @cached_property
    def _letters(self) -> Any:
        """A copy of the tokenizer that knows no special token; None for one in Python."""
        if self._backend is None:
            return None
        from tokenizers import AddedToken, Tokenizer

        written = json.loads(self._backend.to_str())
        for token in written["added_tokens"]:
            token["special"] = token["id"] in self.ids
        copy = Tokenizer.from_str(json.dumps(written))
        copy.no_truncation()
        copy.no_padding()
        copy.encode_special_tokens = True
        copy.add_tokens([AddedToken(_SENTINEL, normalized=False)])
        return copy

    def _up_to_last(self, header: str) -> tuple[list[int], int]:
        """Ids up to the last special token of a header, and where that ends."""
        encoded = self._backend.encode(header, add_special_tokens=False)
        places = self._places(encoded.ids)
        if not places:
            return [], 0
        return encoded.ids[: places[-1] + 1], encoded.offsets[places[-1]][1]

    def _from_first(self, footer: str) -> tuple[int, list[int]]:
        """Where the first special token of a footer begins, and the ids from there on."""
        encoded = self._backend.encode(footer, add_special_tokens=False)
        places = self._places(encoded.ids)
        if not places:
            return len(footer), []
        return encoded.offsets[places[0]][0], encoded.ids[places[0] :]

    def _places(self, ids: Iterable[int]) -> list[int]:
        return [place for place, index in enumerate(ids) if index in self.ids]

    def _apart(self, text: str, *, letters: bool) -> list[int]:
        """By a tokenizer in Python, which has no copy."""
        encoded = self._tokenizer(text, add_special_tokens=False, split_special_tokens=letters)
        return list(encoded["input_ids"])
