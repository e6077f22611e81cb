"""Small worlds for the adapters: taste in two halves, so that a model has something to learn."""

from __future__ import annotations

import numpy as np

from simulator.domain import Catalogue, Clicks, Dataset, Exposures, Interactions, Ragged
from simulator.interfaces import Recommender, RoundView
from simulator.testing import RecommenderContract

N_USERS, N_ITEMS = 60, 40


def two_tastes(n_users: int = N_USERS, n_items: int = N_ITEMS) -> Dataset:
    """Even users like even items, odd users odd ones; the last item and user took part in nothing.

    Ids say nothing about rows: they are shuffled, and do not begin at 0.
    """
    generator = np.random.default_rng(3)
    rows = []
    for user in range(n_users - 1):
        own = np.arange(user % 2, n_items - 1, 2)
        rows += [(user, item, place) for place, item in enumerate(generator.permutation(own)[:8])]
    user, item, time = np.array(rows).T
    return Dataset(
        name="two-tastes",
        catalogue=Catalogue(
            item_ids=[f"item-{k}" for k in generator.permutation(n_items) + 100],
            titles=[f"Film {k}" for k in range(n_items)],
            categories=[()] * n_items,
        ),
        interactions=Interactions.from_columns(user, item, time, n_users=n_users, n_items=n_items),
        user_ids=[f"user-{k}" for k in generator.permutation(n_users) + 500],
    )


def view_of(data: Dataset, user: np.ndarray, history: Ragged | None = None) -> RoundView:
    """Users at the start of a run, or with other histories than their own."""
    history = data.interactions.histories.take(user) if history is None else history
    return RoundView(
        round=1,
        seed=0,
        user=user.astype(np.int32),
        target=np.full(len(user), -1, dtype=np.int32),
        history=history,
        seen=history.mask(data.n_items),
    )


def same_taste(view: RoundView, shown: np.ndarray) -> np.ndarray:
    """Whether each shown item is of the user's own half."""
    return np.asarray(shown % 2 == view.user % 2)


class Likes:
    """Users click what is of their own half, for the most part."""

    def decide(self, shown: Exposures) -> Clicks:
        liked = np.where(shown.item % 2 == shown.user % 2, 0.9, 0.1).astype(np.float32)
        return Clicks.from_probability(liked, shown.draw, source="taste")


def check_contract(made: Recommender) -> list[str]:
    """The names of the contract's checks, each of which this recommender has passed."""

    class Checked(RecommenderContract):
        def data(self) -> Dataset:
            return two_tastes()

        def recommender(self, data: Dataset) -> Recommender:
            return made

    names = [name for name in dir(Checked) if name.startswith("test_")]
    for name in names:
        getattr(Checked(), name)()
    return names
