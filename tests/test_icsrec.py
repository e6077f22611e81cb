"""ICSRec: its loss by hand, which subsequences it pairs, that it learns and repeats."""

import numpy as np
import pytest
import torch
from sequence_stand_ins import LookUp, batch_of, sequences_of, share, steady_log

from recommender.sequence.icsrec import ICSRec
from recommender.sequence.model import SequenceModel
from recommender.sequence.settings import EncoderSettings, TrainingSettings
from recommender.sequence.subsequences import Subsequences
from recommender.sequence.training import SequenceEpoch, fit_sequence_model
from simulator.domain import Ragged
from simulator.errors import ConfigError

# Ids 1 to 5. Items 2 and 3 came after item 1 for user 0; user 1 came to 3 by 4, and to 2 by 5.
ITEMS = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [2.0, 0.0], [0.0, -1.0]]


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_subsequences_are_found_by_what_came_next() -> None:
    histories = Ragged.from_rows([[0, 1, 2, 3], [], [4, 5, 2], [2], [6]])
    found = Subsequences(histories, 2)
    # Item 2 (id 3) came after 0, 1 of user 0 and 4, 5 of user 2; user 3 has nothing before it.
    targets = torch.full((50,), 3)
    assert found.before(targets, torch.zeros(50), draws()).unique(dim=0).tolist() == [[5, 6]]
    assert found.before(targets, torch.full((50,), 2), draws()).unique(dim=0).tolist() == [[1, 2]]
    both = found.before(targets, torch.full((50,), 9), draws())
    assert both.unique(dim=0).tolist() == [[1, 2], [5, 6]]
    # Nobody but user 0 came to item 1 (id 2), nor to item 3, whose window has no room for item 0.
    alone = found.before(torch.tensor([2, 4]), torch.tensor([0, 0]), draws())
    assert alone.tolist() == [[0, 1], [2, 3]]


def test_loss_of_a_case_worked_out_by_hand() -> None:
    # User 0: 1 then 2. User 1: 5 then 2. User 2: 4 then 3. User 3: 1 then 3.
    sequences = sequences_of([0, 1], [4, 1], [3, 2], [0, 2])
    batch = batch_of([[0, 0, 1], [0, 0, 4]], [[0, 0, 2], [0, 0, 3]], users=[0, 2])
    # Outputs (1, 0) and (2, 0) score items 1, 0, 0, 2, 0 and 2, 0, 0, 4, 0.
    following = (share(0, 1, 0, 2, 0) + share(0, 2, 0, 4, 0)) / 2
    # For user 0's way to item 2 the other is user 1's, by item 5; for user 2's to item 3, user 3's,
    # by item 1. Ones: (1, 0), (2, 0); others: (0, -1), (1, 0).
    coarse = (share(0, 2, 1) + share(2, 2, 0) + share(0, 0, 0) + share(2, 1, 0)) / 4
    for weight in (0.0, 0.5):
        objective, encoder = (
            ICSRec(coarse_weight=weight, fine_weight=0.0, temperature=1.0, n_intentions=1),
            LookUp(ITEMS),
        )
        objective.prepare(encoder, sequences, draws())
        by_hand = following + weight * coarse
        assert objective.loss(encoder, batch).item() == pytest.approx(by_hand)


def test_fine_loss_of_a_case_worked_out_by_hand() -> None:
    sequences = sequences_of([0, 1], [4, 1], [3, 2], [0, 2])
    batch = batch_of([[0, 0, 1], [0, 0, 4]], [[0, 0, 2], [0, 0, 3]], users=[0, 2])
    plain, fine = (
        ICSRec(coarse_weight=0.0, fine_weight=w, temperature=1.0, n_intentions=2)
        for w in (0.0, 0.5)
    )
    encoder = LookUp(ITEMS)
    for objective in (plain, fine):
        objective.prepare(encoder, sequences, draws())
        # Centres given: what k-means finds among the outputs is another test's.
        objective._intentions = torch.tensor([[1.5, 0.0], [0.0, -1.0]])
    # Ones (1, 0), (2, 0) both have the first centre: no negatives. Of the others, (0, -1) has the
    # second, with products 1 and 0, and (1, 0) the first, with products 1.5 and 0.
    by_hand = (0 + (share(1, 0) + share(1.5, 0)) / 2) / 2
    difference = fine.loss(encoder, batch).item() - plain.loss(encoder, batch).item()
    assert difference == pytest.approx(0.5 * by_hand)


def test_intentions_are_centres_of_outputs_at_every_item() -> None:
    objective = ICSRec(n_intentions=3)
    objective.prepare(LookUp(ITEMS), sequences_of([0, 3], [4, 1], [2]), draws())
    assert objective.prototypes is not None
    # (1, 0) and (2, 0); (0, -1); twice (0, 1).
    assert sorted(objective.prototypes.tolist()) == [[0.0, -1.0], [0.0, 1.0], [1.5, 0.0]]


def test_one_subsequence_of_each_window_is_taken_wherever_an_item_followed() -> None:
    sequences = sequences_of([0, 1, 2], [3, 1, 2])
    batch = batch_of([[1, 2, 3]] * 2, [[2, 3, 0]] * 2, users=[0, 0])
    losses = set()
    for seed in range(20):
        objective, encoder = ICSRec(fine_weight=0.0, n_intentions=1), LookUp(ITEMS)
        objective.prepare(encoder, sequences, draws())
        again = batch_of(
            batch.windows.tolist(), batch.targets.tolist(), batch.users.tolist(), seed=seed
        )
        losses.add(round(objective.loss(encoder, again).item(), 4))
    # Either one place each, or the same, which makes them one group without negatives.
    assert len(losses) == 2


def fit(epochs: list[SequenceEpoch] | None = None, n_intentions: int = 8) -> SequenceModel:
    return fit_sequence_model(
        steady_log(),
        ICSRec(n_intentions=n_intentions),
        EncoderSettings(dimension=16, layers=1, max_length=10, dropout=0.1, attention_dropout=0.1),
        TrainingSettings(batch=32, epochs=8, validate_every=1),
        seed=1,
        progress=None if epochs is None else epochs.append,
    )


@pytest.mark.slow
def test_training_finds_the_next_item() -> None:
    epochs: list[SequenceEpoch] = []
    model = fit(epochs)
    assert epochs[-1].loss < epochs[0].loss
    assert max(epoch.ndcg for epoch in epochs) > 0.75 > 0.6 > epochs[0].ndcg
    assert model.prototypes is not None
    assert model.prototypes.shape == (8, 16)
    again = fit()
    assert np.array_equal(model.items, again.items)
    assert np.array_equal(model.prototypes, again.prototypes)


def test_more_prototypes_than_subsequences_are_refused() -> None:
    objective = ICSRec(n_intentions=5)
    with pytest.raises(ConfigError, match=r"n_intentions=5 .* of 3 sequences.*ask for 3 or fewer"):
        objective.prepare(LookUp(ITEMS), sequences_of([0, 1], [4]), draws())


@pytest.mark.parametrize(
    ("name", "value"),
    [("coarse_weight", -0.1), ("fine_weight", float("nan")), ("temperature", 0.0),
     ("n_intentions", 0)],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        ICSRec(**{name: value})
