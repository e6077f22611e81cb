"""SASRec's losses, on cases worked out by hand, and its negatives."""

import math

import pytest
import torch

from recommender.sequence import Batch, EncoderSettings, SASRec, SequenceEncoder
from recommender.sequence.objective import softmax_loss
from recommender.sequence.sasrec import binary_loss, sampled_negatives
from simulator.errors import UnknownNameError


def two_dimensional(*items: tuple[float, float]) -> SequenceEncoder:
    settings = EncoderSettings(dimension=2, heads=1, max_length=4, dropout=0, attention_dropout=0)
    encoder = SequenceEncoder(len(items), settings)
    with torch.no_grad():
        encoder.items.weight[1:] = torch.tensor(items)
    return encoder


def batch(windows: list[list[int]], targets: list[list[int]]) -> Batch:
    return Batch(
        users=torch.arange(len(windows)),
        windows=torch.tensor(windows),
        targets=torch.tensor(targets),
        last_only=False,
        draws=torch.Generator().manual_seed(1),
    )


def test_the_binary_loss_of_a_case_worked_out_by_hand() -> None:
    # f = (1, 2) scores item 1 with 3 and item 2 with -1; f = (0, 1) items 3 and 1 with 0 and 1.
    encoder = two_dimensional((1.0, 1.0), (1.0, -1.0), (5.0, 0.0))
    states = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    loss = binary_loss(encoder, states, torch.tensor([1, 3]), torch.tensor([2, 1]))
    first = math.log(1 + math.exp(-3)) + math.log(1 + math.exp(-1))
    second = math.log(2) + math.log(1 + math.exp(1))
    assert loss.item() == pytest.approx((first + second) / 2)


def test_the_softmax_loss_of_a_case_worked_out_by_hand() -> None:
    # Scores 3, -1 and 5 of three items, of which the first followed.
    encoder = two_dimensional((1.0, 1.0), (1.0, -1.0), (5.0, 0.0))
    loss = softmax_loss(encoder, torch.tensor([[1.0, 2.0]]), torch.tensor([1]))
    assert loss.item() == pytest.approx(math.log(math.exp(3) + math.exp(-1) + math.exp(5)) - 3)


@pytest.mark.parametrize("name", ["binary", "softmax"])
def test_only_positions_asked_about_count(name: str) -> None:
    torch.manual_seed(2)
    encoder = two_dimensional(*[(float(k), 1.0) for k in range(6)])
    objective = SASRec(name)  # type: ignore[arg-type]  # mypy sees a str
    one = batch([[0, 0, 3, 4]], [[0, 0, 0, 5]])
    padded = batch([[0, 0, 3, 4], [0, 1, 2, 3]], [[0, 0, 0, 5], [0, 0, 0, 0]])
    assert objective.loss(encoder, padded).item() == pytest.approx(
        objective.loss(encoder, one).item()
    )


def test_negatives_are_any_items_that_the_window_does_not_hold() -> None:
    encoder = two_dimensional(*[(1.0, 1.0)] * 6)
    asked = batch([[0, 1, 2, 3]] * 300, [[0, 2, 3, 4]] * 300)
    negatives = sampled_negatives(encoder, asked).reshape(300, 3)
    counts = torch.bincount(negatives.ravel(), minlength=7)
    assert counts[:5].sum() == 0
    assert counts[5] > 350
    assert counts[6] > 350


def test_a_window_that_holds_everything_gets_some_item_for_a_negative() -> None:
    encoder = two_dimensional(*[(1.0, 1.0)] * 4)
    negatives = sampled_negatives(encoder, batch([[1, 2, 3, 4]] * 50, [[2, 3, 4, 1]] * 50))
    assert negatives.min() >= 1
    assert negatives.max() <= 4


def test_a_loss_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="softmax"):
        SASRec("softmx")  # type: ignore[arg-type]  # wrong on purpose
