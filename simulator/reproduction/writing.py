"""An exhibit as files: Markdown, LaTeX, CSV, SVG and PNG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.files import atomic_write, write_text
from simulator.reproduction.exhibit import Exhibit
from simulator.reproduction.rendering import to_latex, to_markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_exhibit(exhibit: Exhibit, folder: Path) -> list[Path]:
    """Write an exhibit's files, each whole or not at all.

    Args:
        exhibit: What to write.
        folder: Made where it is missing.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        f"{exhibit.name}.md": to_markdown(exhibit),
        f"{exhibit.name}.tex": to_latex(exhibit),
        **{f"{name}.csv": table.to_csv(index=False) for name, table in exhibit.numbers.items()},
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    written = [folder / name for name in texts]
    for name, figure in exhibit.figures.items():
        for ending in ("svg", "png"):
            path = folder / f"{name}.{ending}"
            with atomic_write(path) as file:
                file.write(_picture(figure, ending))
            written.append(path)
    return written


def _picture(figure: Figure, ending: str) -> bytes:
    """The same bytes each time: no date, no version."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    nothing = {"Date": None, "Creator": None} if ending == "svg" else {"Software": None}
    with rc_context({"svg.hashsalt": "nudgesim"}):
        figure.savefig(buffer, format=ending, dpi=150, metadata=nothing)
    return buffer.getvalue()
