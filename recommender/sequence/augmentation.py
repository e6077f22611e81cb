"""Stochastic views of sequences for contrastive learning: crop, mask, reorder.

Xie, Sun, Liu, Wu, Gao, Zhang, Ding and Cui, "Contrastive learning for sequential recommendation",
ICDE 2022 (CL4SRec). All functions take windows of item ids, int64, shape (n, L), padded with 0 on
the left, and answer in the same shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from simulator.errors import ConfigError


@dataclass(frozen=True)
class Augmentation:
    """A view is a crop, a mask or a reordering of the sequence, drawn for each sequence anew.

    Attributes:
        crop: Share of a sequence that a crop keeps, in (0, 1].
        mask: Share of the items that a mask hides, in [0, 1).
        reorder: Length of the shuffled part as a share of the sequence, in [0, 1].

    Raises:
        ConfigError: If a share is out of range.
    """

    crop: float = 0.6
    mask: float = 0.3
    reorder: float = 0.6

    def __post_init__(self) -> None:
        # Written so that NaN fails too.
        for name, valid, span in (
            ("crop", 0 < self.crop <= 1, "(0, 1]"),
            ("mask", 0 <= self.mask < 1, "[0, 1)"),
            ("reorder", 0 <= self.reorder <= 1, "[0, 1]"),
        ):
            if not valid:
                raise ConfigError(f"Augmentation.{name}={getattr(self, name)} must lie in {span}.")

    def two_views(self, windows: Tensor, draws: torch.Generator) -> Tensor:
        """One view of each sequence, then another of each, shape (2n, L)."""
        return torch.cat([self.view(windows, draws), self.view(windows, draws)])

    def view(self, windows: Tensor, draws: torch.Generator) -> Tensor:
        """One random view of each sequence, shape (n, L)."""
        views = torch.stack(
            [
                crop(windows, self.crop, draws),
                mask(windows, self.mask, draws),
                reorder(windows, self.reorder, draws),
            ]
        )
        chosen = torch.randint(len(views), (len(windows),), generator=draws)
        return views[chosen, torch.arange(len(windows))]


def crop(windows: Tensor, share: float, draws: torch.Generator) -> Tensor:
    """A random run of `floor(share * length)` items, at least one, moved to the right end."""
    length = _lengths(windows)
    kept = (share * length).floor().long().clamp(min=1)
    first = _below(length - kept + 1, draws)
    place = torch.arange(windows.shape[1])
    # The run ends `moved` places before the window's end.
    moved = (length - kept - first)[:, None]
    moved_up = windows.gather(1, (place - moved).clamp(min=0))
    return moved_up.where(place >= windows.shape[1] - kept[:, None], 0)


def mask(windows: Tensor, share: float, draws: torch.Generator) -> Tensor:
    """`floor(share * length)` random items become padding: nothing attends to them.

    The paper puts a special item in their place; the encoder has none, and what matters is kept:
    the other items stay at their positions and these are hidden.
    """
    hidden = (share * _lengths(windows)).floor().long()
    lot = _uniforms(windows.shape, draws).masked_fill(windows == 0, torch.inf)
    return windows.masked_fill(lot.argsort(1).argsort(1) < hidden[:, None], 0)


def reorder(windows: Tensor, share: float, draws: torch.Generator) -> Tensor:
    """A random run of `floor(share * length)` items is shuffled in its place."""
    length = _lengths(windows)
    shuffled = (share * length).floor().long()
    first = (windows.shape[1] - length + _below(length - shuffled + 1, draws))[:, None]
    last = first + shuffled[:, None]
    place = torch.arange(windows.shape[1]).expand(windows.shape)
    inside = (place >= first) & (place < last)
    # Inside, a key anywhere in the run; outside, its own place, which no key inside reaches.
    key = torch.where(inside, first + shuffled[:, None] * _uniforms(windows.shape, draws), place)
    # A key of the run's end may round up to the next place: the stable sort keeps that one behind.
    return windows.gather(1, key.argsort(stable=True, dim=1))


def _lengths(windows: Tensor) -> Tensor:
    return (windows != 0).sum(1)


def _uniforms(shape: torch.Size, draws: torch.Generator) -> Tensor:
    # In float64, so that two of a sequence's are never equal.
    return torch.rand(shape, generator=draws, dtype=torch.float64)


def _below(ends: Tensor, draws: torch.Generator) -> Tensor:
    """A random integer in 0 .. end - 1 for each end (1 or more)."""
    return (ends * _uniforms(ends.shape, draws)).long().minimum(ends - 1)
