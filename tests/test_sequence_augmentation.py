"""Crop, mask and reorder: what each keeps, and that it is drawn anew for each sequence."""

from collections.abc import Callable

import pytest
import torch

from recommender.sequence.augmentation import Augmentation, crop, mask, reorder
from simulator.errors import ConfigError

Function = Callable[[torch.Tensor, float, torch.Generator], torch.Tensor]

# Lengths 10, 5, 1 and 0, in a window of 10.
WINDOWS = torch.tensor(
    [
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        [0, 0, 0, 0, 0, 11, 12, 13, 14, 15],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 16],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def many(function: Function, share: float, row: int) -> set[tuple[int, ...]]:
    """Every outcome for one sequence in 400 draws."""
    repeated = WINDOWS[row].repeat(400, 1)
    return {tuple(outcome) for outcome in function(repeated, share, draws()).tolist()}


def test_a_crop_is_a_run_at_the_right_end() -> None:
    assert many(crop, 0.6, 1) == {
        (0,) * 7 + run for run in ((11, 12, 13), (12, 13, 14), (13, 14, 15))
    }
    assert len(many(crop, 0.6, 0)) == 5
    assert many(crop, 1.0, 1) == {tuple(WINDOWS[1].tolist())}
    # At least one item, of a sequence that has any.
    assert many(crop, 0.6, 2) == {tuple(WINDOWS[2].tolist())}
    assert many(crop, 0.6, 3) == {(0,) * 10}


def test_a_mask_hides_a_share_of_items_in_place() -> None:
    hidden = many(mask, 0.4, 1)
    assert len(hidden) == 10  # 2 of 5
    for outcome in hidden:
        assert sum(item > 0 for item in outcome) == 3
        assert all(
            item in (0, kept) for item, kept in zip(outcome, WINDOWS[1].tolist(), strict=True)
        )
    assert many(mask, 0.4, 2) == {tuple(WINDOWS[2].tolist())}
    assert many(mask, 0.4, 3) == {(0,) * 10}


def test_a_reordering_shuffles_one_run() -> None:
    outcomes = many(reorder, 0.6, 1)
    # Runs of 3 at three places have 6 orders each; the two that swap (12, 13) or (13, 14) alone,
    # and the one that changes nothing, are met more than once.
    assert len(outcomes) == 14
    for outcome in outcomes:
        assert sorted(outcome) == WINDOWS[1].tolist()
        moved = [at for at, kept in enumerate(WINDOWS[1].tolist()) if outcome[at] != kept]
        assert not moved or moved[-1] - moved[0] < 3
    assert many(reorder, 0.0, 0) == {tuple(WINDOWS[0].tolist())}
    assert len(many(reorder, 1.0, 2)) == 1


def test_views_are_all_three_kinds_and_differ_from_row_to_row() -> None:
    views = Augmentation().view(WINDOWS[0].repeat(300, 1), draws())
    kinds = {
        "crop": (views[:, :4] == 0).all(1),
        "mask": (views == 0).sum(1) == 3,
        "reorder": views.sort(1).values.eq(WINDOWS[0]).all(1),
    }
    assert {name for name, rows in kinds.items() if 70 < rows.sum() < 130} == set(kinds)
    again = Augmentation().view(WINDOWS[0].repeat(300, 1), draws())
    assert torch.equal(views, again)
    assert not torch.equal(views, Augmentation().view(WINDOWS[0].repeat(300, 1), draws(1)))


def test_two_views_are_two_of_each_sequence() -> None:
    first, second = Augmentation().two_views(WINDOWS, draws()).chunk(2)
    assert first.shape == second.shape == WINDOWS.shape
    assert not torch.equal(first, second)
    for view in (first, second):
        for items, known in zip(view.tolist(), WINDOWS.tolist(), strict=True):
            assert set(items) <= {0, *known}


@pytest.mark.parametrize(
    ("name", "value"),
    [("crop", 0.0), ("crop", 1.1), ("mask", 1.0), ("mask", -0.1), ("reorder", 1.1),
     ("reorder", float("nan"))],
)  # fmt: skip
def test_shares_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"Augmentation\.{name}"):
        Augmentation(**{name: value})
