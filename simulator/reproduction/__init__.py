"""The paper's tables and figures made again: what `nudgesim reproduce` calls, and a script can."""

from simulator.reproduction.exhibit import Exhibit, Sheet
from simulator.reproduction.playing import Player
from simulator.reproduction.rendering import for_terminal
from simulator.reproduction.settings import ReproductionSettings
from simulator.reproduction.subjects import SUBJECTS, reproduce
from simulator.reproduction.writing import write_exhibit

__all__ = [
    "SUBJECTS",
    "Exhibit",
    "Player",
    "ReproductionSettings",
    "Sheet",
    "for_terminal",
    "reproduce",
    "write_exhibit",
]
