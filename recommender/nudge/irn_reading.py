"""Sequences that grow at their end, read by IRN's network without reading their head again."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor

from recommender.nudge.irn_network import InfluentialNetwork
from recommender.sequence.encoder import Block
from recommender.sequence.windows import windows
from simulator.domain import IntArray, Ragged


class Reading:
    """What the network makes of sequences, item after item.

    Nothing looks ahead, so what each block was given at earlier positions never changes and is
    kept.

    Args:
        network: In evaluation mode.
        user: shape (n,).
        target: Catalogue rows, shape (n,).
        past: n histories, oldest first.

    Attributes:
        state: The network's output at the last position, shape (n, d).
    """

    def __init__(
        self, network: InfluentialNetwork, user: IntArray, target: IntArray, past: Ragged
    ) -> None:
        length = network.settings.encoder.max_length
        window = torch.from_numpy(windows(past, length).astype(np.int64))
        objective = torch.from_numpy(target.astype(np.int64))[:, None] + 1
        path = torch.ones((len(user), network.slots - length), dtype=torch.int64)
        self._network = network
        self._blocks = [cast(Block, block) for block in network.blocks]
        self._used = 1 + length
        self._mask = network.mask(
            torch.from_numpy(user.astype(np.int64)), torch.cat([window, path], dim=1)
        )
        states = torch.cat([network.embed(objective, 0), network.embed(window, 1)], dim=1)
        mask = self._mask[:, :, : self._used, : self._used]
        self._given = []
        for block in self._blocks:
            given = states.new_empty(len(user), 1 + network.slots, states.shape[-1])
            given[:, : self._used] = states
            self._given.append(given)
            states = block(states, mask)
        self.state: Tensor = states[:, -1]

    def append(self, item: IntArray) -> None:
        """Read one more item of each sequence: catalogue rows, shape (n,)."""
        ids = torch.from_numpy(item.astype(np.int64))[:, None] + 1
        state = self._network.embed(ids, self._used)[:, 0]
        self._used += 1
        mask = self._mask[:, :, self._used - 1 : self._used, : self._used]
        for block, given in zip(self._blocks, self._given, strict=True):
            given[:, self._used - 1] = state
            state = block.last(given[:, : self._used], mask)
        self.state = state
