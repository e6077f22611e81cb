"""Simulated users under Gymnasium: the same clicks as `simulate`, its checker, a real learner."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import env_checker
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

from recommender import RandomItems
from simulator.clicks import CascadeExamination, DistributionClicks, Fallback
from simulator.domain import Clicks, Dataset, Exposures, IntArray, Vectors
from simulator.environment import (
    Outcome,
    SimulatedUser,
    SimulatedUsers,
    click_reward,
    interest_reward,
)
from simulator.errors import ConfigError, DataError, UndecidedError
from simulator.interfaces import RoundView
from simulator.session import simulate

TARGETS = np.array([3, 17], dtype=np.int32)
CLICKS = DistributionClicks(w=5.0, b=0.1)
ROUNDS = 6


def users_of(data: Dataset, vectors: Vectors | None, **settings: Any) -> SimulatedUsers:
    options = {"rounds": ROUNDS, "targets": TARGETS, "clicks": CLICKS, **settings}
    return SimulatedUsers(data, vectors=vectors, **options)


def lowest(mask: IntArray, k: int = 1) -> IntArray:
    """The lowest rows that may be shown, shape (n,) or (n, k)."""
    first = np.argsort(-mask, axis=1, kind="stable")[:, :k]
    return first[:, 0] if k == 1 else first


class Lowest:
    """What `lowest` chooses, as a recommender."""

    def __init__(self, k: int = 1) -> None:
        self.k = k

    def recommend(self, view: RoundView) -> IntArray:
        return lowest((~view.seen).astype(np.int8), self.k)


class Drifting:
    """Users who move far, and ever less."""

    def kept_weight(self, view: RoundView) -> Any:
        return np.full(len(view), 0.3 + 0.1 * view.round, dtype=np.float32)


@pytest.mark.parametrize(
    ("slate", "clicks"), [(1, CLICKS), (3, CLICKS), (3, CascadeExamination(CLICKS))]
)
@pytest.mark.parametrize("draws", ["by target", "shared"])
def test_a_policy_gets_the_clicks_that_simulate_gives(
    data: Dataset, vectors: Vectors, slate: int, clicks: Any, draws: Any
) -> None:
    some = np.array([4, 2, 9, 11])
    settings: Any = {"evolution": Drifting(), "draws": draws, "targets": TARGETS, "users": some}
    run = simulate(
        data, Lowest(slate), clicks, rounds=ROUNDS, seed=7, vectors=vectors, **settings
    ).exposures
    users = users_of(data, vectors, clicks=clicks, slate=slate, **settings)
    _, infos = users.reset(seed=7)
    for number in range(1, ROUNDS + 1):
        actions = lowest(infos["action_mask"], slate)
        observations, rewards, _, _, infos = users.step(actions)
        rows = run[run["round"] == number]
        assert np.array_equal(actions.ravel(), rows["item"])
        assert np.array_equal(infos["clicked"].ravel(), rows["clicked"])
        assert np.array_equal(infos["probability"].ravel(), rows["probability"])
        assert np.array_equal(rewards, rows["clicked"].to_numpy().reshape(-1, slate).sum(axis=1))
        closeness = (observations["preference"] * observations["target"]).sum(axis=1)
        assert np.allclose(closeness, rows["similarity"][rows["position"] == 0], atol=1e-6)
        assert np.array_equal(infos["user"], rows["user"][rows["position"] == 0])
        assert np.array_equal(infos["target"], rows["target"][rows["position"] == 0])


def test_the_click_model_is_asked_once_a_step(data: Dataset, vectors: Vectors) -> None:
    class Counting:
        asked = 0

        def decide(self, shown: Exposures) -> Clicks:
            self.asked += 1
            return CLICKS.decide(shown)

    model = Counting()
    users = users_of(data, vectors, clicks=model)
    _, infos = users.reset(seed=1)
    for _ in range(3):
        _, _, _, _, infos = users.step(lowest(infos["action_mask"]))
    assert model.asked == 3


def test_an_observation_says_what_a_recommender_may_know(data: Dataset, vectors: Vectors) -> None:
    users = users_of(data, vectors, recent=3)
    observations, infos = users.reset(seed=2)
    assert observations in users.observation_space
    assert set(observations) == {"preference", "target", "round", "clicks"}
    assert np.allclose(observations["preference"], np.repeat(vectors.user, 2, axis=0), atol=1e-6)
    assert np.allclose(observations["target"], vectors.item[np.tile(TARGETS, 30)], atol=1e-6)
    assert (observations["clicks"] == -1).all()
    clicked = []
    for number in range(1, 5):
        observations, rewards, _, _, infos = users.step(lowest(infos["action_mask"]))
        clicked.append(rewards)
        assert observations in users.observation_space
        assert np.allclose(observations["round"], number / ROUNDS)
    assert np.array_equal(observations["clicks"], np.column_stack(clicked[-3:]))
    bare = SimulatedUsers(data, DecidingByDraw(), rounds=2)
    assert set(bare.reset(seed=1)[0]) == {"round", "clicks"}


class DecidingByDraw:
    """Clicks half of everything, and has no probability."""

    def decide(self, shown: Exposures) -> Clicks:
        return Clicks.of(shown.draw < 0.5, source="luck")


def test_all_end_together_and_the_next_step_starts_anew(data: Dataset, vectors: Vectors) -> None:
    users = users_of(data, vectors)
    assert users.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    start, infos = users.reset(seed=3)
    lucks = []
    for _ in range(3):
        clicks = []
        for number in range(1, ROUNDS + 1):
            observations, rewards, terminated, truncated, infos = users.step(
                lowest(infos["action_mask"])
            )
            clicks.append(rewards)
            assert not terminated.any()
            assert (truncated == (number == ROUNDS)).all()
        lucks.append(np.array(clicks))
        nonsense = np.zeros(users.num_envs, dtype=np.int64)
        observations, rewards, _, truncated, infos = users.step(nonsense)
        assert not rewards.any()
        assert not truncated.any()
        assert "illegal" not in infos
        for key, values in start.items():
            assert np.array_equal(observations[key], values), key
    assert len({luck.tobytes() for luck in lucks}) == 3, "each episode has luck of its own"


def test_seeds_decide_this_episode_and_those_after_it(data: Dataset, vectors: Vectors) -> None:
    def played(seed: int) -> list[np.ndarray]:
        users = users_of(data, vectors)
        _, infos = users.reset(seed=seed)
        out = []
        for _ in range(2 * ROUNDS + 1):
            _, rewards, _, _, infos = users.step(lowest(infos["action_mask"]))
            out.append(rewards)
        return out

    assert np.array_equal(played(5), played(5))
    assert not np.array_equal(played(5), played(6))


def test_an_illegal_action_shows_nothing(data: Dataset, vectors: Vectors) -> None:
    users = users_of(data, vectors, slate=2)
    before, infos = users.reset(seed=4)
    actions = lowest(infos["action_mask"], 2)
    known = data.interactions.histories[0][0]
    actions[0, 1] = known  # user 0, target 3: an item of the history
    actions[3] = actions[3, 0]  # user 1, target 17: an item twice
    after, rewards, _, _, infos = users.step(actions)
    assert np.flatnonzero(infos["illegal"]).tolist() == [0, 3]
    assert not infos["probability"][[0, 3]].any()
    assert infos["probability"][1].all()
    assert not rewards[[0, 3]].any()
    assert np.array_equal(after["preference"][[0, 3]], before["preference"][[0, 3]])
    assert after["clicks"][[0, 3], -1].tolist() == [0, 0]
    # What was not shown is not seen, so it may be shown next.
    assert infos["action_mask"][0, actions[0, 0]] == 1
    assert infos["action_mask"][3, actions[3, 0]] == 1
    assert infos["action_mask"][0].sum() == 60 - len(data.interactions.histories[0])
    assert infos["action_mask"][1].sum() == 60 - len(data.interactions.histories[0]) - 2
    # The others' clicks are those of a step in which all is legal.
    users.reset(seed=4)
    legal = users.step(lowest(np.asarray(~users_seen(users, data), dtype=np.int8), 2))[1]
    assert np.array_equal(np.delete(legal, [0, 3]), np.delete(rewards, [0, 3]))


def users_seen(users: SimulatedUsers, data: Dataset) -> np.ndarray:
    return np.repeat(data.interactions.histories.mask(60), len(TARGETS), axis=0)


def test_a_step_of_illegal_actions_alone_asks_nobody(data: Dataset) -> None:
    class Forbidden:
        def decide(self, shown: Exposures) -> Clicks:
            raise AssertionError("nothing was shown")

    users = SimulatedUsers(data, Forbidden(), rounds=2)
    users.reset(seed=1)
    offsets = data.interactions.histories.offsets[:-1]
    _, rewards, _, _, infos = users.step(data.interactions.histories.values[offsets])
    assert infos["illegal"].all()
    assert not rewards.any()


def test_items_may_come_again_where_that_is_meant(data: Dataset) -> None:
    users = SimulatedUsers(data, DecidingByDraw(), rounds=80, repeats=True)
    _, infos = users.reset(seed=1)
    assert infos["action_mask"].all()
    for _ in range(80):
        _, _, _, truncated, infos = users.step(np.full(30, 7))
        assert not infos["illegal"].any()
    assert truncated.all()


def test_interest_is_a_reward_that_sums_to_its_increase(data: Dataset, vectors: Vectors) -> None:
    run = simulate(data, Lowest(), CLICKS, rounds=ROUNDS, seed=7, vectors=vectors, targets=TARGETS)
    users = users_of(data, vectors, reward=interest_reward)
    _, infos = users.reset(seed=7)
    total = np.zeros(users.num_envs)
    for _ in range(ROUNDS):
        _, rewards, _, _, infos = users.step(lowest(infos["action_mask"]))
        total += rewards
    last = run.exposures[run.exposures["round"] == ROUNDS]["similarity"].to_numpy()
    assert np.allclose(total, last - run.episodes["similarity"], atol=1e-5)
    assert np.abs(total).max() > 0.05


def test_a_reward_of_ones_own(data: Dataset, vectors: Vectors) -> None:
    def costly(outcome: Outcome) -> np.ndarray:
        return click_reward(outcome) - 5.0 * ~outcome.legal

    users = users_of(data, vectors, reward=costly)
    _, infos = users.reset(seed=1)
    actions = lowest(infos["action_mask"])
    actions[0] = data.interactions.histories[0][0]
    assert users.step(actions)[1][0] == -5

    def broken(outcome: Outcome) -> np.ndarray:
        return np.full(3, np.nan)

    users = users_of(data, vectors, reward=broken)
    _, infos = users.reset(seed=1)
    with pytest.raises(ConfigError, match=r"broken must return a finite number for each of 60"):
        users.step(actions)
    users = SimulatedUsers(data, DecidingByDraw(), reward=interest_reward)
    users.reset()
    with pytest.raises(ConfigError, match="interest_reward needs vectors and targets"):
        users.step(np.zeros(30, dtype=int))


class Failing:
    """Cannot decide about users 0 and 1."""

    def decide(self, shown: Exposures) -> Clicks:
        clicks = CLICKS.decide(shown)
        clicks.source[shown.user < 2] = ""
        clicks.failure[shown.user < 2] = "timed out"
        return clicks


def test_failures_are_told_and_need_a_fallback(data: Dataset, vectors: Vectors) -> None:
    users = users_of(data, vectors, clicks=Fallback(Failing(), CLICKS))
    _, infos = users.reset(seed=1)
    _, _, _, _, infos = users.step(lowest(infos["action_mask"]))
    assert infos["failures"].tolist() == [1] * 4 + [0] * 56
    users = users_of(data, vectors, clicks=Failing())
    _, infos = users.reset(seed=1)
    with pytest.raises(UndecidedError, match="4 of 60 decisions failed"):
        users.step(lowest(infos["action_mask"]))


def test_bad_settings_and_actions_are_named(data: Dataset, vectors: Vectors) -> None:
    with pytest.raises(ConfigError, match=r"'u\d+' has \d+ unseen items, fewer than 52 rounds"):
        SimulatedUsers(data, CLICKS, rounds=52)
    with pytest.raises(ConfigError, match="slate = 0"):
        SimulatedUsers(data, CLICKS, slate=0)
    with pytest.raises(ConfigError, match="targets must be distinct"):
        SimulatedUsers(data, CLICKS, targets=np.array([1, 1]))
    with pytest.raises(DataError, match="train them on this data set"):
        users_of(data, Vectors(vectors.user[:4], vectors.item))
    users = users_of(data, vectors)
    with pytest.raises(gymnasium.error.ResetNeeded):
        users.step(np.zeros(60, dtype=int))
    users.reset(seed=1)
    for actions in (np.zeros(30, dtype=int), np.zeros(60), np.full(60, 60), np.full(60, -1)):
        with pytest.raises(ConfigError, match=r"rows in 0\.\.59 of shape \(60,\)"):
            users.step(actions)
    with pytest.raises(ConfigError, match="start together"):
        users.reset(options={"reset_mask": np.ones(60, dtype=bool)})
    with pytest.raises(ConfigError, match="these are 60"):
        SimulatedUser(users)


def one_user(data: Dataset, vectors: Vectors | None, **settings: Any) -> SimulatedUser:
    return SimulatedUser(
        users_of(data, vectors, users=np.array([4]), targets=np.array([17]), **settings)
    )


@pytest.mark.parametrize("settings", [{}, {"slate": 3}, {"repeats": True}])
def test_the_single_user_passes_gymnasiums_checker(
    data: Dataset, vectors: Vectors, settings: dict[str, Any]
) -> None:
    spec = EnvSpec("User-v0", entry_point=lambda **_: one_user(data, vectors, **settings))
    env_checker.check_env(gymnasium.make(spec).unwrapped)


def test_the_single_user_lives_as_among_many(data: Dataset, vectors: Vectors) -> None:
    many, one = users_of(data, vectors), one_user(data, vectors)
    place = int(np.flatnonzero((many._episodes.user == 4) & (many._episodes.target == 17))[0])
    _, infos = many.reset(seed=9)
    _, info = one.reset(seed=9)
    for _ in range(ROUNDS):
        observations, rewards, _, truncations, infos = many.step(lowest(infos["action_mask"]))
        observation, reward, _, truncated, info = one.step(
            int(lowest(info["action_mask"][None])[0])
        )
        assert reward == rewards[place]
        assert truncated == truncations[place]
        for key, value in observation.items():
            assert np.array_equal(value, observations[key][place])
    with pytest.raises(gymnasium.error.ResetNeeded, match="last round is over"):
        one.step(0)


def test_what_gymnasium_checks_of_one_holds_of_many(data: Dataset, vectors: Vectors) -> None:
    # It has no checker of vector environments; these of its checks do not mind a batch.
    users: Any = users_of(data, vectors)
    env_checker.check_reset_seed_determinism(users)
    env_checker.check_reset_options(users)
    env_checker.check_reset_return_type(users)
    env_checker.check_returned_data_not_reused(users_of(data, vectors, users=[4], targets=[17]))


def test_gymnasiums_wrappers_fit(data: Dataset, vectors: Vectors) -> None:
    users = DictInfoToList(RecordEpisodeStatistics(users_of(data, vectors)))
    _, infos = users.reset(seed=1)
    total = np.zeros(60)
    for _ in range(ROUNDS):
        mask = np.stack([info["action_mask"] for info in infos])
        _, rewards, _, _, infos = users.step(lowest(mask))
        total += rewards
    assert [info["episode"]["r"] for info in infos] == total.tolist()
    assert {info["episode"]["l"] for info in infos} == {ROUNDS}
    # A mask is what Gymnasium's own sampling takes.
    space = users.unwrapped.single_action_space
    assert mask[0][space.sample(mask=mask[0])] == 1


def test_importing_the_simulator_leaves_gymnasium_alone() -> None:
    program = (
        "import sys, simulator, simulator.cli\n"
        "assert 'gymnasium' not in sys.modules\n"
        "sys.modules['gymnasium'] = None\n"
        "from simulator.errors import MissingExtraError\n"
        "try:\n"
        "    import simulator.environment\n"
        "except MissingExtraError as error:\n"
        "    assert 'nudgesim[gym]' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_run_and_its_recommender_can_be_compared_with_a_policy(
    data: Dataset, vectors: Vectors
) -> None:
    """A recommender of ours, asked through the environment's own views, plays the same run."""
    run = simulate(data, RandomItems(), CLICKS, rounds=3, seed=5, vectors=vectors).exposures
    users = users_of(data, vectors, targets=None, rounds=3)
    users.reset(seed=5)
    for number in (1, 2, 3):
        assert users._view is not None
        _, rewards, _, _, _ = users.step(RandomItems().recommend(users._view))
        assert np.array_equal(rewards, run[run["round"] == number]["clicked"])
