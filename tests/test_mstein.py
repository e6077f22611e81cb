"""MStein: Wasserstein distances and its losses by hand, vectors that rank, that it learns."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sequence_stand_ins import batch_of, share, steady_log

from recommender.sequence.augmentation import Augmentation
from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.gaussian import GaussianEncoder, gaussian_points, wasserstein
from recommender.sequence.model import SequenceModel
from recommender.sequence.mstein import MStein, pairwise_loss
from recommender.sequence.settings import EncoderSettings, TrainingSettings
from recommender.sequence.training import SequenceEpoch, fit_sequence_model
from simulator.errors import ConfigError, UnknownNameError

SMALL = EncoderSettings(
    dimension=16, layers=1, max_length=10, dropout=0.1, attention_dropout=0.1, gaussian=True
)
WINDOWS = torch.tensor([[0, 0, 1], [0, 2, 3], [4, 5, 6]])
UNCHANGED = Augmentation(crop=1.0, mask=0.0, reorder=0.0)


def distance(left: list[float], right: list[float]) -> float:
    """W between two Gaussians given as raw numbers, by the formula for diagonal covariances."""
    half = len(left) // 2
    total = sum((a - b) ** 2 for a, b in zip(left[:half], right[:half], strict=True))
    for a, b in zip(left[half:], right[half:], strict=True):
        variance_a, variance_b = (1 + r if r > 0 else math.exp(r) for r in (a, b))
        total += variance_a + variance_b - 2 * math.sqrt(variance_a * variance_b)
    return total


def encoder(n_items: int = 6, seed: int = 0) -> GaussianEncoder:
    """In evaluation mode, with items well apart."""
    torch.manual_seed(seed)
    made = GaussianEncoder(n_items, EncoderSettings(dimension=4, max_length=3, gaussian=True))
    torch.nn.init.normal_(made.items.weight)
    return made.eval()


def raw_outputs(made: GaussianEncoder, windows: torch.Tensor) -> list[list[list[float]]]:
    """At every position, read as numbers."""
    plain = SequenceEncoder(made.n_items, replace(made.settings, gaussian=False))
    plain.load_state_dict(made.state_dict())
    rows: list[list[list[float]]] = plain.eval()(windows).tolist()
    return rows


def raw_last(made: GaussianEncoder) -> list[list[float]]:
    return [places[-1] for places in raw_outputs(made, WINDOWS)]


def test_points_of_gaussians() -> None:
    points = gaussian_points(torch.tensor([[3.0, -2.0, 8.0, -2 * math.log(2)]]))
    # Variances 1 + 8 and exp(-2 log 2) = 1/4.
    assert points.tolist() == [[3.0, -2.0, 3.0, 0.5]]


def test_gradients_stay_finite_where_a_variance_vanishes() -> None:
    raw = torch.tensor([[0.0, -300.0], [0.0, 0.0], [0.0, 300.0]], requires_grad=True)
    gaussian_points(raw).sum().backward()
    assert raw.grad is not None
    assert torch.isfinite(raw.grad).all()


def test_inner_products_are_distances_up_to_a_constant_of_the_user() -> None:
    made = encoder()
    with torch.no_grad():
        users, items = made.last(WINDOWS), made.item_vectors()
    assert users.shape == (3, 5)
    assert items.shape == (6, 5)
    raw_items = made.items.weight[1:].tolist()
    for user, raw_user in zip(users, raw_last(made), strict=True):
        shifted = (items @ user).numpy() + [distance(raw_user, raw) / 2 for raw in raw_items]
        assert shifted == pytest.approx(shifted[0], abs=1e-4)
    between = wasserstein(users, users[[1]])[:, 0].tolist()
    by_hand = [distance(raw, raw_last(made)[1]) for raw in raw_last(made)]
    assert between == pytest.approx(by_hand, abs=1e-4)


def test_every_position_reads_as_the_last_of_a_window_would() -> None:
    made = encoder()
    with torch.no_grad():
        assert torch.allclose(made(WINDOWS)[:, -1], made.last(WINDOWS), atol=1e-6)


def test_pairwise_loss_of_a_case_worked_out_by_hand() -> None:
    # Points and the last coordinate, which distances leave out.
    user = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    target = torch.tensor([[1.0, 0.0, 7.0], [0.0, 2.0, 7.0]])
    negative = torch.tensor([[0.0, 2.0, 7.0], [1.0, 2.0, 7.0]])
    # W(u, t) = 1, 4; W(u, n) = 4, 5; W(t, n) = 5, 1. The second user is farther from the target
    # than the negative is, by 3.
    by_hand = (math.log(1 + math.exp(-3)) + math.log(1 + math.exp(-1)) + 0.1 * 3) / 2
    loss = pairwise_loss(user, target, negative, distance_weight=0.1)
    assert loss.item() == pytest.approx(by_hand)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_loss_of_a_case_worked_out_by_hand(temperature: float) -> None:
    made = encoder()
    batch = batch_of(WINDOWS.tolist(), [[0, 0, 2], [0, 0, 1], [0, 0, 3]], users=[0, 1, 2])
    raw_users, raw_items = raw_last(made), made.items.weight[1:].tolist()
    following = 0.0
    for user, target in zip(raw_users, (1, 0, 2), strict=True):
        scores = [-distance(user, item) / 2 for item in raw_items]
        following += share(scores.pop(target), *scores) / 3
    # Both views are the window itself: at distance 0 from each other.
    between = sum(
        share(0, *(-distance(a, b) / temperature for b in raw_users if b != a for _ in range(2)))
        / 3
        for a in raw_users
    )
    objective = MStein(contrast_weight=0.3, temperature=temperature, augmentation=UNCHANGED)
    by_hand = following + 0.3 * between
    assert objective.loss(made, batch).item() == pytest.approx(by_hand, abs=1e-4)


def test_next_item_loss_may_be_the_papers_pairwise_one() -> None:
    made = encoder()
    # All items but the sixth are in the window or asked for, so that it is the negative.
    window, targets = [[1, 2, 3]], [[0, 4, 5]]
    objective = MStein(contrast_weight=0.0, next_item="pairwise", distance_weight=0.2)
    loss = objective.loss(made, batch_of(window, targets, users=[0])).item()
    raw_items = made.items.weight[1:].tolist()
    by_hand = 0.0
    for place, target in ((1, 3), (2, 4)):
        user = raw_outputs(made, torch.tensor(window))[0][place]
        near, far = distance(user, raw_items[target]), distance(user, raw_items[5])
        apart = distance(raw_items[target], raw_items[5])
        by_hand += math.log(1 + math.exp(near - far)) / 2 + 0.2 * max(0, near - apart) / 2
    assert loss == pytest.approx(by_hand, abs=1e-4)


def fit(epochs: list[SequenceEpoch] | None = None) -> SequenceModel:
    return fit_sequence_model(
        steady_log(),
        MStein(),
        SMALL,
        TrainingSettings(batch=32, epochs=8, validate_every=1),
        seed=1,
        progress=None if epochs is None else epochs.append,
    )


@pytest.mark.slow
def test_training_finds_the_next_item(tmp_path: Path) -> None:
    epochs: list[SequenceEpoch] = []
    model = fit(epochs)
    assert epochs[-1].loss < epochs[0].loss
    assert max(epoch.ndcg for epoch in epochs) > 0.75 > 0.6 > epochs[0].ndcg
    assert np.array_equal(model.items, fit().items)
    # What a file holds encodes alike.
    model.save(tmp_path / "mstein.npz", {})
    loaded, _ = SequenceModel.load(tmp_path / "mstein.npz")
    histories = steady_log().histories
    assert np.array_equal(model.encode(histories), loaded.encode(histories))
    assert np.array_equal(model.items, loaded.items)


def test_an_encoder_of_plain_vectors_is_refused() -> None:
    plain = SequenceEncoder(6, EncoderSettings(dimension=4, max_length=3))
    batch = batch_of(WINDOWS.tolist(), [[0, 0, 2]] * 3, users=[0, 1, 2])
    with pytest.raises(ConfigError, match=r"pass EncoderSettings\(gaussian=True\)"):
        MStein().loss(plain, batch)


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(ConfigError, match="dimension=5 must be even"):
        GaussianEncoder(6, EncoderSettings(dimension=5, heads=1, gaussian=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [("contrast_weight", -0.1), ("temperature", 0.0), ("distance_weight", float("inf"))],
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        MStein(**{name: value})


def test_an_unknown_next_item_loss_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="softmax"):
        MStein(next_item="hinge")
