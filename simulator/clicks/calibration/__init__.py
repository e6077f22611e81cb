"""Calibrations: maps from a model's P(click) to one that means what it says."""

from simulator.clicks.calibration.batch import Batch
from simulator.clicks.calibration.content_free import ContentFree
from simulator.clicks.calibration.contextual import Contextual
from simulator.clicks.calibration.isotonic import Isotonic
from simulator.clicks.calibration.platt import Platt
from simulator.clicks.calibration.saved import (
    KINDS,
    AgentCalibration,
    AskedAgent,
    FittedCalibration,
    Origin,
    calibration_facts,
    load_calibration,
    save_calibration,
)
from simulator.clicks.calibration.temperature import Temperature

__all__ = [
    "KINDS",
    "AgentCalibration",
    "AskedAgent",
    "Batch",
    "ContentFree",
    "Contextual",
    "FittedCalibration",
    "Isotonic",
    "Origin",
    "Platt",
    "Temperature",
    "calibration_facts",
    "load_calibration",
    "save_calibration",
]
