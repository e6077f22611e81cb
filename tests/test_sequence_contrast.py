"""InfoNCE between views and against prototypes, by hand; prototypes of sequences."""

import pytest
import torch
from sequence_stand_ins import share

from recommender.sequence.contrast import contrast_prototypes, contrast_views
from recommender.sequence.prototypes import fit_prototypes, mean_over_items, nearest_prototype
from simulator.errors import ConfigError

# Two things, two views each; the plane's inner products are read off by eye.
FIRST = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
SECOND = torch.tensor([[1.0, 1.0], [0.0, 1.0]])


def test_each_view_is_drawn_to_the_other_and_from_all_others() -> None:
    by_hand = (
        share(1.0, 0.0, 0.0)  # a0 = (1, 0): b0 | a1, b1
        + share(2.0, 0.0, 2.0)  # a1 = (0, 2): b1 | a0, b0
        + share(1.0, 2.0, 1.0)  # b0 = (1, 1): a0 | a1, b1
        + share(2.0, 0.0, 1.0)  # b1 = (0, 1): a1 | a0, b0
    ) / 4
    assert contrast_views(FIRST, SECOND, temperature=1.0).item() == pytest.approx(by_hand)


def test_temperature_divides_similarities() -> None:
    loss = contrast_views(FIRST, SECOND, temperature=0.5).item()
    by_hand = (share(2, 0, 0) + share(4, 0, 4) + share(2, 4, 2) + share(4, 0, 2)) / 4
    assert loss == pytest.approx(by_hand)


def test_things_of_one_group_are_not_held_against_each_other() -> None:
    group = torch.tensor([7, 7])
    assert contrast_views(FIRST, SECOND, temperature=1.0, group=group).item() == 0.0
    third = torch.tensor([[-1.0, 0.0]])
    loss = contrast_views(
        torch.cat([FIRST, third]),
        torch.cat([SECOND, third]),
        temperature=1.0,
        group=torch.tensor([7, 7, 3]),
    )
    by_hand = (
        share(1, -1, -1)  # a0: b0 | both views of the third
        + share(2, 0, 0)
        + share(1, -1, -1)
        + share(2, 0, 0)
        + 2 * share(1, -1, 0, -1, 0)  # the third: itself | a0, a1, b0, b1
    ) / 6
    assert loss.item() == pytest.approx(by_hand)


def test_any_similarity_will_do() -> None:
    def nearness(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        return -torch.cdist(rows, columns).square()

    loss = contrast_views(FIRST, SECOND, temperature=1.0, similarity=nearness).item()
    by_hand = (share(-1, -5, -2) + share(-1, -5, -2) + share(-1, -2, -1) + share(-1, -2, -1)) / 4
    assert loss == pytest.approx(by_hand)


def test_rows_are_drawn_to_their_prototype_and_from_those_of_others() -> None:
    rows = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    prototypes = torch.tensor([[1.0, 0.0], [0.0, 3.0], [9.0, 9.0]])
    assigned = torch.tensor([0, 0, 1])
    # The first two share a prototype, so that each has the third's alone as a negative, and the
    # third has theirs twice. Nobody has the last one, so that it is no negative.
    by_hand = (share(1, 0) + share(2, 0) + share(3, 0, 0)) / 3
    loss = contrast_prototypes(rows, prototypes, assigned, temperature=1.0)
    assert loss.item() == pytest.approx(by_hand)


def draws() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_prototypes_are_the_means_of_what_lies_together() -> None:
    rows = torch.tensor([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 4.0]])
    found = fit_prototypes(rows, 2, draws())
    assert sorted(found.tolist()) == [[0.0, 1.0], [10.0, 2.0]]
    assert torch.equal(found, fit_prototypes(rows, 2, draws()))
    near = nearest_prototype(rows, found)
    assert torch.equal(found[near], torch.tensor([[0.0, 1.0], [0.0, 1.0], [10.0, 2.0], [10.0, 2]]))


def test_nearness_is_a_matter_of_distance_and_not_of_products() -> None:
    prototypes = torch.tensor([[1.0, 0.0], [5.0, 0.0]])
    assert nearest_prototype(torch.tensor([[2.0, 0.0]]), prototypes).tolist() == [0]


def test_more_prototypes_than_sequences_are_refused() -> None:
    rows = torch.tensor([[0.0], [1.0], [1.0]])
    with pytest.raises(ConfigError, match=r"of 3 sequences \(2 distinct .* ask for 2 or fewer"):
        fit_prototypes(rows, 3, draws())


def test_a_sequence_is_the_mean_of_its_items() -> None:
    states = torch.tensor([[[8.0], [1.0], [3.0]], [[8.0], [8.0], [8.0]]])
    means = mean_over_items(states, torch.tensor([[0, 5, 6], [0, 0, 0]]))
    assert means.tolist() == [[2.0], [0.0]]
