"""Cells shaded by their value, with the value in them: heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.plots.style import SOFT, Drawing, panels, shade, wrapped
from simulator.domain import BoolArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = 7.5
_STEPS = 20
"""Shades of a colour that are told apart."""
_DARKEST = 0.55
"""Above it, text on a cell would be hard to read in one of the themes."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A panel of cells.

    Attributes:
        title: Over the panel.
        rows: Names, from the top.
        columns: Names, from the left.
        values: shape (rows, columns); NaN is hatched, there is nothing to tell.
        shades: In [-1, 1], shape (rows, columns): how blue (above zero) or orange (below) a cell
            is.
        texts: What the cells say, by row; empty for none.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: FloatArray
    shades: FloatArray
    texts: Sequence[Sequence[str]] = ()


def cells(
    name: str,
    grids: Sequence[Grid],
    description: str,
    *,
    beside: int = 1,
    axis: str = "",
    row_axis: str = "",
) -> Drawing:
    """Panels of cells.

    Args:
        name: Of the drawing.
        grids: The panels.
        description: For readers who see no figure.
        beside: Panels side by side.
        axis: What the columns are.
        row_axis: What the rows are.
    """
    columns = min(beside, len(grids))
    down = -(-len(grids) // columns)
    lines = [max(sum(1 + wrapped(r, 34).count("\n") for r in g.rows), 3) for g in grids]
    # Cells without a text need less room.
    step = 0.19 if any(grid.texts for grid in grids) else 0.145
    tall = [step * max(lines[k : k + columns]) + 0.95 for k in range(0, len(grids), columns)]

    def draw() -> Figure:
        figure, places = panels(down, columns, 9.6, sum(tall), height_ratios=tall)
        # Names of models are long; those of one row of panels are read at its left.
        alike = columns > 1 and all(list(g.rows) == list(grids[0].rows) for g in grids)
        flat = [axes for line in places for axes in line]
        for axes, grid in zip(flat, grids, strict=False):
            _draw(axes, grid)
            axes.set_xlabel(axis, color=SOFT)
            if axes in [line[0] for line in places]:
                axes.set_ylabel(row_axis, color=SOFT)
            elif alike:
                axes.set_yticks([])
        for axes in flat[len(grids) :]:
            axes.set_visible(False)
        return figure

    return Drawing(name, draw, description, _SIZE, wide=True)


def _draw(axes: Axes, grid: Grid) -> None:
    known = np.isfinite(grid.values)
    steps = np.rint(_STEPS * np.clip(np.where(known, grid.shades, 0), -1, 1)).astype(int)
    for step in np.unique(steps[known]):
        hue = shade(0 if step >= 0 else 1, _DARKEST * abs(step) / _STEPS)
        _fill(axes, known & (steps == step), facecolor=hue, edgecolor="#ffffff", linewidth=1.0)
    _fill(axes, ~known, facecolor="none", edgecolor=SOFT, linewidth=0, hatch="////")
    for i, texts in enumerate(grid.texts):
        for j, text in enumerate(texts):
            axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=_SIZE - 0.5)
    n_rows, n_columns = grid.values.shape
    axes.set(xlim=(0, n_columns), ylim=(n_rows, 0))
    axes.set_yticks(np.arange(len(grid.rows)) + 0.5, [wrapped(r, 34) for r in grid.rows])
    step = -(-len(grid.columns) // 14)
    at = range(0, len(grid.columns), step)
    across = [wrapped(grid.columns[k], 10) for k in at]
    axes.set_xticks([k + 0.5 for k in at], across)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_title(grid.title, fontsize=_SIZE + 1, fontweight="bold")


def _fill(axes: Axes, chosen: BoolArray, **look: Any) -> None:
    """The chosen cells as one shape, which keeps the file small."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    row, column = np.nonzero(chosen)
    if not len(row):
        return
    corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)]
    boxes = np.stack([np.stack(at, axis=-1) for at in (*corners, corners[0])], axis=1)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    path = Path(boxes.reshape(-1, 2).astype(float), codes * len(row))
    axes.add_patch(PathPatch(path, **look))
