"""The corpus of hostile titles: what strangers could put into a catalogue, each beside a twin."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

_FILE = "hostile_titles.toml"


@dataclass(frozen=True)
class TitlePair:
    """A hostile title and a harmless one of the same class of visible length.

    Attributes:
        kind: What it tries, such as "instructions" or "tokens".
        language: "en" or "zh".
        hostile: The title.
        twin: Its neutral twin.
    """

    kind: str
    language: str
    hostile: str
    twin: str


@cache
def hostile_titles() -> tuple[TitlePair, ...]:
    """All pairs in the order of the file, kind by kind; no hostile title occurs twice."""
    text = resources.files("evals.audit").joinpath(_FILE).read_text(encoding="utf-8")
    return tuple(
        TitlePair(kind, language, entry[0] * (entry[2] if len(entry) > 2 else 1), entry[1])
        for kind, languages in tomllib.loads(text).items()
        for language, entries in languages.items()
        for entry in entries
    )
