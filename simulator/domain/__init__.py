"""The nouns: catalogue, interactions, exposures, clicks, vectors. Arrays, with names."""

from simulator.domain.arrays import BoolArray, FloatArray, IntArray, Ragged, TextArray
from simulator.domain.catalogue import Catalogue
from simulator.domain.dataset import Dataset
from simulator.domain.exposures import Clicks, Exposures
from simulator.domain.interactions import ExposureLog, Interactions, middle_times
from simulator.domain.vectors import Vectors

__all__ = [
    "BoolArray",
    "Catalogue",
    "Clicks",
    "Dataset",
    "ExposureLog",
    "Exposures",
    "FloatArray",
    "IntArray",
    "Interactions",
    "Ragged",
    "TextArray",
    "Vectors",
    "middle_times",
]
