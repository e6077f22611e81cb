"""A catalogue's suspicious titles and categories: which, why, and what a prompt shows instead."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

import pandas as pd

from prompts.quoting import (
    CATEGORY_LENGTH,
    TITLE_LENGTH,
    UNTITLED,
    has_hidden,
    has_special_tokens,
    safe_text,
)
from simulator.domain import Catalogue

COLUMNS = ("item", "row", "field", "why", "text", "shown")

_READ = 10_000
"""Characters of a text that are looked at; nothing behind them reaches a prompt."""

_INSTRUCTION = re.compile(
    r"\b(ignore|disregard|forget|override)\b.{0,30}\b(instructions?|history|rules?|above|previous)\b"
    r"|\b(answer|reply|respond|output|say)\b.{0,20}\b(yes|no|click|skip|one word)\b"
    r"|\b(your|quoted|the) instructions?\b|\bclicks? (this|now|it|every|any)\w*\b|\bthe user('s)?\b"
    r"|\b(system (prompt|message)|developer mode|language model|you are (now|no longer))\b"
    r"|\byou must (click|answer|say|accept|like)\b"
    r"|(忽略|无视|忘记).{0,10}(指令|历史|以上|一切)|(请|必须|始终|直接|不要)(回答|点击|输出)"
    r"|系统(消息|升级|提示)|(该|真正的)用户|你的指令|回答[“']?[是否]|点击任何",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"(^|[\s#'.])(system|assistant|user|human|ai|answer|response|instruction)\s*:"
    r"|(系统|助手|用户|回答|答)\s*:",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\{\{|\{%|\{#|\$\{|</?[a-z!][^<>]*>|[\[{]\s*\"[^\"]*\"\s*[:,]|```", re.I)
_ANSWERS = frozenset(
    {"yes", "no", "or", "click", "skip", "true", "false", "是", "否", "点击", "跳过"}
)
_NO_EDGES = str.maketrans(dict.fromkeys("'“”‘’「」《》.。!,/`*:", " "))
_MANY_MARKS = re.compile(r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3}")
_WORD = re.compile(r"[^\W\d_]+")
_DISGUISES = (
    *("CIRCLED LATIN", "SQUARED LATIN", "PARENTHESIZED LATIN", "REGIONAL INDICATOR"),
    *("NEGATIVE CIRCLED LATIN", "NEGATIVE SQUARED LATIN"),
)
_LOOK_ALIKE = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


def suspicious_titles(catalogue: Catalogue) -> pd.DataFrame:
    """Titles and categories that a person should look at before a model reads them.

    A suspicion is no verdict: there are films called "Yes" and "Click". What reaches a prompt is
    what `shown` says.

    Returns:
        A row a text, in the catalogue's order; columns item (its id), row (from 0), field ("title"
        or "category"), why (reasons, joined by "; "), text (as it is), shown (in a prompt).
    """
    found = []
    items = zip(catalogue.item_ids, catalogue.titles, catalogue.categories, strict=True)
    for row, (item, title, categories) in enumerate(items):
        for field, text in [("title", title), *(("category", name) for name in categories)]:
            length = TITLE_LENGTH if field == "title" else CATEGORY_LENGTH
            why = reasons(text, length)
            if why:
                shown = safe_text(text, length) or (UNTITLED if field == "title" else "")
                found.append((item, row, field, "; ".join(why), text, shown))
    # As objects: a text of half a character is suspicious, and pandas' own texts cannot hold it.
    return pd.DataFrame(found, columns=list(COLUMNS), dtype=object).astype({"row": int})


def reasons(text: str, length: int = TITLE_LENGTH) -> tuple[str, ...]:
    """Why a text is suspicious; none for an ordinary one.

    Args:
        text: As the catalogue has it.
        length: The most characters that a prompt shows of it.

    Returns:
        Reasons in words, such as "hidden characters", in a fixed order.
    """
    over_long = len(text) > length
    text = text[:_READ]
    # As a prompt shows it but for the cut, in plain letters: full-width signs become ordinary ones,
    # and double quotes single ones.
    folded = unicodedata.normalize("NFKC", safe_text(text, len(text) + 1))
    holds: Mapping[str, Callable[[], object]] = {
        "hidden characters": lambda: has_hidden(text),
        "line breaks": lambda: len(text.strip().splitlines()) > 1,
        "special tokens": lambda: has_special_tokens(text),
        "over-long": lambda: over_long,
        "nothing to read": lambda: not any(c.isalnum() for c in folded),
        "stacked marks": lambda: _MANY_MARKS.search(text),
        "letters of two scripts in a word": lambda: any(map(_is_mixed, _WORD.findall(folded))),
        "letters in disguise": lambda: any(map(_is_disguised, text)),
        "an answer": lambda: _answers(folded),
        "an instruction": lambda: _INSTRUCTION.search(folded),
        "a turn of a dialogue": lambda: _TURN.search(folded),
        "markup": lambda: _MARKUP.search(text),
    }
    return tuple(name for name, test in holds.items() if test())


def _answers(text: str) -> bool:
    """Whether a text is an answer, perhaps repeated, and nothing else."""
    words = set(text.casefold().translate(_NO_EDGES).split())
    return bool(words) and words <= _ANSWERS


def _is_mixed(word: str) -> bool:
    """Whether letters that look alike stand beside Latin ones."""
    if word.isascii():
        return False
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
    return "LATIN" in scripts and not scripts.isdisjoint(_LOOK_ALIKE)


def _is_disguised(character: str) -> bool:
    """Whether a character is a letter in the dress of a symbol; full-width ones are ordinary."""
    if character.isascii():
        return False
    name = unicodedata.name(character, "")
    return name.startswith(_DISGUISES) or (
        name.startswith("MATHEMATICAL ") and character.isalnum()  # brackets are no letters
    )
