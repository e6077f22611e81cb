"""Figures of a report, drawn once for the page and for papers."""

from evals.plots.cells import Grid, cells
from evals.plots.curves import curve
from evals.plots.dots import Panel, dots
from evals.plots.probabilities import probabilities
from evals.plots.ranks import ranks
from evals.plots.reliability import reliability
from evals.plots.style import SERIES, Drawing, colour

__all__ = [
    "SERIES",
    "Drawing",
    "Grid",
    "Panel",
    "cells",
    "colour",
    "curve",
    "dots",
    "probabilities",
    "ranks",
    "reliability",
]
