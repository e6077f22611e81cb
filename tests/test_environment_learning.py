"""A reinforcement learner of another house trains on simulated users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from simulator.clicks import DistributionClicks
from simulator.domain import Dataset, Vectors
from simulator.environment import SimulatedUsers


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Such small networks wait for each other's threads more than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class ForStableBaselines(VecEnv):
    """The users as stable-baselines3 wants them: it resets in the step in which episodes end."""

    def __init__(self, users: SimulatedUsers) -> None:
        self.users = users
        super().__init__(users.num_envs, users.single_observation_space, users.single_action_space)

    def reset(self) -> Any:
        return self.users.reset(seed=self._seeds[0])[0]

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> Any:
        observations, rewards, _, done, _ = self.users.step(self.actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if done.any():
            for row, info in enumerate(infos):
                info["terminal_observation"] = {k: v[row] for k, v in observations.items()}
                info["TimeLimit.truncated"] = True
            observations, *_ = self.users.step(self.actions)
        return observations, rewards.astype(np.float32), done, infos

    def close(self) -> None:
        self.users.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.users, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, *_: Any, **__: Any) -> list[Any]:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_reinforcement_learner_gets_better_at_it(data: Dataset, vectors: Vectors) -> None:
    crowd = DistributionClicks(w=6.0, b=0.2)
    users = SimulatedUsers(data, crowd, rounds=5, vectors=vectors, repeats=True)
    learner = PPO(
        "MultiInputPolicy",
        ForStableBaselines(users),
        n_steps=10,
        batch_size=150,
        learning_rate=3e-3,
        gamma=0.5,
        seed=0,
        device="cpu",
    )

    def clicks_a_step() -> float:
        observations, _ = users.reset(seed=1)
        total = 0.0
        for _ in range(5):
            actions, _ = learner.predict(observations, deterministic=True)
            observations, rewards, _, _, _ = users.step(actions)
            total += rewards.mean()
        return total / 5

    before = clicks_a_step()
    learner.learn(12_000)
    assert clicks_a_step() > before + 0.1
