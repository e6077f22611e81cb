"""The training loop: what it learns from, what it holds out, that it learns and repeats."""

import numpy as np
import pytest
import torch
from torch import Tensor

from recommender.sequence import (
    Batch,
    BSARec,
    EncoderSettings,
    FrequencyMixing,
    Objective,
    SASRec,
    SequenceEncoder,
    SequenceEpoch,
    TrainingSequences,
    TrainingSettings,
    fit_sequence_model,
    hit_ratio,
    ndcg,
    next_item_ranks,
)
from recommender.sequence.examples import TrainingExamples
from simulator.domain import Dataset, Interactions, Ragged
from simulator.errors import ConfigError, DataError

N_ITEMS = 24
TINY = EncoderSettings(dimension=16, layers=1, max_length=8, dropout=0.1, attention_dropout=0.1)
QUICK = TrainingSettings(learning_rate=5e-3, batch=32, epochs=3)


def carousel(n_users: int = 80, each: int = 12) -> Interactions:
    """Every user starts somewhere and goes on to the next item, round and round."""
    user = np.repeat(np.arange(n_users), each)
    item = (user * 7 + np.tile(np.arange(each), n_users)) % N_ITEMS
    return Interactions.from_columns(
        user, item, np.tile(np.arange(each), n_users), n_users=n_users, n_items=N_ITEMS
    )


def few() -> Interactions:
    """Histories of 0 to 5 and of 20 items; an item is its place, so that order shows."""
    lengths = [0, 1, 2, 3, 5, 20]
    user = np.repeat(np.arange(len(lengths)), lengths)
    item = np.concatenate([np.arange(n) for n in lengths])
    return Interactions.from_columns(user, item, item, n_users=len(lengths), n_items=N_ITEMS)


def draws() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_the_last_item_of_three_or_more_is_held_out() -> None:
    examples = TrainingExamples(few(), 8)
    assert examples.held_out.tolist() == [2, 4, 19]
    assert [examples.known[row].tolist() for row in range(2)] == [[0, 1], [0, 1, 2, 3]]
    assert examples.sequences.users.tolist() == [2, 3, 4, 5]
    assert examples.sequences.histories.lengths.tolist() == [0, 1, 2, 2, 4, 19]
    assert examples.sequences.windows[3].tolist() == list(range(12, 20))


def test_windows_ask_for_what_followed_and_in_time_for_everything() -> None:
    examples = TrainingExamples(few(), 8)
    asked: set[tuple[int, int]] = set()
    for _ in range(3):
        newest = []
        for batch in examples.batches(TrainingSettings(batch=3), draws(), last_only=False):
            assert batch.windows.shape == batch.targets.shape == (len(batch.users), 8)
            there = batch.targets > 0
            # Items are places: what follows an item is the next one, and is not the one held out.
            assert (batch.windows[there] == batch.targets[there] - 1).all()
            newest += batch.targets[batch.users == 5].max(dim=1).values.tolist()
            rows = torch.nonzero(there)[:, 0]
            asked |= set(
                zip(batch.users[rows].tolist(), batch.targets[there].tolist(), strict=True)
            )
        assert max(newest) == 19
    wanted = {(user, t) for user, n in ((2, 2), (3, 2), (4, 4), (5, 19)) for t in range(2, n + 1)}
    assert asked == wanted


def test_prefixes_ask_for_the_item_after_them_only() -> None:
    examples = TrainingExamples(few(), 8)
    asked: dict[int, set[int]] = {}
    settings = TrainingSettings(batch=50, prefixes=100)
    for batch in examples.batches(settings, draws(), last_only=True):
        assert batch.last_only
        assert not batch.targets[:, :-1].any()
        assert (batch.targets[:, -1] == batch.windows[:, -1] + 1).all()
        for user, target in zip(batch.users.tolist(), batch.targets[:, -1].tolist(), strict=True):
            asked.setdefault(user, set()).add(target)
    assert asked == {2: {2}, 3: {2}, 4: {2, 3, 4}, 5: set(range(2, 20))}


def test_prefixes_and_windows_ask_the_encoder_the_same_questions() -> None:
    torch.manual_seed(1)
    encoder = SequenceEncoder(N_ITEMS, TINY).eval()
    windows = torch.tensor([[0, 0, 0, 0, 0, 4, 7, 2]])
    targets = torch.tensor([[0, 0, 0, 0, 0, 0, 0, 9]])
    with torch.no_grad():
        states = [
            Batch(torch.zeros(1), windows, targets, last_only, draws()).predictions(encoder)
            for last_only in (True, False)
        ]
    np.testing.assert_allclose(states[0][0], states[1][0], atol=1e-6)
    assert states[0][1].tolist() == states[1][1].tolist() == [9]


@pytest.mark.parametrize(
    ("objective", "encoder"),
    [
        (SASRec(), TINY),
        (SASRec("binary"), TINY),
        (BSARec(), EncoderSettings(**{**vars(TINY), "frequency": FrequencyMixing(0.3, 2)})),
    ],
)
@pytest.mark.slow
def test_training_learns_what_comes_next(objective: Objective, encoder: EncoderSettings) -> None:
    log = carousel()
    settings = TrainingSettings(learning_rate=5e-3, batch=32, prefixes=4, epochs=60)
    model = fit_sequence_model(log, objective, encoder, settings, seed=1)
    known = Ragged.from_rows([[3, 4, 5], [20, 21, 22, 23], [9, 10]])
    ranks = next_item_ranks(model, known, np.array([6, 0, 11], dtype=np.int32))
    assert hit_ratio(ranks, 2) == 1.0


class Popularity:
    """Everybody likes what most have taken."""

    def __init__(self, log: Interactions) -> None:
        self.items = np.bincount(log.item, minlength=log.n_items)[:, None].astype(np.float32)

    def encode(self, histories: Ragged) -> np.ndarray:
        return np.ones((len(histories), 1), dtype=np.float32)


@pytest.mark.slow
@pytest.mark.realdata
def test_four_epochs_find_next_films_better_than_popularity_does(ml_100k: Dataset) -> None:
    log = ml_100k.interactions
    last = np.arange(len(log)) == log.offsets[log.user + 1] - 1
    train, test = log.take(~last), log.take(last)
    model = fit_sequence_model(
        train, SASRec(), training_settings=TrainingSettings(epochs=4), seed=1
    )
    known = train.histories.take(test.user)
    ours, popular = (
        ndcg(next_item_ranks(m, known, test.item), top=20) for m in (model, Popularity(train))
    )
    assert ours > 1.5 * popular


def test_the_same_seed_gives_the_same_model_and_leaves_the_global_draws_alone() -> None:
    def items(seed: int) -> np.ndarray:
        once = TrainingSettings(batch=32, epochs=1)
        return fit_sequence_model(carousel(), SASRec("binary"), TINY, once, seed=seed).items

    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    first = items(4)
    assert torch.rand(1) == expected
    np.testing.assert_array_equal(first, items(4))
    assert (first != items(5)).any()


def test_progress_is_told_and_training_stops_when_it_no_longer_helps() -> None:
    told: list[SequenceEpoch] = []
    settings = TrainingSettings(learning_rate=1e-9, batch=64, epochs=50, patience=2)
    fit_sequence_model(carousel(), SASRec(), TINY, settings, seed=1, progress=told.append)
    assert [epoch.number for epoch in told] == list(range(1, len(told) + 1))
    assert 6 <= len(told) < 20
    assert [np.isnan(epoch.ndcg) for epoch in told[:4]] == [True, False, True, False]
    assert all(np.isfinite(epoch.loss) for epoch in told)


def test_item_vectors_to_start_from_are_where_it_starts() -> None:
    start = np.random.default_rng(1).normal(size=(N_ITEMS, 16))
    still = TrainingSettings(learning_rate=1e-9, epochs=1)
    model = fit_sequence_model(carousel(), SASRec(), TINY, still, seed=1, start=start)
    np.testing.assert_allclose(model.items, start, atol=1e-6)
    with pytest.raises(ConfigError, match=r"\(24, 16\)"):
        fit_sequence_model(carousel(), SASRec(), TINY, QUICK, seed=1, start=start[:, :8])


class Remembering(Objective):
    """Its prototypes are the encoder's first item, at the time it is prepared."""

    def __init__(self) -> None:
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.prepared = 0

    def prepare(
        self, encoder: SequenceEncoder, sequences: TrainingSequences, draws: torch.Generator
    ) -> None:
        assert not encoder.training
        assert len(sequences.users) == len(sequences.windows)
        self.prepared += 1
        self.prototypes = encoder.item_vectors()[:1].detach().numpy().copy()

    def loss(self, encoder: SequenceEncoder, batch: Batch) -> Tensor:
        assert encoder.training
        states, _ = batch.predictions(encoder)
        return (states.square().mean() - self.weight).square().sum()

    def parameters(self) -> list[torch.nn.Parameter]:
        return [self.weight]


def test_an_objective_is_prepared_and_its_prototypes_belong_to_the_model_kept() -> None:
    objective = Remembering()
    model = fit_sequence_model(carousel(), objective, TINY, QUICK, seed=1)
    assert objective.prepared == 3 + 1
    assert objective.weight.item() != 0
    assert model.prototypes is not None
    np.testing.assert_array_equal(model.prototypes, model.items[:1])


class Diverging(Objective):
    """Never a number."""

    def loss(self, encoder: SequenceEncoder, batch: Batch) -> Tensor:
        return encoder(batch.windows).sum() * float("nan")


def test_what_cannot_be_learnt_is_said() -> None:
    with pytest.raises(DataError, match="diverged in epoch 1"):
        fit_sequence_model(carousel(), Diverging(), TINY, QUICK, seed=1)
    short = carousel(each=2)
    with pytest.raises(ConfigError, match="three interactions"):
        fit_sequence_model(short, SASRec(), TINY, QUICK, seed=1)
    with pytest.raises(ConfigError, match="patience"):
        TrainingSettings(patience=0)
    with pytest.raises(ConfigError, match="learning_rate"):
        TrainingSettings(learning_rate=0)
