"""Click models: who decides whether an exposure is clicked."""

from simulator.clicks.agent import AgentClicks
from simulator.clicks.cascade import Cascade
from simulator.clicks.distribution import DistributionClicks
from simulator.clicks.fallback import Fallback

__all__ = ["AgentClicks", "Cascade", "DistributionClicks", "Fallback"]
