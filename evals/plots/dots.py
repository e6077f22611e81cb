"""Figures with their intervals as dots and bars, a row each: forest plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evals.plots.style import INK, MARKERS, SERIES, SOFT, Drawing, colour, panels, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = 8.0


@dataclass(frozen=True, eq=False)
class Panel:
    """What one panel shows.

    Attributes:
        title: Over the panel.
        table: Columns row, series, value, low, high; NaN bounds draw no bar.
        reference: A value to hold the others against, drawn as a line; None for none.
        axis: What the horizontal axis says.
    """

    title: str
    table: pd.DataFrame
    reference: float | None = None
    axis: str = ""


def dots(
    name: str,
    shown: Sequence[Panel],
    rows: Sequence[str],
    description: str,
    *,
    series: Sequence[str] = ("",),
    columns: int = 3,
    one_hue: bool = True,
) -> Drawing:
    """Panels with the same rows.

    Args:
        name: Of the drawing.
        shown: The panels, left to right and down.
        rows: The rows' names, from the top.
        description: For readers who see no figure.
        series: Several dots a row, told apart by colour and marker.
        columns: Panels side by side.
        one_hue: Whether a single series has one colour; else each row has its own.
    """
    columns = min(columns, len(shown))
    down = -(-len(shown) // columns)
    labels = [wrapped(row, 34) for row in rows]
    lines = sum(1 + label.count("\n") for label in labels)
    tall = max(0.22 * lines, 0.13 * len(rows) * (len(series) + 1)) + 0.75

    def draw() -> Figure:
        width = 9.6 if columns > 1 else 7.2
        figure, grid = panels(down, columns, width, down * tall + 0.3, sharey=True)
        places = [axes for line in grid for axes in line]
        for axes, panel in zip(places, shown, strict=False):
            _panel(axes, panel, rows, series, one_hue=one_hue, width=88 // columns)
        for axes in places[len(shown) :]:
            axes.set_visible(False)
        for line in grid:
            line[0].set_yticks(range(len(rows)), labels)
            line[0].set_ylim(len(rows) - 0.4, -0.6)
        if len(series) > 1:
            handles = places[0].get_legend_handles_labels()
            figure.legend(*handles, loc="outside upper left", ncols=min(len(series), 4))
        return figure

    return Drawing(name, draw, description, _SIZE, wide=True)


def _panel(
    axes: Axes,
    panel: Panel,
    rows: Sequence[str],
    series: Sequence[str],
    *,
    one_hue: bool,
    width: int,
) -> None:
    place_of = {row: place for place, row in enumerate(rows)}
    if panel.reference is not None:
        axes.axvline(panel.reference, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), alpha=0.7)
    for place, one in enumerate(series):
        part = panel.table[(panel.table["series"] == one) & panel.table["row"].isin(rows)]
        step = (place - (len(series) - 1) / 2) * 0.72 / len(series)
        y = np.array([place_of[row] for row in part["row"]], dtype=float) + step
        value, low, high = (part[c].to_numpy(dtype=float) for c in ("value", "low", "high"))
        hues = [colour(place if one_hue else place_of[row]) for row in part["row"]]
        axes.hlines(y, low, high, colors=hues, linewidth=1.7, alpha=0.85)
        axes.scatter(
            value,
            y,
            c=hues or None,
            marker=MARKERS[place % SERIES],
            s=26,
            zorder=3,
            label=one,
            linewidths=0,
        )
    axes.set_title(wrapped(panel.title, width), fontsize=_SIZE + 0.5, fontweight="bold")
    axes.set_xlabel(panel.axis, color=SOFT)
    axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.7)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.08)
    axes.locator_params(axis="x", nbins=5)
