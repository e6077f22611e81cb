"""The prompt lab: a new prompt judged in a minute, with honest statistics."""

from simulator.lab.evaluation import Evaluation
from simulator.lab.laboratory import Lab
from simulator.lab.variants import Change, Variant

__all__ = ["Change", "Evaluation", "Lab", "Variant"]
