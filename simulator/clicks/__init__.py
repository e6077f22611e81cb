"""Click models: who decides whether an exposure is clicked."""

from simulator.clicks.agent import AgentClicks
from simulator.clicks.calibrated import Calibrated
from simulator.clicks.cascade import Cascade
from simulator.clicks.cascade_clicks import CascadeClicks
from simulator.clicks.click_rate import ClickRate
from simulator.clicks.distribution import DistributionClicks
from simulator.clicks.examination import PositionExamination, inverse_rank
from simulator.clicks.examination_cascade import CascadeExamination
from simulator.clicks.examination_fit import fit_examination
from simulator.clicks.fallback import Fallback
from simulator.clicks.matrix_factorisation import MatrixFactorisationClicks
from simulator.clicks.popularity import ItemPopularity
from simulator.clicks.position_based import PositionBasedClicks
from simulator.clicks.replay import Replay
from simulator.clicks.sequence import SequenceClicks
from simulator.clicks.with_vectors import WithVectors

__all__ = [
    "AgentClicks",
    "Calibrated",
    "Cascade",
    "CascadeClicks",
    "CascadeExamination",
    "ClickRate",
    "DistributionClicks",
    "Fallback",
    "ItemPopularity",
    "MatrixFactorisationClicks",
    "PositionBasedClicks",
    "PositionExamination",
    "Replay",
    "SequenceClicks",
    "WithVectors",
    "fit_examination",
    "inverse_rank",
]
