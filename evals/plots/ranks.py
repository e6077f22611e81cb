"""Rankings beside each other, a line for each thing ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals.plots.style import SOFT, Drawing, line_style, panels, styled, wrapped
from evals.wording.listing import listed

_SIZE = 8.5


def ranks(
    name: str, order: Mapping[str, Sequence[str]], notes: Mapping[str, str], what: str
) -> Drawing:
    """A column a judge, best on top.

    Args:
        name: Of the drawing.
        order: For each judge the names ranked, best first; the first judge decides the colours.
        notes: A line under a judge's name, such as its Kendall's tau.
        what: The things that are ranked, such as "recommenders".
    """
    judges = list(order)
    first = list(order[judges[0]])
    with styled(_SIZE, name):
        height = max(2.4, 0.36 * len(first) + 1.1)
        figure, [[axes]] = panels(1, 1, 9.6, height)
        for place, one in enumerate(first):
            y = [list(order[judge]).index(one) + 1 for judge in judges]
            axes.plot(range(len(judges)), y, **line_style(place), markersize=6.5, linewidth=1.8)
            axes.text(-0.12, y[0], one, ha="right", va="center")
            axes.text(len(judges) - 0.88, y[-1], one, ha="left", va="center")
        axes.set(ylim=(len(first) + 0.5, 0.5), xlim=(-0.6, len(judges) - 0.4))
        heads = [wrapped(j, 18) + (f"\n{notes[j]}" if notes.get(j) else "") for j in judges]
        axes.set_xticks(range(len(judges)), heads)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.set_yticks([])
        axes.spines[["left", "bottom", "top"]].set_visible(False)
        axes.set_xlabel("best on top", color=SOFT)
    description = f"Ranks of {what} {listed(first)} by {listed(judges)}, best on top"
    return Drawing(name, figure, description, _SIZE, wide=True)
