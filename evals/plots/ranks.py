"""Rankings beside each other, a line for each thing ranked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evals.plots.style import SOFT, Drawing, line_style, panels, wrapped
from evals.wording.listing import listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE = 8.5


def ranks(
    name: str, values: Mapping[str, Mapping[str, float]], notes: Mapping[str, str], what: str
) -> Drawing:
    """A column a judge, best on top.

    Args:
        name: Of the drawing.
        values: For each judge what it gives to each name; equals share a rank. The first judge
            decides the order of the colours.
        notes: A line under a judge's name, such as its Kendall's tau.
        what: The things that are ranked, such as "recommenders".
    """
    judges = list(values)
    given = pd.DataFrame({judge: values[judge] for judge in judges})
    place_of = given.rank(ascending=False, method="average")
    flat = [judge for judge in judges if given[judge].nunique() == 1]
    place_of[flat] = np.nan  # who finds all equal ranks nothing
    first = [str(name) for name in place_of[judges[0]].sort_values(kind="stable").index]

    def draw() -> Figure:
        height = max(2.4, 0.36 * len(first) + 1.1)
        figure, [[axes]] = panels(1, 1, 9.6, height)
        for place, one in enumerate(first):
            y = place_of.loc[one, judges].to_numpy(dtype=float)
            axes.plot(range(len(judges)), y, **line_style(place), markersize=6.5, linewidth=1.8)
            axes.text(-0.12, place + 1, one, ha="right", va="center")
            if list(place_of[judges[-1]]).count(y[-1]) == 1:
                axes.text(len(judges) - 0.88, y[-1], one, ha="left", va="center")
        for judge in flat:
            middle = (len(first) + 1) / 2
            axes.text(judges.index(judge), middle, "all equal", ha="center", color=SOFT)
        axes.set(ylim=(len(first) + 0.5, 0.5), xlim=(-0.6, len(judges) - 0.4))
        heads = [wrapped(j, 18) + (f"\n{notes[j]}" if notes.get(j) else "") for j in judges]
        axes.set_xticks(range(len(judges)), heads)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.set_yticks([])
        axes.spines[["left", "bottom", "top"]].set_visible(False)
        axes.set_xlabel("best on top", color=SOFT)
        return figure

    description = f"Ranks of {what} {listed(first)} by {listed(judges)}, best on top"
    return Drawing(name, draw, description, _SIZE, wide=True)
