"""One run on many machines: users are dealt out over the workers of a Ray cluster.

Importing this does not import Ray.
"""

from simulator.cluster.running import run_on_cluster

__all__ = ["run_on_cluster"]
