"""IRN: the mask by hand, planning against the plain network, and a world with a way to go."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.nudge.irn import IRN
from recommender.nudge.irn_files import load_irn, save_irn
from recommender.nudge.irn_network import InfluentialNetwork, impressionability_mask
from recommender.nudge.irn_settings import IRNSettings
from recommender.nudge.irn_training import IRNEpoch, fit_irn
from recommender.nudge.planned_path import ENDED
from recommender.sequence.settings import EncoderSettings, FrequencyMixing, TrainingSettings
from simulator.domain import Dataset, Interactions, Ragged
from simulator.errors import ConfigError, DataError
from simulator.interfaces import Recommender
from simulator.scores import TILE

TINY = EncoderSettings(dimension=8, heads=2, max_length=6, dropout=0.1, attention_dropout=0.1)


def settings(
    encoder: EncoderSettings = TINY, *, rounds: int = 4, epochs: int = 2, rate: float = 3e-3
) -> IRNSettings:
    return IRNSettings(
        encoder=encoder,
        rounds=rounds,
        training=TrainingSettings(
            learning_rate=rate, batch=16, epochs=epochs, patience=4, validate_every=1
        ),
    )


def untrained(n_users: int, n_items: int, seed: int = 0) -> InfluentialNetwork:
    """A network whose weights are large enough that everything matters."""
    torch.manual_seed(seed)
    network = InfluentialNetwork(n_users, n_items, settings()).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return network


def test_the_mask_by_hand() -> None:
    # Two users; the second has an absent place at the head.
    present = torch.tensor([[True, True], [False, True]])
    mask = impressionability_mask(torch.tensor([1.5, -0.5]), present)
    no = -np.inf
    expected = [
        [[1.5, no, no], [1.5, 0, no], [1.5, 0, 0]],
        [[-0.5, no, no], [-0.5, no, no], [-0.5, no, 0]],
    ]
    np.testing.assert_array_equal(mask.numpy()[:, 0], np.array(expected, dtype=np.float32))


def test_impressionable_users_attend_more_to_the_objective() -> None:
    # Equal scores everywhere: the weights are those of softmax(w_t r_u, 0, 0).
    for weight in (0.0, 1.0, 3.0):
        mask = impressionability_mask(torch.tensor([weight]), torch.ones(1, 2, dtype=torch.bool))
        last = torch.softmax(mask[0, 0, -1], dim=-1)
        share = np.exp(weight) / (np.exp(weight) + 2)
        np.testing.assert_allclose(last, [share, (1 - share) / 2, (1 - share) / 2], rtol=1e-6)


def test_attention_under_the_mask_by_hand() -> None:
    # One head of width 2 whose query and key are the identity and whose value is the input.
    network = InfluentialNetwork(
        1, 3, IRNSettings(encoder=EncoderSettings(dimension=2, heads=1, layers=1, max_length=2))
    ).eval()
    attention = network.blocks[0].mixing
    with torch.no_grad():
        for layer in (attention.query, attention.key, attention.value, attention.output):
            layer.weight.copy_(torch.eye(2))
            layer.bias.zero_()
    objective, first, second = [0.0, 2.0], [1.0, 0.0], [1.0, 1.0]
    states = torch.tensor([[objective, first, second]])
    mask = impressionability_mask(torch.tensor([0.7]), torch.ones(1, 2, dtype=torch.bool))
    # Scores of `second`: (2 / sqrt 2 + 0.7, 1 / sqrt 2, 2 / sqrt 2).
    scores = np.array([2 / np.sqrt(2) + 0.7, 1 / np.sqrt(2), 2 / np.sqrt(2)])
    weights = np.exp(scores) / np.exp(scores).sum()
    summed = np.array(second) + weights @ np.array([objective, first, second])
    centred = summed - summed.mean()
    expected = centred / np.sqrt((centred**2).mean())
    got = attention(states, mask)[0, -1].detach().numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(attention.last(states, mask)[0].detach(), expected, atol=1e-5)


def test_a_position_depends_on_the_past_and_the_objective_alone() -> None:
    network = untrained(2, 20)
    window = torch.tensor([[0, 3, 4, 5, 6, 7]])
    user, objective = torch.tensor([0]), torch.tensor([9])
    plain = network(user, objective, window)
    later = network(user, objective, torch.tensor([[0, 3, 4, 5, 11, 12]]))
    torch.testing.assert_close(plain[:, 1:4], later[:, 1:4])
    assert not torch.allclose(plain[:, 4], later[:, 4])
    elsewhere = network(user, torch.tensor([10]), window)
    assert (plain - elsewhere).abs().amax(2).min() > 1e-3
    # Place 0 is where the first item is predicted from; more padding changes nothing there.
    assert not torch.allclose(plain, network(torch.tensor([1]), objective, window))


def test_impressionability_is_learnt() -> None:
    network = InfluentialNetwork(3, 20, settings()).train()
    states = network(torch.tensor([1]), torch.tensor([4]), torch.tensor([[0, 0, 1, 2, 3]]))
    states[0, -1, 0].backward()
    gradient = network.users.weight.grad
    assert gradient is not None
    assert gradient[1].abs().sum() > 0
    assert gradient[[0, 2]].abs().sum() == 0
    np.testing.assert_allclose(
        InfluentialNetwork(3, 20, settings()).impressionability(torch.arange(3)).detach(),
        np.ones(3),
        atol=0.02,
    )


def test_planning_equals_the_plain_network_asked_step_by_step() -> None:
    network = untrained(3, 20)
    histories = Ragged.from_rows([[1, 2, 3], [], list(range(12))])
    user, target = np.array([0, 1, 2, 0, 2]), np.array([7, 7, 15, 2, 3])
    paths = IRN(network, histories).plan(user, target)
    exact = network.double()
    for row in range(len(user)):
        past, path = histories[user[row]].tolist(), []
        for step in range(4):
            ids = [i + 1 for i in past][-6:]
            window = [0] * (6 - len(ids)) + ids + [i + 1 for i in path]
            states = exact(
                torch.tensor([user[row]]), torch.tensor([target[row] + 1]), torch.tensor([window])
            )
            scores = (states[0, -1] @ exact.item_vectors().T).detach().numpy()
            scores[past + path] = -np.inf
            path.append(int(scores.argmax()))
            assert paths[row, step] == path[-1]


def test_paths_are_unseen_and_without_repeats_and_do_not_depend_on_company() -> None:
    draws = np.random.default_rng(5)
    histories = Ragged.from_rows([draws.permutation(30)[: 2 + k % 9] for k in range(40)])
    user, target = np.tile(np.arange(40), 8), np.repeat(draws.integers(0, 30, 8), 40)
    assert len(user) > TILE
    irn = IRN(untrained(40, 30), histories)
    paths = irn.plan(user, target)
    assert paths.min() >= 0
    for row, path in enumerate(paths):
        assert len(set(path) | set(histories[user[row]])) == 4 + len(histories[user[row]])
    order = draws.permutation(len(user))[:70]
    for rows in (order[:1], order[1:3], order[3:]):
        np.testing.assert_array_equal(irn.plan(user[rows], target[rows]), paths[rows])
    assert len(np.unique(paths, axis=0)) > 10
    threads = torch.get_num_threads()
    irn.plan(user[:1], target[:1])
    assert torch.get_num_threads() == threads
    assert isinstance(irn, Recommender)


def test_a_path_ends_where_nothing_is_unseen() -> None:
    histories = Ragged.from_rows([list(range(18)), list(range(20))])
    paths = IRN(untrained(2, 20), histories).plan(np.array([0, 1]), np.array([19, 3]))
    assert sorted(paths[0, :2]) == [18, 19]
    assert (paths[0, 2:] == ENDED).all()
    assert (paths[1] == ENDED).all()


def test_training_repeats_and_leaves_the_global_generator_alone(data: Dataset) -> None:
    epochs: list[IRNEpoch] = []
    state = torch.random.get_rng_state()
    first = fit_irn(data.interactions, settings(), seed=3, progress=epochs.append)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    again = fit_irn(data.interactions, settings(), seed=3)
    other = fit_irn(data.interactions, settings(), seed=4)
    for one, two, three in zip(
        first.parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(one, two)
        assert not torch.equal(one, three)
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert not first.training
    irn = IRN(first, data.interactions.histories)
    assert irn.impressionability.shape == (30,)
    said = irn.describe()
    assert said.startswith("IRN(rounds=4, layers=2, dimension=8, objective_weight=1, weights=")
    assert said == IRN(again, data.interactions.histories).describe()
    assert said != IRN(other, data.interactions.histories).describe()


def test_settings_out_of_range(data: Dataset) -> None:
    with pytest.raises(ConfigError, match="rounds=0"):
        IRNSettings(rounds=0)
    with pytest.raises(ConfigError, match="objective_weight=inf must be finite"):
        IRNSettings(objective_weight=float("inf"))
    with pytest.raises(ConfigError, match=r"leave encoder.frequency at None"):
        IRNSettings(encoder=EncoderSettings(frequency=FrequencyMixing()))
    few = Interactions.from_columns(np.zeros(3), np.arange(3), np.arange(3), n_users=1, n_items=3)
    with pytest.raises(ConfigError, match="four interactions or more"):
        fit_irn(few, settings(), seed=0)
    with pytest.raises(ConfigError, match="User 30 is none of the 30"):
        IRN(untrained(30, 60), data.interactions.histories).paths(np.array([30]), np.array([0]))
    with pytest.raises(ConfigError, match="30 histories for a network of 29 users"):
        IRN(untrained(29, 60), data.interactions.histories)
    with pytest.raises(DataError, match=r"diverged in epoch 1; lower learning_rate=1e\+30"):
        fit_irn(data.interactions, settings(rate=1e30), seed=0)


def test_a_network_comes_back_from_disk(data: Dataset, tmp_path: Path) -> None:
    path, network = tmp_path / "irn.npz", untrained(30, 60)
    save_irn(path, network, {"seed": 3})
    loaded, metadata = load_irn(path)
    assert (metadata, loaded.settings) == ({"seed": 3}, network.settings)
    user, target = np.arange(30), np.full(30, 7)
    histories = data.interactions.histories
    np.testing.assert_array_equal(
        IRN(loaded, histories).plan(user, target), IRN(network, histories).plan(user, target)
    )
    with pytest.raises(DataError, match=r"none.npz: There is no such file"):
        load_irn(tmp_path / "none.npz")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="Not a network of IRN"):
        load_irn(path)
    np.savez(path, about=np.frombuffer(b"{}", np.uint8))
    with pytest.raises(DataError, match="Not a network of IRN"):
        load_irn(path)


def test_training_keeps_the_last_epoch_where_it_never_validates(data: Dataset) -> None:
    rare = replace(settings(), training=TrainingSettings(batch=16, epochs=1, validate_every=5))
    start = replace(rare, training=TrainingSettings(batch=16, epochs=1, learning_rate=1e-12))
    moved = fit_irn(data.interactions, rare, seed=0).items.weight
    assert not torch.allclose(moved, fit_irn(data.interactions, start, seed=0).items.weight)


def walks(n_users: int, n_items: int, length: int, seed: int) -> Interactions:
    """Users walk round a circle of items, each in a direction of its own, one item a step."""
    draws = np.random.default_rng(seed)
    start, way = draws.integers(0, n_items, n_users), draws.choice([-1, 1], n_users)
    item = (start[:, None] + way[:, None] * np.arange(length)) % n_items
    return Interactions.from_columns(
        np.repeat(np.arange(n_users), length),
        item.ravel(),
        np.tile(np.arange(length), n_users),
        n_users=n_users,
        n_items=n_items,
    )


@pytest.mark.slow
def test_paths_get_nearer_to_the_target_than_unguided_ones() -> None:
    # Histories of one item do not tell the way round a circle of 24; only the objective does.
    n_items, rounds = 24, 6
    network = fit_irn(
        walks(300, n_items, rounds + 2, seed=0),
        settings(
            EncoderSettings(dimension=32, max_length=4, dropout=0.1, attention_dropout=0.1),
            rounds=rounds,
            epochs=30,
            rate=1e-2,
        ),
        seed=0,
    )
    start = np.arange(n_items)
    histories = Ragged.from_rows(np.arange(300)[:, None] % n_items)
    user = np.tile(start, 2)
    target = (user + np.repeat([rounds, -rounds], n_items)) % n_items

    def distance(paths: np.ndarray) -> np.ndarray:
        apart = (paths - target[:, None]) % n_items
        return np.minimum(apart, n_items - apart).mean(axis=0)

    guided = distance(IRN(network, histories).plan(user, target))
    with torch.no_grad():
        network.impression.bias.fill_(-1e9)
    unguided = distance(IRN(network, histories).plan(user, target))
    assert guided[rounds - 1] < 1
    assert unguided[rounds - 1] > 4
    assert (guided <= unguided).all()
