"""Finding the item that a title written by a language model means."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

_QUOTES = re.compile("[\"'`´‘’“”„«»「」『』《》]")
_YEAR = re.compile(r"^(?P<name>.*\S) \((?P<year>[12][0-9]{3})\)$")
# fmt: off
_ARTICLES = frozenset({
    "a", "an", "the",
    "das", "dem", "der", "die", "ein", "eine", "de", "het",
    "el", "la", "las", "lo", "los", "le", "les", "l", "un", "una", "une", "o", "os",
    "il", "i", "gli",
})
# fmt: on
# "3.10 to Yuma" is no third title: a full stop or a colon numbers only before a blank.
_NUMBERING = re.compile(r"^(?:\(?[0-9]{1,3}(?:[.:]\s+|[)、．）]\s*)|[-*•–—]\s+)")
_QUOTED = re.compile(r"^(?P<open>[\"“「『《])(?P<title>[^\"”」』》]+)[\"”」』》](?P<rest>.*)$")


def normalised(title: str) -> str:
    """A title without what writers vary: case, quotation marks, blanks, the place of an article.

    `Matrix, The (1999)` and `the matrix (1999)` become the same text.
    """
    text = unicodedata.normalize("NFKC", title).casefold()
    text = " ".join(_QUOTES.sub("", text).split())
    name, year = _parted(text)
    head, comma, article = name.rpartition(", ")
    if comma and article in _ARTICLES:
        name = f"{article} {head}"
    return f"{name} ({year})" if year else name


def written_title(line: str) -> str:
    """The title that a line of an answer holds; "" where the line is blank.

    Numbering or a bullet at its head goes. Of a line that begins with a quotation, the quotation
    alone counts where nothing but brackets follows it, since prompts show items as
    `"Alien (1979)" (Horror, Sci-Fi)`.
    """
    text = _NUMBERING.sub("", line.strip())
    quoted = _QUOTED.match(text)
    if quoted and re.fullmatch(r"\s*(?:\([^()]*\)\s*)*[.,;]?", quoted["rest"]):
        return quoted["title"].strip()
    return text


class TitleIndex:
    """Items by their normalised titles.

    A title stands for an item if it is the item's own, or if it is without the year that the
    catalogue gives in brackets, or has such a year where the catalogue gives none. A year that
    differs makes another title.

    Args:
        titles: As the prompts show them, one an item.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self._whole: dict[str, list[int]] = defaultdict(list)
        self._without_year: dict[str, list[int]] = defaultdict(list)
        for row, title in enumerate(titles):
            text = normalised(title)
            self._whole[text].append(row)
            name, year = _parted(text)
            if year:
                self._without_year[name].append(row)

    def find(self, title: str) -> list[int]:
        """Catalogue rows that the title may stand for, ascending; empty if there are none."""
        text = normalised(title)
        name, year = _parted(text)
        for known, key in (
            (self._whole, text),
            (self._whole if year else self._without_year, name),
        ):
            if key in known:
                return known[key]
        return []


def _parted(text: str) -> tuple[str, str]:
    """Name and year in brackets, or ""."""
    found = _YEAR.match(text)
    return (found["name"], found["year"]) if found else (text, "")
