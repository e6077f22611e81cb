"""A section of the report: words, figures, tables, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pandas as pd

from evals.plots import Drawing
from evals.tables import Table


@dataclass(frozen=True)
class Words:
    """A paragraph; `kind` is "lead", "caution" or "heading"."""

    text: str
    kind: str = "lead"
    template = "words"


@dataclass(frozen=True, eq=False)
class Figures:
    """Drawings beside each other, as many as fit."""

    drawings: tuple[Drawing, ...]
    template = "figures"


@dataclass(frozen=True)
class Sheet:
    """A table; with `groups`, rows whose names begin alike (HR@5, HR@10) stand together.

    Its title stands above it, unless `titled` is off since the words before it say the same.
    """

    table: Table
    name: str = ""
    groups: bool = False
    folded: bool = False
    titled: bool = True
    template = "sheet"


@dataclass(frozen=True, eq=False)
class Part:
    """Whatever needs a template of its own."""

    template: str
    view: Mapping[str, Any] = field(default_factory=dict)


Block: TypeAlias = "Words | Figures | Sheet | Part"


@dataclass(frozen=True, eq=False)
class Section:
    """A section.

    Attributes:
        anchor: Its address in the page.
        title: Its heading; "" for none.
        short: What the page's index calls it; "" leaves it out there.
        blocks: What it shows.
        data: By file name the figures behind it, whole and unrounded.
    """

    anchor: str
    title: str
    short: str
    blocks: tuple[Block, ...]
    data: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def drawings(self) -> list[Drawing]:
        """All figures of the section."""
        return [d for block in self.blocks if isinstance(block, Figures) for d in block.drawings]

    @property
    def sheets(self) -> list[Sheet]:
        """All tables of the section that have a name to be written under."""
        return [b for b in self.blocks if isinstance(b, Sheet) and b.name and b.table.rows]


def cautions(sentences: tuple[str, ...]) -> tuple[Words, ...]:
    """What a reader must know, set apart."""
    return tuple(Words(sentence, "caution") for sentence in sentences)
