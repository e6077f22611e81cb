"""How all figures look, and how one drawing becomes a page's SVG and a paper's SVG or PNG.

Figures are drawn once, in the colours of the light page. For a page every colour becomes a CSS
variable, --ink for text and axes and --series-1 .. --series-8 for runs and models, so that light,
dark and print fit; shades are the same colours made transparent. Nothing is told by colour alone:
lines differ by dash and marker too, and cells carry their figures.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (
    "#0b68ac",
    "#c44e00",
    "#00795a",
    "#a3397f",
    "#6b5b00",
    "#4b4f9e",
    "#8f2d3a",
    "#56657b",
)
"""Near Okabe and Ito's palette (2008), darkened until thin lines stand out on white."""

SERIES = len(COLOURS)
"""Colours there are; further series start again."""

INK, SOFT = "#1b2330", "#5a6675"
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1)),
    (0, (5, 1, 1, 1)),
    (0, (8, 3)),
    (0, (3, 1)),
    (0, (2, 2)),
    (0, (8, 2, 1, 2)),
)
MARKERS = "osD^vPX*"

_FONT = re.compile(r"font: (?:[\w.]+ )?([\d.]+px) [^;\"]+")
_JOINT = re.compile(r"(?<=[\s,:/])|(?<==)(?=[A-Za-z])")
_FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "SimHei")
"""The first that there are; those behind the first draw Chinese names in PNG files."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 11.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
    "text.parse_math": False,
}


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure, drawn once for the page and for a paper.

    Attributes:
        name: Of its files, such as "reliability"; unique in a report.
        draw: Draws it, when it is wanted.
        description: In a sentence, for readers who see no figure.
        size: Of its text, in points.
        wide: Whether it takes a page's whole width.
    """

    name: str
    draw: Callable[[], Figure]
    description: str
    size: float = 11.0
    wide: bool = False

    @cached_property
    def figure(self) -> Figure:
        """The figure, drawn once."""
        with styled(self.size, self.name):
            return self.draw()

    def page(self) -> str:
        """An SVG element with the page's colours and fonts, the same text each time."""
        from html import escape

        text = self._svg.decode()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        text = _FONT.sub(r"font: \1 var(--font)", text)
        names = {INK: "--ink", SOFT: "--soft", "#ffffff": "--paper"}
        names |= {colour: f"--series-{place + 1}" for place, colour in enumerate(COLOURS)}
        for colour, name in names.items():
            text = text.replace(colour, f"var({name})")
        return text.replace("<svg ", f'<svg role="img" aria-label="{escape(self.description)}" ', 1)

    def file(self, ending: str) -> bytes:
        """The figure as an "svg" or "png" file; no date, no version, the same bytes each time."""
        vector = self._svg  # first, since it decides where everything stands
        return vector if ending == "svg" else self._saved("png", {"Software": None}, "white")

    @cached_property
    def _svg(self) -> bytes:
        return self._saved("svg", {"Date": None, "Creator": None}, "none")

    def _saved(self, ending: str, metadata: dict[str, None], ground: str) -> bytes:
        buffer = io.BytesIO()
        with styled(self.size, self.name), warnings.catch_warnings():
            # An SVG keeps the text as it is; a PNG shows a box where no font has the character.
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
            self.figure.savefig(buffer, format=ending, dpi=200, metadata=metadata, facecolor=ground)
        self.figure.set_layout_engine("none")  # stays as it is now
        return buffer.getvalue()


@contextmanager
def styled(size: float = 11.0, name: str = "") -> Iterator[None]:
    """Draw and save in this look; `name` keeps the ids of one figure apart from another's."""
    from matplotlib import rc_context
    from matplotlib.font_manager import get_font_names

    fonts = [font for font in _FONTS if font in get_font_names()]
    look = {**_STYLE, "font.family": fonts, "font.size": size, "svg.hashsalt": f"nudgesim {name}"}
    with rc_context(look):
        yield


def panels(
    rows: int, columns: int, width: float, height: float, **sharing: Any
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of panels, by row and column; `width` and `height` of the whole, in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **sharing)
    return figure, [list(row) for row in grid]


def colour(place: int) -> str:
    """The colour of a run or model."""
    return COLOURS[place % SERIES]


def shade(place: int, alpha: float) -> tuple[float, float, float, float]:
    """A colour made transparent."""
    red, green, blue = (int(colour(place)[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue, float(alpha)


def line_style(place: int) -> dict[str, Any]:
    """What tells a line from the others, by colour and without."""
    return {
        "color": colour(place),
        "linestyle": DASHES[place % SERIES],
        "marker": MARKERS[place % SERIES],
    }


def wrapped(name: str, width: int = 26) -> str:
    """A name on as many lines as it needs, broken where it has a joint."""
    lines = [""]
    for piece in _JOINT.split(name):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.strip() for line in lines)
