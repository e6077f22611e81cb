"""Pipelines of LensKit.

https://lenskit.org, M. D. Ekstrand, "LensKit for Python: Next-Generation Software for Recommender
Systems Experiments", CIKM 2020. Written for LensKit 2025.8.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from recommender.adapters.library import LibraryRecommender
from recommender.adapters.numbering import Numbering
from recommender.baselines import PopularItems
from simulator.domain import FloatArray, Interactions
from simulator.errors import MissingExtraError
from simulator.interfaces import Recommender, RoundView


class LensKitRecommender(LibraryRecommender):
    """A trained pipeline of LensKit, asked through its own batch runner.

    Each query brings the user's id, the present history and the unseen items as candidates, so
    scorers that read a query's history (alternating least squares, the nearest neighbours, EASE,
    SLIM) follow simulated clicks and answer for users they were not trained on. Rankers and
    rerankers of the pipeline do their work; its candidate selector is not asked.

    Args:
        pipeline: Trained, with a component called "recommender".
        dataset: The LensKit data set that it was trained on, for its ids.
        user_ids: The ids under which it knows our users, in our order, such as `data.user_ids`.
        item_ids: The ids under which it knows our items, such as `data.catalogue.item_ids`.
        k: Items an episode.
        fallback: See `LibraryRecommender`.
        fold_in: Whether queries bring the present history. Without it the pipeline looks up the
            history of training time, with its ratings: what a scorer of ratings needs.

    Raises:
        DataError: If it knows none of the users, or none of the items.
        MissingExtraError: If LensKit is not installed.
    """

    def __init__(
        self,
        pipeline: Any,
        dataset: Any,
        user_ids: Sequence[object],
        item_ids: Sequence[object],
        *,
        k: int = 1,
        fallback: Recommender | None = None,
        fold_in: bool = True,
    ) -> None:
        super().__init__(len(item_ids), k=k, fallback=fallback)
        _lenskit("lenskit")
        self.pipeline, self._items, self._fold_in = pipeline, dataset.items, fold_in
        self._user_ids = dataset.users.ids().tolist()
        self.numbering = Numbering.of_ids(
            user_ids, item_ids, users=self._user_ids, items=dataset.items.ids().tolist()
        )

    def scores(self, view: RoundView) -> FloatArray:
        """The pipeline's first k from k down to 1, NaN elsewhere; shape (n, n_items)."""
        batch = _lenskit("lenskit.batch")
        runner = batch.BatchPipelineRunner(n_jobs=1)
        runner.add_invocation(
            batch.InvocationSpec(
                "recommend", {"recommender": "items"}, "test-items", extra_inputs={"n": self.k}
            )
        )
        scores = np.full((len(view), len(self._items)), np.nan)
        queries = list(self._queries(view))
        if queries:
            for key, items in runner.run(self.pipeline, queries).output("items").items():
                best = items.numbers(vocabulary=self._items)[: self.k]
                scores[int(key.query_id), best] = np.arange(self.k, self.k - len(best), -1)
        return self.numbering.columns(scores)

    def model_name(self) -> str:
        """The pipeline's name, or its scorer's class."""
        return str(self.pipeline.name or type(self.pipeline.component("scorer")).__name__)

    def _queries(self, view: RoundView) -> Iterator[tuple[Any, Any]]:
        """A query and its candidates for each row of which something is known."""
        data = _lenskit("lenskit.data")
        users = self.numbering.users(view.user)
        histories = self.numbering.histories(view.history)
        for row, user in enumerate(users.tolist()):
            # LensKit's histories hold an item once, at its first place here.
            past = np.array(list(dict.fromkeys(histories[row].tolist())), dtype=np.int32)
            read = self._fold_in and len(past) > 0
            if user < 0 and not read:
                continue
            query = data.RecQuery(
                user_id=self._user_ids[user] if user >= 0 else None,
                history_items=data.ItemList(item_nums=past, vocabulary=self._items)
                if read
                else None,
                query_id=row,
            )
            unseen = self.numbering.item[~view.seen[row] & (self.numbering.item >= 0)]
            candidates = np.sort(unseen).astype(np.int32)
            yield query, data.ItemList(item_nums=candidates, vocabulary=self._items)


def fit_lenskit(
    interactions: Interactions, scorer: Any, *, k: int = 1, seed: int = 0
) -> LensKitRecommender:
    """Train a top-n pipeline around a scorer of LensKit, and recommend with it.

    Each pair of user and item counts once, the last time. Ratings are left out, so that a click in
    the simulation is what an interaction was in training. Where the scorer has no score,
    `PopularItems` recommends.

    Args:
        interactions: The training part of a log.
        scorer: With its settings, such as `ImplicitMFScorer(embedding_size=32)`; a copy is trained,
            so that the same interactions give the same recommender again.
        k: Items an episode.
        seed: Of the training.

    Raises:
        MissingExtraError: If LensKit is not installed.
    """
    columns = {name: getattr(interactions, name) for name in ("user", "item", "time")}
    table = pd.DataFrame(columns).drop_duplicates(["user", "item"], keep="last")
    table.columns = pd.Index(["user_id", "item_id", "timestamp"])
    dataset = _lenskit("lenskit.data").from_interactions_df(table)
    pipeline = _lenskit("lenskit.pipeline").topn_pipeline(copy.deepcopy(scorer))
    pipeline.train(dataset, _lenskit("lenskit.training").TrainingOptions(rng=seed))
    return LensKitRecommender(
        pipeline,
        dataset,
        range(interactions.n_users),
        range(interactions.n_items),
        k=k,
        fallback=PopularItems(interactions),
    )


def _lenskit(module: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtraError("LensKit", "lenskit", "LensKitRecommender") from None
