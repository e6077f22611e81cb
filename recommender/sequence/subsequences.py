"""Subsequences with the same next item, which ICSRec takes for the same intention."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from simulator.domain import Ragged


class Subsequences:
    """Every subsequence of a log, found by the item that came next.

    Cutting each history before each of its items but the first gives all pairs of a subsequence
    and its next item (ICSRec's dynamic segmentation); a subsequence has the newest `length` items
    before the cut.

    Args:
        histories: Catalogue rows, oldest first.
        length: Positions of a window.
    """

    def __init__(self, histories: Ragged, length: int) -> None:
        owner = np.repeat(np.arange(len(histories)), histories.lengths)
        begin = histories.offsets[:-1][owner]
        cuts = np.flatnonzero(np.arange(len(owner)) > begin)
        by_item = cuts[np.argsort(histories.values[cuts], kind="stable")]
        counts = np.bincount(histories.values[cuts])
        self._length = length
        self._owner = torch.from_numpy(owner)
        self._begin = torch.from_numpy(begin)
        # Zeros in front, so that a window may reach back before the first item of all.
        ids = np.concatenate([np.zeros(length, dtype=np.int64), histories.values + 1])
        self._ids = torch.from_numpy(ids)
        self._cuts = torch.from_numpy(by_item)
        self._counts = torch.from_numpy(counts)
        self._first = torch.from_numpy(np.cumsum(counts) - counts)

    def before(self, targets: Tensor, users: Tensor, draws: torch.Generator) -> Tensor:
        """For each next item one of its subsequences at random, another user's if there is one.

        Args:
            targets: Item ids (row + 1) that came next after something in the log, shape (n,).
            users: Whose own subsequences to avoid, shape (n,).
            draws: For the choice.

        Returns:
            Item ids, 0 on the left, int64, shape (n, length).
        """
        first, count = self._first[targets - 1], self._counts[targets - 1]
        lot = torch.rand(len(targets), generator=draws, dtype=torch.float64)
        chosen = (lot * count).long().minimum(count - 1)
        own = self._owner[self._cuts[first + chosen]] == users
        # The next one round; of an item taken only once that is the user's own again.
        cuts = self._cuts[first + (chosen + own) % count]
        places = cuts[:, None] + torch.arange(-self._length, 0)
        return self._ids[places + self._length].where(places >= self._begin[cuts][:, None], 0)
