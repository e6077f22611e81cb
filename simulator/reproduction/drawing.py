"""Lines, areas and paths for print: white ground, colours that colour-blind readers tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette (2008), without its yellow, which is too pale for a line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1)), (0, (5, 1, 1, 1)))
_MARKERS = "osD^vPX"
_STYLE: Mapping[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "text.parse_math": False,
}


def grid(rows: int, columns: int, *, height: float = 2.6) -> tuple[Figure, list[list[Axes]]]:
    """A figure of panels, by row and column."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(dict(_STYLE)):
        figure = Figure(figsize=(3.4 * columns, height * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False)
    return figure, [list(row) for row in panels]


def lines(axes: Axes, table: pd.DataFrame, x: str, *, log: bool = False) -> None:
    """A line for each `series`, with its interval as a band.

    Args:
        axes: Where to draw.
        table: Columns series, mean, low, high and `x`; NaN bounds draw no band.
        x: The column along the horizontal axis.
        log: Whether that axis is logarithmic, its values marked.
    """
    for place, (name, rows) in enumerate(table.groupby("series", sort=False)):
        colour = COLOURS[place % len(COLOURS)]
        at = rows[x].to_numpy(dtype=float)
        axes.fill_between(
            at, rows["low"].to_numpy(float), rows["high"].to_numpy(float),
            color=colour, alpha=0.15, linewidth=0,
        )  # fmt: skip
        axes.plot(
            at,
            rows["mean"].to_numpy(dtype=float),
            color=colour,
            linestyle=_DASHES[place % len(_DASHES)],
            marker=_MARKERS[place % len(_MARKERS)],
            markevery=max(1, len(at) // 5),
            markersize=4,
            label=str(name),
        )
    if log:
        axes.set_xscale("log", base=2)
        ticks = sorted(set(table[x]))
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
    axes.grid(axis="y", alpha=0.25, linewidth=0.6)


def areas(axes: Axes, shares: pd.DataFrame) -> None:
    """Shares stacked to 1: one row a round, one column a group."""
    axes.stackplot(
        shares.index.to_numpy(),
        shares.to_numpy().T,
        labels=[str(name) for name in shares.columns],
        colors=[*COLOURS[: shares.shape[1] - 1], "#BBBBBB"],
        alpha=0.85,
    )
    axes.set(ylim=(0, 1), xlim=(shares.index.min(), shares.index.max()))


def paths(axes: Axes, points: pd.DataFrame) -> None:
    """Ways through a plane: columns path, round, x, y; the path "target" is a star."""
    for place, (name, rows) in enumerate(points.groupby("path", sort=False)):
        if name == "target":
            axes.plot(rows["x"], rows["y"], "*", color="#000000", markersize=13, label="target")
            continue
        colour = COLOURS[place % len(COLOURS)]
        axes.plot(rows["x"], rows["y"], color=colour, marker=".", markersize=4, linewidth=1)
        axes.plot(
            rows["x"].iloc[:1], rows["y"].iloc[:1], "o", markerfacecolor="white", color=colour
        )
        axes.plot(rows["x"].iloc[-1:], rows["y"].iloc[-1:], "o", color=colour, label=str(name))


def legend(axes: Axes, names: Sequence[str] | None = None) -> None:
    """A legend in the panel's best place."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles, names or labels, fontsize=8)
