"""The prompt lab: a new prompt judged in a minute, with honest statistics."""

from simulator.lab.axes import AXES, sweep_variants
from simulator.lab.book import Book
from simulator.lab.calibrating import CalibrationEffect, calibrate
from simulator.lab.evaluation import Evaluation
from simulator.lab.laboratory import Lab
from simulator.lab.racing import Race, race
from simulator.lab.spread import Spread, spread
from simulator.lab.variants import Change, Variant

__all__ = [
    "AXES",
    "Book",
    "CalibrationEffect",
    "Change",
    "Evaluation",
    "Lab",
    "Race",
    "Spread",
    "Variant",
    "calibrate",
    "race",
    "spread",
    "sweep_variants",
]
