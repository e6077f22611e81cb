"""Bias probes: does an agent's answer follow what should not matter?"""

from evals.probes.asking import probe
from evals.probes.findings import Probes

__all__ = ["Probes", "probe"]
