"""No-clicks to learn from: logged ones first, else low ratings, else items that are drawn.

A model that is trained beside drawn items learns how much likelier than the draw a click is, not
how likely. In a log of real exposures, item i would be passed over m times for each click; drawn,
it stands there r = n q(i) times, with n items drawn for each click by the probabilities q. So the
log-odds of a click among what is drawn are those among what is shown plus log(m / r): known before
training, for every user and item, and added to the model's own log-odds in the loss alone. Then the
model itself learns the odds on the real shelf, whatever the draw. (Case-control sampling: Prentice
and Pyke, Biometrika 1979; the correction of sampled softmax, Bengio and Senecal 2008, and its use
in recommenders, Yi et al., RecSys 2019, is the same term.)

What was shown is unknown in such a log, so the shelf is an assumption, and a named one: all items
that a user never took, evenly, as often as makes clicks the given share of what is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from simulator.domain import Dataset, ExposureLog, FloatArray, IntArray, Interactions
from simulator.errors import DataError
from simulator.seeding import generator
from simulator.training.settings import NegativeSettings

NoClicks: TypeAlias = Literal["logged no-clicks", "low ratings", "drawn items"]

_ROUNDS = 100
"""Times that items which their users had taken are drawn anew."""


@dataclass(frozen=True, eq=False)
class TrainingLog:
    """A data set whose log has clicks and no-clicks.

    Attributes:
        data: With a log.
        no_clicks: Where its no-clicks come from.
        offset: What to add to the log-odds of each log row in the loss, float64, shape (n,); None
            where nothing was drawn.
    """

    data: Dataset
    no_clicks: NoClicks
    offset: FloatArray | None = None


def with_no_clicks(
    data: Dataset, users: IntArray, settings: NegativeSettings, *, seed: int
) -> TrainingLog:
    """The data set as it is if its log has no-clicks, else with drawn ones.

    Args:
        data: Any.
        users: Training users; drawn no-clicks are theirs, and popularity is counted over them.
        settings: How to draw.
        seed: Of the draw, and of the order of each user's interactions where the source has no
            times: without an order nobody would have a history.

    Raises:
        DataError: If nothing can be drawn: no interactions, or users who have taken everything.
    """
    if data.log is not None:
        return TrainingLog(data, "logged no-clicks" if data.log.observed else "low ratings")
    past = data.interactions.take(np.isin(data.interactions.user, users))
    if not len(past):
        raise DataError(f"Data set {data.name!r} has no interactions of training users.")
    if past.time.min() == past.time.max():
        data = replace(data, interactions=_in_drawn_order(data.interactions, seed))
        past = data.interactions.take(np.isin(data.interactions.user, users))
    taken = np.unique(_key(past.user, past.item, data.n_items))
    weight = np.bincount(past.item, minlength=data.n_items).astype(np.float64) ** settings.alpha
    positive = np.repeat(np.arange(len(past)), settings.per_click)
    item = _drawn(past.user[positive], weight, taken, seed)
    kept = item >= 0
    if not kept.any():
        raise DataError("Every user has taken every item, so there is nothing to draw.")
    owner = np.concatenate([np.arange(len(past)), positive[kept]])
    log = ExposureLog(
        user=past.user[owner],
        item=np.concatenate([past.item, item[kept]]).astype(np.int32),
        time=past.time[owner],
        position=np.full(len(owner), -1, dtype=np.int32),
        clicked=np.arange(len(owner)) < len(past),
        observed=False,
    )
    offset = _offset(log, weight, taken, settings)
    return TrainingLog(replace(data, log=log), "drawn items", offset)


def _in_drawn_order(past: Interactions, seed: int) -> Interactions:
    """Each user's interactions one after the other, in an order drawn by seed."""
    turn = generator(seed, "order of the untimed").random(len(past))
    ranked = np.lexsort((turn, past.user))
    time = np.empty(len(past), dtype=np.int64)
    time[ranked] = np.arange(len(past)) - past.offsets[past.user]
    return Interactions.from_columns(
        past.user, past.item, time, past.rating, n_users=past.n_users, n_items=past.n_items
    )


def _drawn(user: IntArray, weight: FloatArray, taken: IntArray, seed: int) -> IntArray:
    """An item for each user that the user never took, shape (n,); -1 where none was found."""
    rng = generator(seed, "drawn no-clicks")
    edges = np.cumsum(weight)
    item = np.full(len(user), -1, dtype=np.int64)
    left = np.arange(len(user))
    for _ in range(_ROUNDS):
        found = np.searchsorted(edges, rng.random(len(left)) * edges[-1], side="right")
        free = ~np.isin(_key(user[left], found, len(weight)), taken)
        item[left[free]] = found[free]
        left = left[~free]
        if not len(left):
            break
    return item


def _offset(
    log: ExposureLog, weight: FloatArray, taken: IntArray, settings: NegativeSettings
) -> FloatArray:
    """log(m / r) of each row, shape (n,); see the module's docstring."""
    n_items = len(weight)
    user, item = taken // n_items, taken % n_items
    n_users = int(log.user.max()) + 1
    free = n_items - np.bincount(user, minlength=n_users)
    total = weight.sum() - np.bincount(user, weights=weight[item], minlength=n_users)
    shelf = (1 - settings.click_rate) / settings.click_rate / np.maximum(free, 1)
    least = weight[weight > 0].min()
    rate = settings.per_click * weight[log.item] / np.maximum(total, least)[log.user]
    return np.asarray(np.log(shelf[log.user]) - np.log(rate))


def _key(user: IntArray, item: IntArray, n_items: int) -> IntArray:
    """One number for each (user, item)."""
    return np.asarray(user.astype(np.int64) * n_items + item)
