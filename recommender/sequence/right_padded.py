"""The released code's slip in reading short histories, kept to replay its runs."""

from __future__ import annotations

import numpy as np

from recommender.sequence.model import SequenceModel
from recommender.sequence.windows import windows
from simulator.describe import describe
from simulator.domain import FloatArray, IntArray, Ragged
from simulator.interfaces import RoundView


class RightPadded:
    """A sequence model that is shown short histories filled up on the right.

    ITMPRec's released code pads on the left in training and on the right in evaluation: a window
    is the history a run starts from, then padding, then the items accepted since; the encoder is
    read at its last place, which is padding until the first click.

    Args:
        model: Trained with padding on the left.
        histories: Every user's items before the run.
    """

    def __init__(self, model: SequenceModel, histories: Ragged) -> None:
        self.model = model
        self.items: FloatArray = model.items
        self._started: IntArray = histories.lengths

    def users(self, view: RoundView) -> FloatArray:
        """f_u, float32, shape (n, d)."""
        return self.model.encode_windows(self.windows(view), view)

    def windows(self, view: RoundView) -> IntArray:
        """What the encoder reads: item ids (catalogue row + 1), 0 for padding, shape (n, L)."""
        length = self.model.encoder.settings.max_length
        starts, ends = view.history.offsets[:-1], view.history.offsets[1:]
        turn = starts + self._started[view.user]
        at_first = windows(view.history.slices(starts, turn), length)
        # On the left a short window begins with its zeros; move them behind the items.
        short = (at_first == 0).sum(axis=1)
        accepted = ends - turn
        place = np.arange(length) + accepted[:, None]
        from_first = np.take_along_axis(at_first, (place + short[:, None]) % length, axis=1)
        since = windows(view.history.slices(turn, ends), length)
        return np.where(place < length, from_first, since)

    def describe(self) -> str:
        """What the recommender scores with."""
        return f"RightPadded({describe(self.model)})"
