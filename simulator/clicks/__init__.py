"""Click models: who decides whether an exposure is clicked."""

from simulator.clicks.agent import AgentClicks
from simulator.clicks.cascade import Cascade
from simulator.clicks.distribution import DistributionClicks
from simulator.clicks.examination import PositionExamination, inverse_rank
from simulator.clicks.examination_cascade import CascadeExamination
from simulator.clicks.examination_fit import fit_examination
from simulator.clicks.fallback import Fallback

__all__ = [
    "AgentClicks",
    "Cascade",
    "CascadeExamination",
    "DistributionClicks",
    "Fallback",
    "PositionExamination",
    "fit_examination",
    "inverse_rank",
]
