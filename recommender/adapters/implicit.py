"""Models of `implicit`: matrix factorisation and item-to-item neighbours on clicks alone.

https://github.com/benfred/implicit, by B. Frederickson.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recommender.adapters.library import LibraryRecommender, require_finite
from recommender.adapters.numbering import Numbering
from recommender.baselines import PopularItems
from simulator.domain import FloatArray, Interactions
from simulator.interfaces import Recommender, RoundView
from simulator.search import ItemSearch


class ImplicitRecommender(LibraryRecommender):
    """A fitted model of implicit.

    Alternating least squares and the item-to-item models fold each user's present history in, and
    so follow simulated clicks and answer for users they were not trained on. The others (Bayesian
    personalised ranking, logistic factorisation) answer with the user as of training time.

    Args:
        model: Fitted; one on a GPU is copied to the processor.
        numbering: Rows and columns of the matrix it was fitted to
            (`Numbering.of_ids(data.user_ids, data.catalogue.item_ids, users=..., items=...)`, with
            the ids in the matrix's order); None where they are our users and items.
        k: Items an episode.
        fallback: See `LibraryRecommender`.

    Raises:
        ConfigError: If the model's training has diverged.
        DataError: If the numbering is of another matrix.
    """

    def __init__(
        self,
        model: Any,
        numbering: Numbering | None = None,
        *,
        k: int = 1,
        fallback: Recommender | None = None,
    ) -> None:
        self._name = type(model).__name__
        self.model = model.to_cpu() if hasattr(model, "to_cpu") else model
        self._similarity = getattr(self.model, "similarity", None)
        if self._similarity is None:
            self._users = self._factors("user_factors")
            self._search = ItemSearch(self._factors("item_factors"))
            self._n_known = len(self._search)
            self._folds_in = _folds_in(self.model, self._n_known)
            numbering = numbering or Numbering.same(len(self._users), self._n_known)
            numbering.check(len(self._users), self._n_known)
        else:
            self._n_known = self._similarity.shape[0]
            # It knows no users, so their numbers are of no importance.
            numbering = numbering or Numbering.same(0, self._n_known)
            numbering.check(None, self._n_known)
        self.numbering = numbering
        super().__init__(numbering.n_items, k=k, fallback=fallback)

    def scores(self, view: RoundView) -> FloatArray:
        """The model's scores, shape (n, n_items)."""
        history = self.numbering.counts(view.history, self._n_known)
        known = np.diff(history.indptr) > 0
        if self._similarity is not None:
            scores = (history @ self._similarity).toarray()
        elif self._folds_in:
            scores = self._search.products(
                self.model.recalculate_user(np.arange(len(view)), history)
            )
        else:
            user = self.numbering.users(view.user)
            known = user >= 0
            scores = self._search.products(self._users[np.maximum(user, 0)])
        return self.numbering.columns(np.where(known[:, None], scores, np.nan))

    def model_name(self) -> str:
        """Its class in implicit."""
        return self._name

    def _factors(self, name: str) -> FloatArray:
        factors = np.asarray(getattr(self.model, name), dtype=np.float32)
        return require_finite(factors, f"implicit's {self._name}")


def fit_implicit(interactions: Interactions, model: Any, *, k: int = 1) -> ImplicitRecommender:
    """Fit a model of implicit to interactions, and recommend with it.

    An item counts as often as the user took it. Where the model has no score, `PopularItems`
    recommends.

    Args:
        interactions: The training part of a log.
        model: A model of implicit with its settings, such as
            `AlternatingLeastSquares(factors=64, random_state=7)`; a copy is fitted, so that the
            same interactions give the same recommender again. Stochastic gradient descent
            (`BayesianPersonalizedRanking`) repeats itself only with `num_threads=1`.
        k: Items an episode.
    """
    ones = np.ones(len(interactions), dtype=np.float32)
    matrix = csr_matrix(
        (ones, (interactions.user, interactions.item)),
        shape=(interactions.n_users, interactions.n_items),
    )
    fitted = copy.deepcopy(model)
    # implicit has threads of its own, and those of a BLAS inside them only slow it down.
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        # Its neighbours turn the matrix round by themselves, and complain of that.
        warnings.filterwarnings("ignore", message="Method expects CSR input")
        fitted.fit(matrix, show_progress=False)
    return ImplicitRecommender(
        fitted,
        Numbering.same(interactions.n_users, interactions.n_items),
        k=k,
        fallback=PopularItems(interactions),
    )


def _folds_in(model: Any, n_items: int) -> bool:
    try:
        nothing = csr_matrix(np.zeros((1, n_items), dtype=np.float32))
        model.recalculate_user(np.zeros(1, dtype=np.int32), nothing)
    except NotImplementedError:
        return False
    return True
