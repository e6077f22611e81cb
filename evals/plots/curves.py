"""Metrics over rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from evals.plots.style import INK, SERIES, Drawing, colour, line_style, panels
from evals.wording.listing import listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXES = {
    "HR": "hit rate so far (clicks an exposure)",
    "IoI": "increase of interest (cosine)",
    "IoR": "increase of rank (places)",
}
"""What the vertical axis says of each metric."""


def curve(curves: pd.DataFrame, metric: str, names: Sequence[str], level: float) -> Drawing:
    """One metric over rounds, a line a run with its interval as a band.

    Args:
        curves: `Comparison.curves`.
        metric: HR, IoI or IoR.
        names: The runs in order; the order decides the colours.
        level: Coverage of the bands.
    """
    from matplotlib.ticker import MaxNLocator

    def draw() -> Figure:
        figure, [[axes]] = panels(1, 1, 4.7, 3.4)
        for place, name in enumerate(names):
            rows = curves[(curves["metric"] == metric) & (curves["run"] == name)]
            if rows.empty:
                continue
            x = rows["round"].to_numpy(dtype=float)
            low, high = rows["low"].to_numpy(dtype=float), rows["high"].to_numpy(dtype=float)
            axes.fill_between(x, low, high, color=colour(place), alpha=0.18, linewidth=0)
            axes.plot(
                x,
                rows["mean"].to_numpy(dtype=float),
                **line_style(place),
                markevery=max(1, len(x) // 5),
                markersize=4.5,
                linewidth=1.8,
                label=name,
            )
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
        axes.set(xlabel=f"round (bands: {level:.0%} over users)", ylabel=AXES[metric])
        axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.8)
        axes.margins(x=0.03, y=0.12)
        axes.legend(fontsize=10 if len(names) < SERIES else 7)
        return figure

    return Drawing(f"curve-{metric.lower()}", draw, f"{metric} over rounds for {listed(names)}")
