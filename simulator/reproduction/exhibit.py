"""What a command hands out: tables of text, figures, and the numbers behind both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table of text.

    Attributes:
        title: What it shows, a line.
        cells: Strings; the index names the rows, an outer level of it groups them.
        words: Columns of words, set to the left; the others hold figures.
    """

    title: str
    cells: pd.DataFrame
    words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A table or figure of the paper, made again.

    Attributes:
        name: "table4": the name of its files.
        caption: How it was made and how to read it, in sentences.
        summary: What the terminal shows.
        sheets: What Markdown and LaTeX hold.
        numbers: By file name (without ending) what the CSV files hold, unrounded.
        figures: By file name, what SVG and PNG show.
    """

    name: str
    caption: tuple[str, ...]
    summary: Sheet
    sheets: tuple[Sheet, ...]
    numbers: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Figure] = field(default_factory=dict)
