"""Estimate how a user reads a slate from the top, by expectation-maximisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.clicks.examination_cascade import check_slates
from simulator.clicks.shrinkage import overall_rate, prior_strength, shrunk, sums
from simulator.domain import BoolArray, Exposures, FloatArray
from simulator.errors import DataError

_STEPS = 1_000
_STILL = 1e-5
"""It ends when no chance to go on moves further than this in a step."""


@dataclass(frozen=True, eq=False)
class CascadeFit:
    """What a log of slates tells of reading from the top.

    Attributes:
        trial: P(examined) of each row in the light of its slate's clicks, shape (n,).
        after_click: P(going on to the next place) by position, shape (k,); 0 at the last.
        after_no_click: Likewise.
        examined: P(examined) by position, the mean over slates, shape (k,).
    """

    trial: FloatArray
    after_click: FloatArray
    after_no_click: FloatArray
    examined: FloatArray


def fit_cascade(shown: Exposures, clicked: BoolArray) -> CascadeFit:
    """Fit the chances to go on, and with them the items' attraction.

    Whether a place was examined is hidden below the last click, and a two-state chain: its
    expectation is one pass up and one pass down a slate (Chapelle and Zhang, WWW 2009, Appendix),
    here over all slates at once. The items' attraction is shrunk in each step, by the strength that
    their plain click rates ask for; else an item that few have seen could explain away any place.

    Args:
        shown: n logged exposures; the rows of a slate together, from position 0 on.
        clicked: What the users did, shape (n,).

    Raises:
        DataError: If all slates are of one item, or nothing was clicked.
        ConfigError: If a slate is in pieces.
    """
    check_slates(shown)
    places = int(shown.position.max()) + 1
    if places == 1 or not clicked.any():
        raise DataError(
            "A cascade is fitted to slates with clicks, and in this log "
            f"{'every slate is of one item' if places == 1 else 'nothing was clicked'}."
        )
    slates = _Slates(shown, clicked)
    _, item = np.unique(shown.item, return_inverse=True)
    items = int(item.max()) + 1
    trial: FloatArray = np.ones(len(shown))
    clicks = sums(item, clicked, items)
    strength = prior_strength(sums(item, trial, items), clicks)
    on_click, on_none = np.full((2, places), 0.5)
    attraction: FloatArray = np.zeros(items)
    for _ in range(_STEPS):
        trials = sums(item, trial, items)
        attraction = shrunk(trials, clicks, overall_rate(trials, clicks), strength)
        examined = slates.examined(attraction[item], on_click, on_none)
        trial = examined[slates.present]
        before = on_click, on_none
        on_click, on_none = slates.went_on(examined)
        moved = np.abs(np.array([on_click, on_none]) - np.array(before)).max()
        if moved < _STILL:
            break
    return CascadeFit(trial, on_click, on_none, slates.reached(attraction[item], on_click, on_none))


class _Slates:
    """A log as a table, a row a slate, a column a place."""

    def __init__(self, shown: Exposures, clicked: BoolArray) -> None:
        slate = np.cumsum(shown.position == 0) - 1
        shape = int(slate[-1]) + 1, int(shown.position.max()) + 1
        self.present = np.zeros(shape, dtype=bool)
        self.present[slate, shown.position] = True
        self.clicked = np.zeros(shape, dtype=bool)
        self.clicked[self.present] = clicked
        self.last = np.where(
            self.clicked.any(axis=1), shape[1] - 1 - self.clicked[:, ::-1].argmax(axis=1), 0
        )

    def examined(
        self, attraction: FloatArray, on_click: FloatArray, on_none: FloatArray
    ) -> FloatArray:
        """P(examined | the slate's clicks), shape (slates, k); 0 where there is no place."""
        going = np.where(self.clicked, on_click, on_none)
        # Reading on and not clicking there; what is not there cannot be read.
        unclicked = np.where(self.present, 1.0 - self._table(attraction), 0.0)
        silence = np.ones(self.present.shape)
        for place in range(silence.shape[1] - 2, -1, -1):
            on = going[:, place] * unclicked[:, place + 1] * silence[:, place + 1]
            silent = (1.0 - going[:, place]) + on
            silence[:, place] = np.where(self.present[:, place + 1], silent, 1.0)
        examined = np.zeros(self.present.shape)
        examined[:, 0] = 1.0
        for place in range(silence.shape[1] - 1):
            on = going[:, place] * unclicked[:, place + 1] * silence[:, place + 1]
            below = examined[:, place] * on / np.maximum(silence[:, place], 1e-300)
            examined[:, place + 1] = np.where(place + 1 <= self.last, 1.0, below)
        return np.where(self.present, examined, 0.0)

    def went_on(self, examined: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(going on) after a click and after none, by position; 0 where nobody could."""
        could = examined[:, :-1] * self.present[:, 1:]
        out = np.zeros((2, examined.shape[1]))
        for row, those in zip(out, (self.clicked[:, :-1], ~self.clicked[:, :-1]), strict=True):
            reached = (could * those).sum(axis=0)
            went = (examined[:, 1:] * those).sum(axis=0)
            row[:-1] = np.where(reached > 0, went / np.maximum(reached, 1e-300), 0.0)
        return out[0], out[1]

    def reached(
        self, attraction: FloatArray, on_click: FloatArray, on_none: FloatArray
    ) -> FloatArray:
        """P(examined) by position before any click is known, the mean over the slates there."""
        alpha = self._table(attraction)
        step = alpha * on_click + (1.0 - alpha) * on_none
        chance = np.ones(self.present.shape)
        chance[:, 1:] = np.cumprod(step[:, :-1], axis=1)
        return np.asarray((chance * self.present).sum(axis=0) / self.present.sum(axis=0))

    def _table(self, column: FloatArray) -> FloatArray:
        out: FloatArray = np.zeros(self.present.shape)
        out[self.present] = column
        return out
