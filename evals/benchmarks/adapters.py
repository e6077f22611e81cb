"""Each adapter's loop on ML-100k: ten rounds of distribution clicks and of the agent's, as a table.

    python -m evals.benchmarks.adapters [--data ml-100k] [--agent-users 100]

Prints a Markdown row for each recommender whose library is installed; run it once more with the
Python of an environment that has LensKit or RecBole, with `--only LensKit` or `--only RecBole`, for
the others. HR is clicks a user and round. Fitted anew: after every third round, on the log and the
clicks so far. The distribution model decides for all users, the agent for some; both start from the
same histories and draw the same luck.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from evals.metrics import hit_rate
from recommender import PopularItems, RandomItems
from recommender.adapters import (
    ByIds,
    Predictor,
    fit_cornac,
    fit_implicit,
    fit_lenskit,
    fit_recbole,
)
from recommender.retraining import Retrained
from recommender.top_k import TopK
from simulator.clicks import DistributionClicks
from simulator.config import RunConfig
from simulator.domain import IntArray, Interactions
from simulator.experiment import World, build_world, open_agent
from simulator.interfaces import ClickModel, Recommender
from simulator.seeding import sample_rows
from simulator.session import simulate

Fit = Callable[[Interactions], Recommender]
_EVERY = 3
_RECBOLE = {"train_batch_size": 2048, "embedding_size": 32}
_SEQUENCE = {
    "train_neg_sample_args": None,
    "MAX_ITEM_LIST_LENGTH": 10,
    "hidden_size": 32,
    "epochs": 2,
    "learning_rate": 0.01,
}


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--agent-users", type=int, default=100)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--engine", default="transformers")
    parser.add_argument("--only", default="", help="a part of the names in the first column")
    asked = parser.parse_args()
    world = build_world(RunConfig.read(None, {"data": asked.data}), lambda _: None)
    everyone = np.arange(world.data.n_users, dtype=np.int32)
    few = sample_rows(0, "adapters benchmark", len(everyone), asked.agent_users)
    print(_HEADER)
    with closing(
        open_agent(asked.model, domain=world.data.catalogue.domain, engine=asked.engine)
    ) as agent:
        models: tuple[tuple[ClickModel, IntArray], ...] = (
            (DistributionClicks.preset("released-code"), everyone),
            (agent, everyone[few]),
        )
        for name, (library, fit, folds_in) in _loops(world).items():
            if asked.only.lower() not in name.lower():
                continue
            if find_spec(library) is None:
                print(f"| {name} | not installed here |")
                continue
            began = time.perf_counter()
            first = fit(world.data.interactions)
            seconds = time.perf_counter() - began
            cells = [f"{seconds:.1f}"]
            for clicks, users in models:
                cells += _hit_rates(world, fit, first, clicks, users, asked.rounds)
            print(f"| {name} | {folds_in} | {' | '.join(cells)} |", flush=True)


_HEADER = (
    "| recommender | follows clicks | fit, s | HR distribution | fitted anew | ms a decision "
    "| HR agent | fitted anew | ms a decision |\n|---|---|--:|--:|--:|--:|--:|--:|--:|"
)


def _hit_rates(
    world: World,
    fit: Fit,
    first: Recommender,
    clicks: ClickModel,
    users: IntArray,
    rounds: int,
) -> list[str]:
    """HR of the recommender as it is, of the same fitted anew, and what a decision took."""
    anew = Retrained(fit, world.data.interactions, every=_EVERY)
    cells = []
    for recommender in (first, anew):
        run = simulate(
            world.data, recommender, clicks, rounds=rounds, users=users, vectors=world.vectors
        )
        table = hit_rate(run)
        rate = table.loc[:, rounds].mean() if rounds in table else float("nan")
        cells.append(f"{rate:.3f}")
        if recommender is first:
            milliseconds = 1000 * run.cost["seconds"] / run.cost["decisions"]
    return [*cells, f"{milliseconds:.2f}"]


def _loops(world: World) -> dict[str, tuple[str, Fit, str]]:
    """By name: the library, how it is fitted, and what it makes of new clicks."""
    return {
        "random": ("numpy", lambda _: RandomItems(), "no"),
        "popularity": ("numpy", PopularItems, "no"),
        "implicit ALS": ("implicit", _implicit_als, "yes"),
        "implicit BPR": ("implicit", _implicit_bpr, "no"),
        "implicit cosine": ("implicit", _implicit_cosine, "yes"),
        "Cornac BPR": ("cornac", _cornac_bpr, "no"),
        "Cornac EASE": ("cornac", partial(_cornac, "EASE", lamb=500, verbose=False), "no"),
        "LensKit ImplicitMF": ("lenskit", partial(_lenskit, "als", "ImplicitMFScorer"), "yes"),
        "LensKit ItemKNN": (
            "lenskit",
            partial(_lenskit, "knn", "ItemKNNScorer", max_nbrs=20, feedback="implicit"),
            "yes",
        ),
        "RecBole BPR": (
            "recbole",
            partial(_recbole, "BPR", {"epochs": 30, "learning_rate": 0.005}),
            "no",
        ),
        "RecBole GRU4Rec": (
            "recbole",
            partial(_recbole, "GRU4Rec", _SEQUENCE),
            "yes",
        ),
        "scikit-learn, gradient boosting": ("sklearn", partial(_predictor, world), "no"),
        "a callable by ids": ("numpy", partial(_by_ids, world), "yes"),
    }


def _implicit_als(log: Interactions) -> Recommender:
    with threadpool_limits(1, "blas"):
        model = import_module("implicit.als").AlternatingLeastSquares(factors=32, random_state=0)
    return fit_implicit(log, model)


def _implicit_bpr(log: Interactions) -> Recommender:
    bpr = import_module("implicit.bpr").BayesianPersonalizedRanking
    return fit_implicit(log, bpr(factors=32, random_state=0, num_threads=1))


def _implicit_cosine(log: Interactions) -> Recommender:
    return fit_implicit(log, import_module("implicit.nearest_neighbours").CosineRecommender(K=20))


def _cornac_bpr(log: Interactions) -> Recommender:
    return _cornac("BPR", log, k=32, learning_rate=0.01, max_iter=200, num_threads=1)


def _cornac(name: str, log: Interactions, **settings: Any) -> Recommender:
    return fit_cornac(log, getattr(import_module("cornac.models"), name)(seed=0, **settings))


def _lenskit(module: str, name: str, log: Interactions, **settings: Any) -> Recommender:
    return fit_lenskit(log, getattr(import_module(f"lenskit.{module}"), name)(**settings))


def _recbole(name: str, settings: dict[str, Any], log: Interactions) -> Recommender:
    return fit_recbole(log, name, {**_RECBOLE, **settings})


def _predictor(world: World, log: Interactions) -> Recommender:
    """Liked or not liked, from the popularity of the item and the user's and item's genres."""
    booster = import_module("sklearn.ensemble").HistGradientBoostingClassifier(random_state=0)
    catalogue = world.data.catalogue
    genres = np.array(
        [[name in own for name in catalogue.category_names] for own in catalogue.categories]
    )
    taste = np.zeros((log.n_users, genres.shape[1]))
    np.add.at(taste, log.user, genres[log.item])
    taste /= np.maximum(taste.sum(axis=1, keepdims=True), 1)
    popularity = np.bincount(log.item, minlength=log.n_items)

    def features(users: IntArray, items: IntArray) -> Any:
        fit = (taste[users] * genres[items]).sum(axis=1)
        return np.column_stack([fit, popularity[items], genres[items]])

    # Beside each interaction, an item that the user may not know.
    other = np.random.default_rng(0).integers(log.n_items, size=len(log))
    rows = np.concatenate([features(log.user, log.item), features(log.user, other)])
    booster.fit(rows, np.repeat([1, 0], len(log)))
    return TopK(Predictor(booster, features))


def _by_ids(world: World, log: Interactions) -> Recommender:
    """What was most often the next item after the newest one."""
    ids = world.data.catalogue.item_ids
    same_user = log.user[1:] == log.user[:-1]
    follows = np.zeros((log.n_items, log.n_items), dtype=np.int32)
    np.add.at(follows, (log.item[:-1][same_user], log.item[1:][same_user]), 1)
    order = np.argsort(-follows, axis=1, kind="stable")
    row_of = {item_id: row for row, item_id in enumerate(ids)}

    def ranked(users: list[str], histories: list[list[str]], n: int) -> list[list[str]]:
        newest = [row_of[history[-1]] for history in histories]
        return [[ids[item] for item in order[row, :n]] for row in newest]

    return ByIds(ranked, world.data.user_ids, ids)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
