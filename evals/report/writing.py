"""A report as files: the page, its figures, its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evals.compare import Comparison
from evals.report.contents import Contents
from evals.report.page import Page, as_contents
from evals.tables import Table, latex_table, markdown_table
from simulator.files import atomic_write, write_text


def render_report(contents: Contents | Comparison, titles: Sequence[str] | None = None) -> str:
    """The report's HTML; the same text each time for the same contents."""
    return Page(as_contents(contents, titles)).html()


def write_report(
    contents: Contents | Comparison, path: Path | str, titles: Sequence[str] | None = None
) -> Path:
    """Write the report as one HTML file.

    Args:
        contents: What to report; a `Comparison` of runs is enough.
        path: The HTML file; its folder is made where it is missing.
        titles: The catalogue's titles by row, where the contents do not have them.

    Returns:
        The file's path.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, render_report(contents, titles))
    return target


def write_comparison(contents: Contents, folder: Path | str) -> list[Path]:
    """Write the report, its figures and its tables.

    `report.html`; `figures/*.svg` and `*.png`; `tables/*.md` and `*.tex` as the page shows them,
    `tables/*.csv` whole and unrounded.

    Args:
        contents: What to report.
        folder: Made where it is missing.

    Returns:
        The files written.
    """
    page, root = Page(contents), Path(folder)
    for place in (root, root / "figures", root / "tables"):
        place.mkdir(parents=True, exist_ok=True)
    write_text(root / "report.html", page.html())
    written = [root / "report.html"]
    for section in page.sections:
        for drawing in section.drawings:
            for ending in ("svg", "png"):
                path = root / "figures" / f"{drawing.name}.{ending}"
                with atomic_write(path) as file:
                    file.write(drawing.file(ending))
                written.append(path)
        texts = {f"{name}.csv": frame.to_csv(index=False) for name, frame in section.data.items()}
        for sheet in section.sheets:
            texts[f"{sheet.name}.md"] = markdown_table(sheet.table)
            texts[f"{sheet.name}.tex"] = latex_table(sheet.table)
        for name, text in texts.items():
            write_text(root / "tables" / name, text)
            written.append(root / "tables" / name)
    return written


def tables_of(contents: Contents) -> list[Table]:
    """The tables that the page shows unfolded, in reading order."""
    return [
        sheet.table
        for section in Page(contents).sections
        for sheet in section.sheets
        if not sheet.folded
    ]
