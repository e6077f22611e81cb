"""Reliability diagrams: of what was given probability p, what share was clicked?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evals.plots.style import INK, SOFT, Drawing, colour, panels, wrapped
from evals.wording.listing import listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE, _COLUMNS = 8.0, 4


def reliability(calibration: pd.DataFrame, models: Sequence[str], level: float) -> Drawing:
    """A panel a model: logged click rate over P(click), a dot a bin with its interval.

    Dots are as large as their bin has exposures. On the diagonal a model is calibrated; below it
    the model expects more clicks than there were.

    Args:
        calibration: `Judgement.calibration`.
        models: In order.
        level: Coverage of the intervals.
    """
    columns = min(_COLUMNS, len(models))
    down = -(-len(models) // columns)
    top = _limit(calibration)

    def draw() -> Figure:
        figure, grid = panels(down, columns, 2.45 * columns, 2.55 * down, sharex=True, sharey=True)
        places = [axes for line in grid for axes in line]
        for place, (axes, model) in enumerate(zip(places, models, strict=False)):
            rows = calibration[calibration["model"] == model]
            p, rate, low, high, count = (
                rows[c].to_numpy(dtype=float)
                for c in ("probability", "clicked", "low", "high", "exposures")
            )
            axes.plot(
                [0, top], [0, top], color=INK, linewidth=0.9, linestyle=(0, (4, 3)), alpha=0.6
            )
            axes.vlines(p, low, high, color=colour(place), linewidth=1.5, alpha=0.8)
            share = count / max(count.sum(), 1)
            axes.plot(p, rate, color=colour(place), linewidth=0.9, alpha=0.6)
            axes.scatter(p, rate, s=8 + 160 * share, color=colour(place), zorder=3, linewidths=0)
            axes.set_title(wrapped(model, 30), fontsize=_SIZE + 0.5, fontweight="bold")
            axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")
            axes.grid(color=INK, alpha=0.1, linewidth=0.7)
        for axes in places[len(models) :]:
            axes.set_visible(False)
        figure.supxlabel("P(click)", fontsize=_SIZE, color=SOFT)
        told = f"share clicked (bars: {level:.0%} over users)"
        figure.supylabel(told, fontsize=_SIZE, color=SOFT)
        return figure

    description = f"Share of exposures clicked over P(click), a panel each for {listed(models)}"
    return Drawing("reliability", draw, description, _SIZE, wide=columns > 1)


def _limit(calibration: pd.DataFrame) -> float:
    """Where the axes end: 1, or closer where nothing comes near it."""
    values = calibration[["probability", "clicked", "high"]].to_numpy(dtype=float)
    highest = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    return min(1.0, float(np.ceil(highest * 1.05 * 10)) / 10)
