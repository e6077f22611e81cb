"""Simulated users as a Gymnasium environment, for whoever trains by reinforcement.

>>> from simulator.environment import SimulatedUsers  # doctest: +SKIP
>>> users = SimulatedUsers(data, clicks, targets=targets, vectors=vectors)  # doctest: +SKIP
>>> observations, infos = users.reset(seed=7)  # doctest: +SKIP
"""

from simulator.errors import MissingExtraError

try:
    import gymnasium as _gymnasium  # noqa: F401 - only to say what is missing
except ImportError as error:
    raise MissingExtraError("gymnasium", "gym", "simulator.environment") from error

from simulator.environment.rewards import Outcome, Reward, click_reward, interest_reward
from simulator.environment.user import SimulatedUser
from simulator.environment.users import SimulatedUsers

__all__ = [
    "Outcome",
    "Reward",
    "SimulatedUser",
    "SimulatedUsers",
    "click_reward",
    "interest_reward",
]
