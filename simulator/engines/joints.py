"""Where a prompt may be cut so that the pieces' tokens, end to end, are the whole prompt's tokens.

A tokenizer may join what stands on both sides of a cut, and then a piece alone has other tokens
than in its place. Few tokenizers do so between two lines if the first ends in something visible
and one line break, and the second begins with a letter, a digit or common punctuation. Not cut:
blank lines (GPT-2 reads two line breaks before a word otherwise than at the end of a text), before
a slash (newer tokenizers join it to a line break), after `>` and `]` and before `<` and `[`
(special tokens end and begin so, and some swallow a line break beside them). A tokenizer trained on
lines of quoted titles, such as the pocket agent's, has a line break and the quotation mark after it
in one token; it is cut after the mark.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from simulator.interfaces import Prompt

_ENDING = r"[^\s>\]]"
_BEGINNING = r"\w'(*#•·“‘「『《【（–—\-"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_LINE_BREAK, _BLANK = "Ċ", "Ġ"
"""How byte-level vocabularies write them."""


@dataclass(frozen=True)
class Joint:
    """A kind of place at which texts are cut.

    Attributes:
        pattern: A match ends where a text may be cut.
        before: A line break and what may stand between it and such a place. Pieces are tokenised
            after it, since some tokenizers treat the beginning of a text differently.
    """

    pattern: re.Pattern[str]
    before: str

    def places(self, text: str) -> list[int]:
        """Where a text may be cut, ascending, never at its ends."""
        return [match.end() for match in self.pattern.finditer(text)]

    def cut(self, text: str) -> list[str]:
        """The pieces of a text, none empty."""
        if not text:
            return []
        return [text[start:end] for start, end in pairwise([0, *self.places(text), len(text)])]

    def lies_between(self, left: str, right: str) -> bool:
        """Whether two texts put together may be cut where they meet."""
        end = left[-3:]
        return len(end) in self.places(end + right[:1])

    def is_crossed(self, vocabulary: Collection[str]) -> bool:
        """Whether a token can hold text from both sides of such a place.

        Models that merge or choose tokens (BPE, Unigram, WordPiece) cannot reach over a place that
        no token spans.
        """
        byte_level = _LINE_BREAK in vocabulary and _BLANK in vocabulary
        line_break = _LINE_BREAK if byte_level else "\n"
        mark = self.before[1:]
        for token in vocabulary:
            if line_break in token and self.places("x" + _read(token, byte_level)):
                return True
            if mark and token.startswith(mark) and self.places("x\n" + _read(token, byte_level)):
                return True
        return False


def _read(token: str, byte_level: bool) -> str:
    """The text of a token, with a letter for each byte that is no ASCII."""
    if not byte_level:
        return token.replace("▁", " ")
    return _NOT_ASCII.sub("x", token.replace(_LINE_BREAK, "\n").replace(_BLANK, " "))


LINES = Joint(re.compile(rf'\n(?<={_ENDING}\n)(?=[{_BEGINNING}"])'), before="\n")
"""Between two lines."""
TITLES = Joint(re.compile(rf'\n(?<={_ENDING}\n)(?:"(?=\S)|(?=[{_BEGINNING}]))'), before='\n"')
"""Between two lines, or after the quotation mark that begins the second."""
JOINTS = (LINES, TITLES)

_TEXTS = (
    *("a", "Z", "2049", "7", "½", "é", "e\u0301", "İ", "_", "中", "한", "א", "हि", "😀", "𓀀"),
    *("'", "'s", "(", ")", "]", "{", "<", ">", "</", "/", "\\", ".", "...", "…", ",", ":", ";"),
    *("!!", "?", "-", "—", "*", "#", "&", "$", "@", "=", "^", "|", "`", "“", "”", "「", "》", "。"),
    *("（", "\u0301", "\u200b", "\ufeff", "x\u3000"),
)
"""What lines begin and end with, of every kind that tokenizers tell apart."""
_MOST_SPECIAL = 16
_LINES_A_PROBE = 32


def probes(special: Collection[str]) -> Iterator[Prompt]:
    """Prompts in which lines of every ending meet lines of every beginning.

    Args:
        special: Texts that are special tokens.
    """
    texts = [*_TEXTS, *sorted(special)[:_MOST_SPECIAL]]
    beginnings = [quote + text for text in texts for quote in ("", '"')]
    for ending in [*texts, '"', '!"', ')"', '."']:
        for start in range(0, len(beginnings), _LINES_A_PROBE):
            lines = [f"{text}x{ending}\n" for text in beginnings[start : start + _LINES_A_PROBE]]
            yield Prompt("Quoted titles are names.\n\n", "".join(lines), "Answer:")
