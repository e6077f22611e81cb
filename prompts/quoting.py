"""Text from a catalogue is data, never instructions: what a title may bring into a prompt.

A title could carry the control tokens of a chat format, a line break that fakes a new turn, a flood
of one phrase, or characters that no reader sees. All of that is taken out before any template gets
the title.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby

TITLE_LENGTH = 200
"""Characters a title may have; longer ones end in an ellipsis."""
CATEGORY_LENGTH = 60
"""Characters a category may have."""
_FARTHEST = 50
"""Times the length to which a text is cut that are read at all, so that none costs much time."""
UNTITLED = "(untitled)"
"""Stands for a title of which nothing readable is left."""

# Beyond Unicode's categories for control, format, surrogate and private characters: letters and
# marks that print nothing (fillers, joiners, variation selectors, the tag block, Braille blank).
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff]"
)
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co"})
# `<|user|>`, `[INST]` and their kind go as a whole: no title has use for them, and a model may take
# even their letters for a turn.
_ROLE = re.compile(r"[<＜﹤][|｜][^<>＜＞﹤﹥\n]{0,60}?[|｜][>＞﹥]")
# What is left, `<s>`, `</s>`, `<sop>`, `<<SYS>>`, `<think>`, `<0x0A>`: breaking the opening bracket
# breaks them all. "I <3 You" and "a < b" stay as they are.
_OPENING = re.compile(r"[<＜﹤](?=[^\s0-9]|0x)", re.IGNORECASE)
_BRACKETED = re.compile(r"[\[［]([^\[\]［］]{1,40})[\]］]")
_BRACKET_TOKENS = re.compile(
    r"/?(INST|[GS]?MASK|CLS|SEP|PAD|UNK|BOS|EOS|SYSTEM_PROMPT|AVAILABLE_TOOLS|MODEL_SETTINGS|"
    r"TOOL_(CALLS|RESULTS|CONTENT)|CALL_ID|ARGS|THINK|IMG|IMG_BREAK|IMG_END|(BEGIN_)?AUDIO|"
    r"TRANSCRIBE|PREFIX|MIDDLE|SUFFIX|CONTROL_[0-9]+|UNUSED(_TOKEN_)?[0-9]+)",
    re.IGNORECASE,
)
_FLOOD = re.compile(r"(.{1,40}?)\1{7,}")
_SHORTEST_FLOOD = 32
"""Characters; shorter repetitions, such as a title's "Aaaaaaaah", stay."""
_MOST_MARKS = 4
"""Combining marks on one letter: no script stacks more; a flood of them goes as a whole."""
_QUOTES = str.maketrans({'"': "'", "＂": "'"})


def _without_hidden(text: str) -> str:
    spaced = " ".join(text.split())
    shown = (c for c in spaced if unicodedata.category(c) not in _HIDDEN_CATEGORIES)
    return " ".join(_INVISIBLE.sub("", "".join(shown)).split())


def _without_floods(text: str) -> str:
    """A text without heaps of combining marks, and with three of what is repeated on and on."""
    if not text.isascii():
        runs = groupby(text, key=lambda c: unicodedata.category(c)[0] == "M")
        parts = [(is_mark, "".join(run)) for is_mark, run in runs]
        text = "".join(part for is_mark, part in parts if not is_mark or len(part) <= _MOST_MARKS)
    return _until_stable(lambda line: _FLOOD.sub(_three, line), text)


def _three(match: re.Match[str]) -> str:
    return match[0] if len(match[0]) < _SHORTEST_FLOOD else match[1] * 3


def _without_roles(text: str) -> str:
    """Taking one out may put another together."""
    return _until_stable(lambda line: _BRACKETED.sub(_no_token, _ROLE.sub("", line)), text)


def _no_token(match: re.Match[str]) -> str:
    name = unicodedata.normalize("NFKC", match[1]).strip()
    return "" if _BRACKET_TOKENS.fullmatch(name) else match[0]


def _until_stable(change: Callable[[str], str], text: str) -> str:
    """Changed until it stays; each change makes it shorter."""
    while (changed := change(text)) != text:
        text = changed
    return text


def _cleaned(line: str) -> str:
    line = _without_roles(_without_floods(line))
    return " ".join(_OPENING.sub("‹", line).split())


def safe_text(text: str, length: int = TITLE_LENGTH) -> str:
    """One visible line that closes no quotation and starts no chat turn.

    Control, invisible and text-direction characters go, runs of white space become one blank,
    double quotes become single ones. Of a phrase that is repeated on and on three are left, and
    heaps of combining marks go. The special tokens of the ChatGLM, GLM, Qwen, Llama and Mistral
    families go (`<|...|>`, `[gMASK]`, `[INST]`) or get other brackets (`<sop>`, `<s>`, `<<SYS>>`,
    ...), so that no tokenizer takes them for more than letters. Safe text stays as it is.

    Args:
        text: Anything.
        length: The most characters to keep, at least 1; a cut is shown by an ellipsis.

    Returns:
        The cleaned text; empty if nothing visible is left.
    """
    line = _without_hidden(text[: length * _FARTHEST])
    line = _until_stable(_cleaned, line).translate(_QUOTES)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def has_hidden(text: str) -> bool:
    """Whether a text has characters that print nothing, white space aside."""
    return _without_hidden(text) != " ".join(text.split())


def has_special_tokens(text: str) -> bool:
    """Whether a text has what `safe_text` takes for special tokens."""
    line = _without_hidden(text)
    return _OPENING.sub("‹", _without_roles(line)) != line


@dataclass(frozen=True)
class ShownItem:
    """An item as a prompt shows it; `str()` gives `"Alien" (Horror, Sci-Fi)`.

    Attributes:
        title: Cleaned by `safe_text`, without the quotation marks.
        categories: Cleaned, empty ones left out.
        text: The whole line.
    """

    title: str
    categories: tuple[str, ...] = ()
    text: str = field(init=False)

    def __post_init__(self) -> None:
        title = safe_text(self.title) or UNTITLED
        cleaned = (safe_text(name, CATEGORY_LENGTH) for name in self.categories)
        categories = tuple(name for name in cleaned if name)
        suffix = f" ({', '.join(categories)})" if categories else ""
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "categories", categories)
        object.__setattr__(self, "text", f'"{title}"{suffix}')

    def __str__(self) -> str:
        return self.text
