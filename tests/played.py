"""Short runs, views and their checks, for tests of recommenders."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.domain import Clicks, Dataset, Exposures
from simulator.interfaces import RoundView
from simulator.session import simulate


class Sometimes:
    """Clicks half of the time."""

    def decide(self, shown: Exposures) -> Clicks:
        return Clicks.from_probability(np.full(len(shown), 0.5), shown.draw, source="coin")


def liking(users: Any, items: Any) -> Any:
    return (7 * users + 3 * items) % 11


def play(data: Dataset, recommender: Any, **settings: Any) -> Any:
    return simulate(data, recommender, Sometimes(), **{"rounds": 4, "seed": 3, **settings})


def check_played(data: Dataset, run: Any, slate: int = 1) -> None:
    """Nothing was shown twice, or to somebody who had it."""
    rows = run.exposures
    assert len(rows) == data.n_users * 4 * slate
    assert not rows.duplicated(["user", "item"]).any()
    had = data.interactions.histories.mask(data.n_items)
    assert not had[rows["user"], rows["item"]].any()


def view_of(data: Dataset, users: Any, targets: int = 1) -> RoundView:
    """The start of a run for some users, each with so many targets."""
    user = np.repeat(np.asarray(users, dtype=np.int32), targets)
    history = data.interactions.histories.take(user)
    target = np.tile(np.arange(targets, dtype=np.int32), len(users))
    return RoundView(1, 0, user, target, history, history.mask(data.n_items))
