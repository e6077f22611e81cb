"""Simulated users as one vector environment: all of them move on with each step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from simulator.domain import BoolArray, Dataset, FloatArray, IntArray, Vectors
from simulator.environment.rewards import Outcome, Reward, click_reward, rewarded
from simulator.episodes import Episodes
from simulator.errors import ConfigError
from simulator.interfaces import ClickModel, PreferenceEvolution, RoundView
from simulator.preference import FixedWeight
from simulator.showing import Draws, exposures, kept_weights
from simulator.validation import as_clicks, check_settings

Observation = dict[str, FloatArray]
Info = dict[str, Any]


class SimulatedUsers(VectorEnv[Observation, IntArray, np.ndarray]):
    """One sub-environment for each episode, a user with or without a target; one step a round.

    The click model is asked once a step. A policy that chooses what a recommender would choose sees
    the clicks that `simulate` gives with the same settings and seed.

    Action: the catalogue row to show each user, `Discrete(n_items)`; for slates k of them,
    `MultiDiscrete`. An item that the user has seen (in the history, or shown before) may not be
    shown, nor one item twice in a slate: such an action shows nothing. The round passes without a
    click or a movement, and `info["illegal"]` is True. `info["action_mask"]` says what may be
    shown; `repeats` allows everything.

    Observation: what a recommender may know of an episode, a dict of float32.
        preference: the user's present vector, shape (d,); absent without vectors.
        target: the target's vector, shape (d,); absent without vectors or targets.
        round: the share of the rounds that are over, shape (1,).
        clicks: the share of items clicked in each of the last `recent` rounds, the newest last,
            shape (recent,); -1 where there was no such round.

    Reward: `click_reward`, `interest_reward`, or a function of an `Outcome`.

    Episodes are truncated, all at once, after `rounds` steps, and none terminates before. The next
    step resets them whatever its actions are (`AutoresetMode.NEXT_STEP`). `reset(seed=s)` plays
    with the luck of `simulate(..., seed=s)`; a reset without a seed, also the automatic one, draws
    a new one from `np_random`.

    Info, an array a key with a row an episode: user and target (rows), action_mask (int8, shape
    (n, n_items)); after a step also probability (P(click); 0 where nothing was shown, NaN where the
    model has none) and clicked, for slates of shape (n, k), failures (how many decisions of the
    step are on record as failed) and illegal.

    Args:
        data: Catalogue and histories; every episode starts from the whole history.
        clicks: Decides. It is not closed with the environment.
        rounds: Steps of an episode, at least 1.
        users: Which users take part, shape (n,), distinct; all by default.
        targets: Items to steer towards, distinct; a sub-environment for each user and target, user
            by user. None: one a user.
        vectors: The space in which preferences live; None: preferences do not move.
        evolution: How much users keep of their preference at a click; `FixedWeight()` by default.
        draws: As in `simulate`.
        slate: Items a step, 1 or more.
        reward: See above.
        repeats: Whether items may come again, as songs do.
        recent: Rounds of which the observation tells the clicks, 1 or more.

    Raises:
        ConfigError: If a setting is out of range, or a user has fewer unseen items than the rounds
            can show.
        DataError: If a user has no history, or shapes disagree.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # as Gymnasium's own subclasses
        "autoreset_mode": AutoresetMode.NEXT_STEP,
        "render_modes": [],
    }

    def __init__(
        self,
        data: Dataset,
        clicks: ClickModel,
        *,
        rounds: int = 20,
        users: IntArray | None = None,
        targets: IntArray | None = None,
        vectors: Vectors | None = None,
        evolution: PreferenceEvolution | None = None,
        draws: Draws = "by target",
        slate: int = 1,
        reward: Reward = click_reward,
        repeats: bool = False,
        recent: int = 5,
    ) -> None:
        if slate < 1 or recent < 1:
            raise ConfigError(f"slate = {slate} and recent = {recent} must be 1 or more.")
        users = np.arange(data.n_users, dtype=np.int32) if users is None else np.asarray(users)
        targets = None if targets is None else np.asarray(targets)
        check_settings(data, rounds, users, targets, vectors)
        self.data = data
        self.clicks = clicks
        self.rounds = rounds
        self.slate = slate
        self.repeats = repeats
        self.recent = recent
        self._evolution = evolution or FixedWeight()
        self._draws = draws
        self._reward = reward
        self._vectors = None if vectors is None else vectors.normalised()
        self._episodes = Episodes.pairs(
            users,
            np.array([-1]) if targets is None else targets,
            data.interactions.histories,
            self._vectors,
        )
        self._start = {k: v.copy() for k, v in self._episodes.state().items()}
        self._luck = 0
        self._view: RoundView | None = None
        self.num_envs = len(self._episodes)
        self._n_items = data.n_items
        self._make_spaces()
        self._check_room()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Start all episodes anew.

        Args:
            seed: Of all luck, as in `simulate`; None draws one.
            options: None are known.

        Raises:
            ConfigError: If only some episodes are to be reset.
        """
        super().reset(seed=seed)
        if options and "reset_mask" in options:
            raise ConfigError("Simulated users start together; reset all of them, without a mask.")
        self._luck = int(self.np_random.integers(2**63)) if seed is None else seed
        self._episodes.restore({k: v.copy() for k, v in self._start.items()})
        self._view = self._look()
        return self._observe(), self._told({})

    def step(
        self, actions: IntArray
    ) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, Info]:
        """Show everybody an item, and see who clicks; after the last round, start anew.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
            ConfigError: If the actions are no rows of the catalogue, one an episode, or the reward
                is not one number an episode.
            UndecidedError: If the click model cannot decide and no fallback is declared.
        """
        if self._view is None:
            raise gym.error.ResetNeeded("Call reset() before the first step().")
        never = np.zeros(self.num_envs, dtype=bool)
        if self.over:
            observations, infos = self.reset()
            return observations, np.zeros(self.num_envs), never, never.copy(), infos
        outcome, infos = self._play(self._view, self._items(actions))
        self._view = self._look()
        truncated = np.full(self.num_envs, self.over)
        reward = rewarded(self._reward, outcome)
        return self._observe(), reward, never, truncated, self._told(infos)

    @property
    def over(self) -> bool:
        """Whether the last round has been played, so that the next step starts anew."""
        return self._view is not None and self._view.round > self.rounds

    def _play(self, view: RoundView, items: IntArray) -> tuple[Outcome, Info]:
        """One round of all episodes; those whose action is illegal are shown nothing."""
        legal = self._legal(view, items)
        clicked = np.zeros(items.shape, dtype=bool)
        probability = np.zeros(items.shape, dtype=np.float32)
        failures = np.zeros(len(view), dtype=np.int64)
        kept = kept_weights(view, self._evolution)
        rows = np.flatnonzero(legal)
        if len(rows):
            asked = view if legal.all() else view.take(rows)
            shown = exposures(asked, items[rows], self.data, self._vectors, self._draws)
            answers = as_clicks(self.clicks.decide(shown), shown, self.clicks).require_decided()
            clicked[rows] = answers.clicked.reshape(-1, self.slate)
            probability[rows] = answers.probability.reshape(-1, self.slate)
            failures[rows] = (answers.failure != "").reshape(-1, self.slate).sum(axis=1)
        # Where nothing was shown, an item of the history stands in: it is seen already.
        known = view.history.values[view.history.offsets[:-1], None]
        self._episodes.open_round(self.slate)
        self._episodes.record(
            slice(0, len(view)), np.where(legal[:, None], items, known), clicked, kept
        )
        outcome = Outcome(
            view, items, legal, clicked, _copied(self._episodes.preference), self._target_vectors()
        )
        shape = (-1,) if self.slate == 1 else (-1, self.slate)
        infos = {
            "probability": probability.reshape(shape),
            "clicked": clicked.reshape(shape).copy(),
            "failures": failures,
            "illegal": ~legal,
        }
        return outcome, infos

    def _legal(self, view: RoundView, items: IntArray) -> BoolArray:
        ordered = np.sort(items, axis=1)
        legal = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)
        if not self.repeats:
            legal &= ~view.seen[np.arange(len(items))[:, None], items].any(axis=1)
        return np.asarray(legal)

    def _items(self, actions: IntArray) -> IntArray:
        """The actions as catalogue rows, int32, shape (n, k)."""
        given = np.asarray(actions)
        wanted = self.action_space.shape
        whole = np.issubdtype(given.dtype, np.integer)
        if given.shape != wanted or not whole or given.min() < 0 or given.max() >= self._n_items:
            raise ConfigError(
                f"Actions must be catalogue rows in 0..{self._n_items - 1} of shape {wanted}, one "
                f"for each user and target; they are {given.dtype} of shape {given.shape}."
            )
        return given.reshape(self.num_envs, self.slate).astype(np.int32)

    def _look(self) -> RoundView:
        """The episodes as they are before the next round."""
        number = self._episodes.shown.shape[1] + 1
        whole = slice(0, self.num_envs)
        view = self._episodes.view(whole, number, self._luck, self._n_items)
        # The episodes move their preferences in place; a reward compares them with those before.
        return replace(view, preference=_copied(view.preference))

    def _observe(self) -> Observation:
        episodes, played = self._episodes, self._episodes.shown.shape[1]
        share = episodes.clicked[:, -self.recent :].mean(axis=2, dtype=np.float32)
        clicks = np.full((self.num_envs, self.recent), -1, dtype=np.float32)
        clicks[:, self.recent - share.shape[1] :] = share
        seen = {
            "preference": _copied(episodes.preference),
            "target": self._target_vectors(),
            "round": np.full((self.num_envs, 1), played / self.rounds, dtype=np.float32),
            "clicks": clicks,
        }
        # A unit vector's entry may pass 1 by a rounding error.
        return {k: np.clip(v, -1, 1) for k, v in seen.items() if v is not None}

    def _told(self, infos: Info) -> Info:
        assert self._view is not None
        mask = np.ones_like(self._view.seen) if self.repeats else ~self._view.seen
        whole = {
            "user": self._episodes.user.copy(),
            "target": self._episodes.target.copy(),
            "action_mask": mask.astype(np.int8),
            **infos,
        }
        # Gymnasium's wrappers look for a mask of the sub-environments that tell something.
        there = {f"_{key}": np.ones(self.num_envs, dtype=bool) for key in whole}
        return {**whole, **there}

    def _target_vectors(self) -> FloatArray | None:
        if self._vectors is None or (self._episodes.target < 0).any():
            return None
        return np.asarray(self._vectors.item[self._episodes.target])

    def _make_spaces(self) -> None:
        observed = self._observe()
        lowest = {"round": 0.0}
        self.single_observation_space = spaces.Dict(
            {
                key: spaces.Box(lowest.get(key, -1.0), 1.0, value.shape[1:], np.float32)
                for key, value in observed.items()
            }
        )
        self.single_action_space = (
            spaces.Discrete(self._n_items)
            if self.slate == 1
            else spaces.MultiDiscrete([self._n_items] * self.slate)
        )
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def _check_room(self) -> None:
        left = (~self._look().seen).sum(axis=1)
        if not self.repeats and left.min() < self.rounds * self.slate:
            first = int(left.argmin())
            user = self.data.user_ids[int(self._episodes.user[first])]
            raise ConfigError(
                f"User {user!r} has {left[first]} unseen items, fewer than {self.rounds} rounds of "
                f"{self.slate} can show; play fewer rounds, or let items come again (repeats)."
            )


def _copied(values: FloatArray | None) -> FloatArray | None:
    return None if values is None else values.copy()
