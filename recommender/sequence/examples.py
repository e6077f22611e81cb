"""What a log gives to learn from: windows, what followed each position, and held-out items."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from recommender.sequence.objective import Batch, TrainingSequences
from recommender.sequence.settings import TrainingSettings
from recommender.sequence.windows import windows
from simulator.domain import IntArray, Interactions
from simulator.errors import ConfigError


class TrainingExamples:
    """A log without each user's last item, in windows; and those last items.

    Users with three interactions or more have their last one held out.

    Args:
        interactions: The training part of a log.
        length: Positions of a window.

    Attributes:
        sequences: What is learnt from.
        known: Histories of the users with a held-out item, without it.
        held_out: Those items, int32, shape (m,).

    Raises:
        ConfigError: If no user has three interactions.
    """

    def __init__(self, interactions: Interactions, length: int) -> None:
        histories = interactions.histories
        held = histories.lengths >= 3
        if not held.any():
            raise ConfigError(
                "A sequence model needs users with three interactions or more to learn from; "
                "load more interactions."
            )
        ends = histories.offsets[1:]
        rest = histories.slices(histories.offsets[:-1], ends - held)
        users = np.flatnonzero(rest.lengths >= 2).astype(np.int32)
        self.known = rest.take(np.flatnonzero(held))
        self.held_out: IntArray = histories.values[ends[held] - 1]
        self.sequences = TrainingSequences(rest, users, windows(rest.take(users), length))
        self._length = length

    def batches(
        self, settings: TrainingSettings, draws: torch.Generator, *, last_only: bool
    ) -> Iterator[Batch]:
        """One epoch, shuffled, in batches of about `settings.batch` windows.

        With `last_only`, `settings.prefixes` prefixes of each history, drawn anew. Else each
        user's newest window, and the history before it cut into windows at a place drawn anew.
        """
        if last_only:
            user, asked_until = self._prefixes(settings.prefixes, draws)
            asked_from = asked_until - 1
        else:
            user, asked_until = self._cuts(draws)
            first = self.sequences.histories.offsets[user] + 1
            asked_from = np.maximum(first, asked_until - self._length)
        order = torch.randperm(len(user), generator=draws).numpy()
        for part in np.array_split(order, max(1, round(len(order) / settings.batch))):
            windows, targets = self._read(user[part], asked_from[part], asked_until[part])
            yield Batch(
                users=torch.from_numpy(user[part].astype(np.int64)),
                windows=torch.from_numpy(windows.astype(np.int64)),
                targets=torch.from_numpy(targets.astype(np.int64)),
                last_only=last_only,
                draws=draws,
            )

    def _prefixes(self, each: int, draws: torch.Generator) -> tuple[IntArray, IntArray]:
        """Users, and where in the flat histories their items asked for end."""
        user = np.repeat(self.sequences.users, each)
        histories = self.sequences.histories
        share = torch.rand(len(user), generator=draws, dtype=torch.float64).numpy()
        choices = histories.lengths[user] - 1
        return user, histories.offsets[user] + 2 + (share * choices).astype(np.int64)

    def _cuts(self, draws: torch.Generator) -> tuple[IntArray, IntArray]:
        """Users, and where in the flat histories their windows of items asked for end."""
        users, histories = self.sequences.users, self.sequences.histories
        shift = torch.randint(1, self._length + 1, (len(users),), generator=draws).numpy()
        older = histories.lengths[users] - 1 - shift
        count = np.maximum(-(-older // self._length), 0)
        user = np.repeat(users, count)
        nth = np.arange(len(user)) - np.repeat(np.cumsum(count) - count, count)
        newest = histories.offsets[users + 1]
        until = np.repeat(newest - shift, count) - nth * self._length
        return np.concatenate([users, user]), np.concatenate([newest, until])

    def _read(
        self, user: IntArray, asked_from: IntArray, asked_until: IntArray
    ) -> tuple[IntArray, IntArray]:
        """Windows that end just before the items asked for do, and those items in their places."""
        histories = self.sequences.histories
        known = histories.slices(histories.offsets[user], asked_until - 1)
        asked = histories.slices(asked_from, asked_until)
        return windows(known, self._length), windows(asked, self._length)
