"""Models of Cornac: some sixty published recommenders.

https://cornac.preferred.ai, A. Salah, Q.-T. Truong and H. W. Lauw, "Cornac: A Comparative
Framework for Multimodal Recommender Systems", JMLR 21(95), 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from recommender.adapters.library import LibraryRecommender, require_finite
from recommender.adapters.numbering import Numbering
from recommender.baselines import PopularItems
from simulator.domain import FloatArray, IntArray, Interactions
from simulator.errors import ConfigError, MissingExtraError
from simulator.interfaces import Recommender, RoundView
from simulator.search import ItemSearch

_TRIED = 3
_NOISE = 1e-4


class CornacRecommender(LibraryRecommender):
    """A fitted model of Cornac.

    Next-item models (GRU4Rec, SASRec) are given each user's present history, and so follow
    simulated clicks. All others answer with the user as of training time, since Cornac folds
    nothing in; `recommender.retraining.Retrained` fits them anew. Models that Cornac can search by
    vectors (matrix factorisation and its kin, LightGCN) are asked for all users at once, the rest
    one by one.

    Args:
        model: Fitted.
        user_ids: The ids under which it knows our users, in our order, such as `data.user_ids`.
        item_ids: The ids under which it knows our items, such as `data.catalogue.item_ids`.
        k: Items an episode.
        fallback: See `LibraryRecommender`.

    Raises:
        ConfigError: If the model predicts baskets, or is not fitted.
        DataError: If it knows none of the users, or none of the items.
    """

    def __init__(
        self,
        model: Any,
        user_ids: Sequence[object],
        item_ids: Sequence[object],
        *,
        k: int = 1,
        fallback: Recommender | None = None,
    ) -> None:
        super().__init__(len(item_ids), k=k, fallback=fallback)
        models = _cornac().models
        if isinstance(model, models.NextBasketRecommender):
            raise ConfigError(f"{model.name} predicts whole baskets, and a round shows items.")
        if model.uid_map is None:
            raise ConfigError(f"Cornac's {model.name} is not fitted; call its `fit` first.")
        self.model = model
        self._reads_history = isinstance(model, models.NextItemRecommender)
        ids = Numbering.of_ids(user_ids, item_ids, users=model.uid_map, items=model.iid_map)
        # Cornac numbers what only its test set holds from `num_users` and `num_items` on.
        self.numbering = Numbering(
            np.where(ids.user < model.num_users, ids.user, -1),
            np.where(ids.item < model.num_items, ids.item, -1),
        )
        self._products = None if self._reads_history else _as_products(model)

    def scores(self, view: RoundView) -> FloatArray:
        """The model's scores, shape (n, n_items)."""
        user = self.numbering.users(view.user)
        scores = self._of_histories(view, user) if self._reads_history else self._of_users(user)
        return self.numbering.columns(scores)

    def model_name(self) -> str:
        """Its name in Cornac."""
        return str(self.model.name)

    def _of_users(self, user: IntArray) -> FloatArray:
        if self._products is not None:
            scores = self._products.of(np.maximum(user, 0))
            scores[user < 0] = np.nan
            return scores
        scores = np.full((len(user), self.model.num_items), np.nan)
        for row in np.flatnonzero(user >= 0):
            scores[row] = _own_scores(self.model, int(user[row]))
        return scores

    def _of_histories(self, view: RoundView, user: IntArray) -> FloatArray:
        history = self.numbering.histories(view.history)
        scores = np.full((len(view), self.model.num_items), np.nan)
        for row in np.flatnonzero(history.lengths):
            scores[row] = _own_scores(self.model, int(user[row]), history[row].tolist())
        return scores


def fit_cornac(interactions: Interactions, model: Any, *, k: int = 1) -> CornacRecommender:
    """Fit a model of Cornac to interactions, and recommend with it.

    Each pair of user and item counts once, with its rating where there is one and with 1 otherwise.
    Where the model has no score, `PopularItems` recommends.

    Args:
        interactions: The training part of a log.
        model: A model of Cornac with its settings, such as `BPR(k=50, seed=7)`; a copy is fitted,
            so that the same interactions give the same recommender again.
        k: Items an episode.

    Raises:
        MissingExtraError: If Cornac is not installed.
    """
    cornac = _cornac()
    fitted, seed = model.clone(), getattr(model, "seed", None)
    user, item = interactions.user.tolist(), interactions.item.tolist()
    if isinstance(model, cornac.models.NextItemRecommender):
        time = interactions.time.tolist()
        rows = list(zip(user, user, item, time, strict=True))
        train = cornac.data.SequentialDataset.from_usit(rows, seed=seed)
    else:
        rating = interactions.rating
        value = [1.0] * len(user) if rating is None else rating.tolist()
        # The last of equal pairs is kept, where it was.
        pairs = {(u, i): r for u, i, r in zip(user, item, value, strict=True)}
        train = cornac.data.Dataset.from_uir([(u, i, r) for (u, i), r in pairs.items()], seed=seed)
    fitted.fit(train)
    return CornacRecommender(
        fitted,
        range(interactions.n_users),
        range(interactions.n_items),
        k=k,
        fallback=PopularItems(interactions),
    )


class _Products:
    """Vectors of users and items whose inner products rank as a model does."""

    def __init__(self, users: FloatArray, items: FloatArray) -> None:
        self._users, self._search = users, ItemSearch(items)

    def of(self, user: IntArray) -> FloatArray:
        """Scores of all items for the library's users, float32, shape (n, n_items)."""
        return self._search.products(self._users[user])

    def rank_as(self, model: Any) -> bool:
        """Whether the model's own scores of some users rise with the products.

        They do not for every model: EASE of Cornac 3.0.1 gives its item matrix the wrong way round.
        """
        for user in range(min(_TRIED, model.num_users)):
            own = _own_scores(model, user)
            rising = own[self.of(np.array([user]))[0].argsort(kind="stable")]
            if (np.diff(rising) < -_NOISE * np.ptp(own)).any():
                return False
        return True


def _as_products(model: Any) -> _Products | None:
    """The model as products, where Cornac can search it by vectors."""
    recommender = _cornac().models.recommender
    if not recommender.is_ann_supported(model):
        return None
    users = _dense(model.get_user_vectors())[: model.num_users]
    items = _dense(model.get_item_vectors())[: model.num_items]
    measure = model.get_vector_measure()
    if measure == recommender.MEASURE_COSINE:
        items = items / np.maximum(np.linalg.norm(items, axis=1, keepdims=True), 1e-12)
    elif measure == recommender.MEASURE_L2:
        # |u - i|^2 = |u|^2 - 2 (u . i - |i|^2 / 2), and |u| ranks nothing.
        users = np.column_stack([users, np.ones(len(users), dtype=np.float32)])
        items = np.column_stack([items, -(items**2).sum(axis=1) / 2])
    name = f"Cornac's {model.name}"
    products = _Products(require_finite(users, name), require_finite(items, name))
    return products if products.rank_as(model) else None


def _own_scores(model: Any, *asked: object) -> FloatArray:
    """What the model says itself, of a user or a history, float64, shape (num_items,)."""
    # Some answer in a row of their own, and some with what only a test set holds at the end.
    scores = np.ravel(np.asarray(model.score(*asked), dtype=np.float64))[: model.num_items]
    return require_finite(scores, f"Cornac's {model.name}")


def _dense(vectors: Any) -> FloatArray:
    dense = vectors.toarray() if hasattr(vectors, "toarray") else vectors
    return np.asarray(dense, dtype=np.float32)


def _cornac() -> ModuleType:
    try:
        return import_module("cornac")
    except ImportError:
        raise MissingExtraError("Cornac", "cornac", "CornacRecommender") from None
