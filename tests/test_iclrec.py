"""ICLRec: its loss by hand, its E-step, that it learns and repeats, what it refuses."""

import numpy as np
import pytest
import torch
from sequence_stand_ins import LookUp, batch_of, sequences_of, share, steady_log

from recommender.sequence.augmentation import Augmentation
from recommender.sequence.iclrec import ICLRec
from recommender.sequence.model import SequenceModel
from recommender.sequence.objective import Objective
from recommender.sequence.sasrec import SASRec
from recommender.sequence.settings import EncoderSettings, TrainingSettings
from recommender.sequence.training import SequenceEpoch, fit_sequence_model
from simulator.errors import ConfigError, UnknownNameError

UNCHANGED = Augmentation(crop=1.0, mask=0.0, reorder=0.0)
# Ids 1 to 4. Users 0 and 1 have nearly the same taste, user 2 another.
ITEMS = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, -1.0]]
SEQUENCES = sequences_of([0], [0, 2], [3])


def prepared(**settings: float) -> tuple[ICLRec, LookUp]:
    objective, encoder = (
        ICLRec(augmentation=UNCHANGED, temperature=1.0, n_intentions=2, **settings),
        LookUp(ITEMS),
    )
    objective.prepare(encoder, SEQUENCES, torch.Generator().manual_seed(0))
    return objective, encoder


def test_intentions_are_the_centres_of_mean_outputs() -> None:
    # Means: (1, 0); ((1, 0) + (1, 1)) / 2 = (1, 0.5); (0, -1).
    objective, _ = prepared()
    assert objective.prototypes is not None
    assert sorted(objective.prototypes.tolist()) == [[0.0, -1.0], [1.0, 0.25]]


def test_loss_of_a_case_worked_out_by_hand() -> None:
    # The batch: user 0 took items 1 then 2, user 2 took 4 then 1; both views are the windows.
    batch = batch_of([[0, 0, 1], [0, 0, 4]], [[0, 0, 2], [0, 0, 1]], users=[0, 2])
    # Outputs (1, 0) and (0, -1) score the items 1, 0, 1, 0 and 0, -1, -1, 1.
    following = (share(0, 1, 1, 0) + share(0, -1, -1, 1)) / 2
    # Either view's product with its twin is 1, with both views of the other user 0.
    between = share(1, 0, 0)
    # Intentions (1, 0.25) and (0, -1): products 1 and 0 for the first, -0.25 and 1 for the second.
    towards = (share(1, 0) + share(1, -0.25)) / 2
    for beta, weight in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.25), (0.5, 0.25)):
        objective, encoder = prepared(sequence_weight=beta, intention_weight=weight)
        by_hand = following + beta * between + weight * towards
        assert objective.loss(encoder, batch).item() == pytest.approx(by_hand)


def test_users_of_one_intention_are_not_negatives_of_it() -> None:
    batch = batch_of([[0, 0, 1], [0, 1, 3]], [[0, 0, 2], [0, 0, 1]], users=[0, 1])
    plain, encoder = prepared(sequence_weight=0.0, intention_weight=0.0)
    drawn, _ = prepared(sequence_weight=0.0, intention_weight=1.0)
    # Alone with their shared intention, both have it already.
    assert drawn.loss(encoder, batch).item() == pytest.approx(plain.loss(encoder, batch).item())


def test_next_item_loss_may_be_the_papers_binary_one() -> None:
    batch = batch_of([[0, 0, 1], [0, 0, 4]], [[0, 0, 2], [0, 0, 1]], users=[0, 2], seed=3)
    again = batch_of([[0, 0, 1], [0, 0, 4]], [[0, 0, 2], [0, 0, 1]], users=[0, 2], seed=3)
    objective = ICLRec(sequence_weight=0, intention_weight=0, n_intentions=2, next_item="binary")
    encoder = LookUp(ITEMS)
    objective.prepare(encoder, SEQUENCES, torch.Generator().manual_seed(0))
    binary = {SASRec("binary").loss(encoder, batch).item() for _ in range(20)}
    assert objective.loss(encoder, again).item() in binary


def test_gradients_reach_the_items_through_every_part() -> None:
    batch = batch_of([[0, 0, 1], [0, 0, 4]], [[0, 0, 2], [0, 0, 1]], users=[0, 2])
    gradients = []
    for beta, weight in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)):
        objective, encoder = prepared(sequence_weight=beta, intention_weight=weight)
        objective.loss(encoder, batch).backward()
        gradients.append(encoder.items.weight.grad)
    plain, between, towards = gradients
    assert not torch.equal(plain, between)
    assert not torch.equal(plain, towards)


def fit(epochs: list[SequenceEpoch] | None = None, n_intentions: int = 8) -> SequenceModel:
    return fit_sequence_model(
        steady_log(),
        ICLRec(n_intentions=n_intentions),
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
    # Of 40 items, at random, NDCG@20 is about 0.18.
    assert max(epoch.ndcg for epoch in epochs) > 0.75 > 0.6 > epochs[0].ndcg
    assert model.prototypes is not None
    assert model.prototypes.shape == (8, 16)
    assert model.prototypes.dtype == np.float32
    again = fit()
    assert np.array_equal(model.items, again.items)
    assert np.array_equal(model.prototypes, again.prototypes)


def test_more_prototypes_than_sequences_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"n_intentions=151 .* of 150 sequences.*train on more"):
        fit(n_intentions=151)


@pytest.mark.parametrize(
    ("name", "value"),
    [("sequence_weight", -0.1), ("intention_weight", float("nan")), ("temperature", 0.0),
     ("n_intentions", 0)],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        ICLRec(**{name: value})


def test_an_unknown_next_item_loss_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="binary"):
        ICLRec(next_item="hinge")


def test_it_is_an_objective() -> None:
    assert isinstance(ICLRec(), Objective)
