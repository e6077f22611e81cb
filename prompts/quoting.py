"""Text from a catalogue is data, never instructions: what a title may bring into a prompt.

A title could carry the control tokens of a chat format, a line break that fakes a new turn, or
characters that no reader sees. All of that is taken out before any template gets the title.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

TITLE_LENGTH = 200
"""Characters a title may have; longer ones end in an ellipsis."""
CATEGORY_LENGTH = 60
"""Characters a category may have."""
UNTITLED = "(untitled)"
"""Stands for a title of which nothing readable is left."""

# Beyond Unicode's categories for control, format, surrogate and private characters: letters and
# marks that print nothing (fillers, joiners, variation selectors, the tag block, Braille blank).
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff]"
)
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co"})
# `<|user|>`, `<s>`, `</s>`, `<sop>`, `<<SYS>>`, `<think>`, `<0x0A>`: breaking the opening bracket
# breaks them all. "I <3 You" and "a < b" stay as they are.
_OPENING = re.compile(r"[<＜﹤](?=[^\s0-9]|0x)", re.IGNORECASE)
_BRACKETED = re.compile(r"[\[［]([^\[\]［］]{1,40})[\]］]")
_BRACKET_TOKENS = re.compile(
    r"/?(INST|[GS]?MASK|CLS|SEP|PAD|UNK|BOS|EOS|SYSTEM_PROMPT|AVAILABLE_TOOLS|MODEL_SETTINGS|"
    r"TOOL_(CALLS|RESULTS|CONTENT)|CALL_ID|ARGS|THINK|IMG|IMG_BREAK|IMG_END|(BEGIN_)?AUDIO|"
    r"TRANSCRIBE|PREFIX|MIDDLE|SUFFIX|CONTROL_[0-9]+)",
    re.IGNORECASE,
)
_QUOTES = str.maketrans({'"': "'", "＂": "'"})


def _without_hidden(text: str) -> str:
    spaced = " ".join(text.split())
    shown = (c for c in spaced if unicodedata.category(c) not in _HIDDEN_CATEGORIES)
    return " ".join(_INVISIBLE.sub("", "".join(shown)).split())


def _without_bracket_token(match: re.Match[str]) -> str:
    inner = match.group(1)
    name = unicodedata.normalize("NFKC", inner).strip()
    return f"({inner})" if _BRACKET_TOKENS.fullmatch(name) else match.group(0)


def safe_text(text: str, length: int = TITLE_LENGTH) -> str:
    """One visible line that closes no quotation and starts no chat turn.

    Control, invisible and text-direction characters go, runs of white space become one blank,
    double quotes become single ones, and the special tokens of the ChatGLM, GLM, Qwen, Llama and
    Mistral families (`<|...|>`, `[gMASK]`, `<sop>`, `[INST]`, `<s>`, `<<SYS>>`, ...) get other
    brackets, so that no tokenizer takes them for more than letters. Safe text stays as it is.

    Args:
        text: Anything.
        length: The most characters to keep, at least 1; a cut is shown by an ellipsis.

    Returns:
        The cleaned text; empty if nothing visible is left.
    """
    line = _OPENING.sub("‹", _without_hidden(text))
    line = _BRACKETED.sub(_without_bracket_token, line).translate(_QUOTES)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def has_hidden(text: str) -> bool:
    """Whether a text has characters that print nothing, white space aside."""
    return _without_hidden(text) != " ".join(text.split())


def has_special_tokens(text: str) -> bool:
    """Whether a text has what `safe_text` takes for special tokens."""
    line = _without_hidden(text)
    return _BRACKETED.sub(_without_bracket_token, _OPENING.sub("‹", line)) != line


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
