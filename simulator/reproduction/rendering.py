"""Sheets for the terminal, for Markdown, for LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulator.reproduction.exhibit import Exhibit, Sheet

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import RenderableType

_LATEX = {
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "Δ": r"$\Delta$",
    "→": r"$\to$",
    "×": r"$\times$",
}

_GROUP_END = re.compile(r"\\cline\{[^}]*\}\n(\\bottomrule\n)?")


def for_terminal(sheet: Sheet) -> RenderableType:
    """A rich table; the outer level of the rows' names becomes headings."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(f"\n{sheet.title}"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    cells = sheet.cells
    table.add_column(Text(str(cells.index.names[-1] or "")), no_wrap=True)
    for column in cells.columns:
        # A difference stands beside its figure, so that its sign alone says what it is.
        name = str(column).partition(" ")[0] if str(column).startswith("Δ") else str(column)
        table.add_column(Text(name), justify="left" if column in sheet.words else "right")
    before: str | None = None
    for names, row in zip(_names(cells), cells.to_numpy(), strict=True):
        *group, name = names
        if group and group[0] != before:
            before = group[0]
            table.add_row(Text(before, style="bold"), *("" for _ in row))
        table.add_row(Text(f"  {name}" if group else name), *(Text(str(cell)) for cell in row))
    return table


def to_markdown(exhibit: Exhibit) -> str:
    """The sheets in GitHub's Markdown, the caption below."""
    parts = [_markdown(sheet) for sheet in exhibit.sheets]
    images = [f"![{name}]({name}.svg)\n" for name in exhibit.figures]
    return "\n".join([f"# {exhibit.name}\n", *images, *parts, *(f"{s}\n" for s in exhibit.caption)])


def to_latex(exhibit: Exhibit) -> str:
    r"""The sheets as `table` environments with booktabs rules (`\usepackage{booktabs}`)."""
    labels = [f"tab:{exhibit.name}-{number + 1}" for number in range(len(exhibit.sheets))]
    captions = [_escaped(f"{sheet.title}.") for sheet in exhibit.sheets]
    captions[0] += " " + _escaped(" ".join(exhibit.caption))
    captions[1:] = [rf"{caption} Made as Table~\ref{{{labels[0]}}}." for caption in captions[1:]]
    return "\n".join(map(_latex, exhibit.sheets, captions, labels))


def _names(cells: DataFrame) -> list[tuple[str, ...]]:
    """Each row's name, a part a level of the index."""
    return [
        tuple(map(str, name)) if isinstance(name, tuple) else (str(name),) for name in cells.index
    ]


def _markdown(sheet: Sheet) -> str:
    cells = sheet.cells
    head = [*(str(name or "") for name in cells.index.names), *map(str, cells.columns)]
    kinds = ["---" if column in sheet.words else "---:" for column in cells.columns]
    rule = "|" + "|".join(["---"] * cells.index.nlevels + kinds) + "|"
    rows = [
        [*name, *map(str, row)] for name, row in zip(_names(cells), cells.to_numpy(), strict=True)
    ]
    return "\n".join([f"**{sheet.title}**", "", _line(head), rule, *map(_line, rows), ""])


def _line(cells: Sequence[str]) -> str:
    escaped = (
        cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for cell in cells
    )
    return "| " + " | ".join(escaped) + " |"


def _latex(sheet: Sheet, caption: str, label: str) -> str:
    cells = sheet.cells
    levels = cells.index.nlevels
    style = cells.rename_axis([None] * levels).style
    style = style.format(_escaped).format_index(_escaped, axis=1)
    for level in range(levels):
        style = style.format_index(_escaped, axis=0, level=level)
    text = str(
        style.to_latex(
            hrules=True,
            position="t",
            position_float="centering",
            caption=caption,
            label=label,
            column_format="l" * levels
            + "".join("l" if column in sheet.words else "r" for column in cells.columns),
            multirow_align="naive",
            clines="skip-last;data" if levels > 1 else None,
        )
    )
    # Groups are parted by booktabs' rule, which the last does not need.
    return _GROUP_END.sub(lambda end: end[1] or "\\midrule\n", text)


def _escaped(text: object) -> str:
    """Text as LaTeX sets it, signs that it has no letters for as mathematics."""
    return "".join(_LATEX.get(c, c) for c in str(text))
