"""Small worlds for the adapters: taste in two halves, so that a model has something to learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recommender.retraining import Retrained
from simulator import simulate
from simulator.describe import describe
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


def check_fit(data: Dataset, fit: Callable[[Interactions], Recommender]) -> dict[str, object]:
    """What a recommender shows that a library fits to `two_tastes`, whatever its kind."""
    trained = np.arange(N_USERS - 1)
    made = fit(data.interactions)
    view = view_of(data, trained)
    shown = made.recommend(view)
    parts = [made.recommend(view_of(data, part)) for part in np.split(trained, [1, 20])]
    evens = trained[trained % 2 == 0]
    turned = Ragged.from_rows([[1, 3, 5, 7, 9, 11, 13]] * len(evens))
    stranger = view_of(data, np.array([N_USERS - 1]), Ragged.from_rows([[1, 3, 5]]))
    again = fit(data.interactions).recommend(view)
    return {
        "own taste": float(same_taste(view, shown).mean()),
        "seen shown": int(view.seen[trained, shown].sum()),
        "blocks matter": not np.array_equal(shown, np.concatenate(parts)),
        "fits alike": np.array_equal(shown, again),
        "turned with the clicks": float(
            (made.recommend(view_of(data, evens, turned)) % 2 == 1).mean()
        ),
        "for a stranger": int(made.recommend(stranger)[0]),
        "described": describe(made),
        "contract": check_contract(made),
    }


def check_loops(
    data: Dataset, fit: Callable[[Interactions], Recommender], *, every: int
) -> dict[str, object]:
    """Runs of the real loop over twice `every` rounds, as it is and fitted anew."""
    once, again = (
        simulate(data, recommender, Likes(), rounds=2 * every, users=np.arange(N_USERS - 1))
        for recommender in (
            fit(data.interactions),
            Retrained(fit, data.interactions, every=every),
        )
    )
    same = once.exposures["item"] == again.exposures["item"]
    early = once.exposures["round"] <= every
    return {
        "distinct": bool(once.exposures.groupby("user")["item"].nunique().eq(2 * every).all()),
        "click rate": float(once.exposures["clicked"].mean()),
        "same before the fit": bool(same[early].all()),
        "same after the fit": bool(same[~early].all()),
        "refits": again.cost["refits"],
    }
