"""One simulated user as a plain Gymnasium environment."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from simulator.domain import IntArray
from simulator.environment.users import Info, Observation, SimulatedUsers
from simulator.errors import ConfigError


class SimulatedUser(gym.Env[Observation, Any]):
    """A `SimulatedUsers` of one user, without the batch: for tools that want `gymnasium.Env`.

    Training on many users at once is much faster with `SimulatedUsers` itself.

    Args:
        users: Of one user and at most one target.

    Raises:
        ConfigError: If there are more.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # type: ignore[misc]  # as Gymnasium's

    def __init__(self, users: SimulatedUsers) -> None:
        if users.num_envs != 1:
            raise ConfigError(
                f"SimulatedUser plays one user with one target, and these are {users.num_envs}; "
                "choose with users= and targets=, or use SimulatedUsers as it is."
            )
        self.users = users
        self.observation_space = users.single_observation_space
        self.action_space = users.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Start anew; see `SimulatedUsers.reset`."""
        super().reset(seed=seed)
        observations, infos = self.users.reset(seed=seed, options=options)
        return _first(observations), _first(infos)

    def step(self, action: int | IntArray) -> tuple[Observation, float, bool, bool, Info]:
        """Show an item; see `SimulatedUsers.step`.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset, and after the last round.
        """
        if self.users.over:
            raise gym.error.ResetNeeded("The last round is over; call reset().")
        observations, rewards, terminated, truncated, infos = self.users.step(np.array([action]))
        return (
            _first(observations),
            float(rewards[0]),
            bool(terminated[0]),
            bool(truncated[0]),
            _first(infos),
        )


def _first(values: dict[str, Any]) -> dict[str, Any]:
    """The first episode's values."""
    return {key: value[0] for key, value in values.items() if not key.startswith("_")}
