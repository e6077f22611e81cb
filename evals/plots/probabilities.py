"""Two models' probabilities of the same exposures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evals.plots.style import DASHES, INK, Drawing, colour, panels, shade
from simulator.domain import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def probabilities(p: FloatArray, q: FloatArray, name: str, other: str) -> list[Drawing]:
    """Two models' P(click) of the same exposures: density of pairs, and both histograms.

    Args:
        p: The one model's, shape (n,), finite.
        q: The other's, shape (n,).
        name: The one.
        other: The other.
    """
    return [_pairs(p, q, name, other), _histograms({name: p, other: q})]


def _pairs(p: FloatArray, q: FloatArray, name: str, other: str) -> Drawing:
    from matplotlib.collections import PolyCollection

    bins = 25
    count, edges, _ = np.histogram2d(p, q, bins=bins, range=((0, 1), (0, 1)))
    i, j = np.nonzero(count)
    left, low, step = edges[i], edges[j], 1 / bins
    corners = [(left, low), (left + step, low), (left + step, low + step), (left, low + step)]
    boxes = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    # Shade by the logarithm of the count: rare pairs stay visible beside frequent ones.
    alpha = 0.12 + 0.88 * np.log(count[i, j]) / max(np.log(count.max()), 1e-9)

    def draw() -> Figure:
        figure, [[axes]] = panels(1, 1, 4.7, 4.1)
        axes.add_collection(
            PolyCollection(list(boxes), facecolors=[shade(0, a) for a in alpha], edgecolors="none")
        )
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)), alpha=0.7)
        axes.annotate(
            "equal", (0.9, 0.9), xytext=(-6, 5), textcoords="offset points", ha="right", fontsize=9
        )
        axes.set(
            xlim=(0, 1),
            ylim=(0, 1),
            xlabel=f"P(click), {name}",
            ylabel=f"P(click), {other}",
            aspect="equal",
        )
        return figure

    told = f"P(click) of {name} against {other}, darker where more exposures fall"
    return Drawing("probability-pairs", draw, told)


def _histograms(values: dict[str, FloatArray]) -> Drawing:
    from matplotlib.ticker import PercentFormatter

    def draw() -> Figure:
        figure, [[axes]] = panels(1, 1, 4.7, 4.1)
        for place, (name, p) in enumerate(values.items()):
            count, edges = np.histogram(p, bins=40, range=(0, 1))
            axes.stairs(count / len(p), edges, color=colour(place), alpha=0.16, fill=True)
            axes.stairs(
                count / len(p),
                edges,
                color=colour(place),
                linewidth=1.8,
                linestyle=DASHES[place],
                label=f"{name} (mean {p.mean():.2f})",
            )
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set(xlim=(0, 1), xlabel="P(click)", ylabel="share of exposures")
        axes.margins(y=0.15)
        axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.8)
        axes.legend(fontsize=10)
        return figure

    told = f"Distribution of P(click) for {' and '.join(values)}"
    return Drawing("probability-histograms", draw, told)
