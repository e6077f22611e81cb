"""Runs where LensKit is installed; prints what `test_adapter_lenskit.py` reads, as JSON."""

import json
import sys
from functools import partial

import numpy as np
import pandas as pd
from adapter_worlds import N_ITEMS, N_USERS, check_fit, check_loops, two_tastes, view_of
from lenskit import recommend
from lenskit.als import BiasedMFScorer, ImplicitMFScorer
from lenskit.data import from_interactions_df
from lenskit.knn import EASEScorer, ItemKNNScorer
from lenskit.pipeline import topn_pipeline

from recommender.adapters import LensKitRecommender, fit_lenskit
from simulator.domain import Ragged
from simulator.errors import ConfigError

TRAINED = np.arange(N_USERS - 1)
SCORERS = {
    "ALS": ImplicitMFScorer(embedding_size=8),
    "item kNN": ItemKNNScorer(max_nbrs=10, feedback="implicit"),
    "EASE": EASEScorer(),
}
DATA = two_tastes()


def check_ids() -> dict[str, object]:
    """LensKit's own recommendations beside the adapter's, with ids and orders of its own."""
    generator = np.random.default_rng(9)
    users, items = generator.permutation(TRAINED)[5:], generator.permutation(N_ITEMS - 1)[3:]
    log = DATA.interactions
    kept = np.isin(log.user, users) & np.isin(log.item, items)
    rows = generator.permutation(np.flatnonzero(kept))
    table = pd.DataFrame(
        {
            "user_id": np.array(DATA.user_ids)[log.user[rows]],
            "item_id": np.array(DATA.catalogue.item_ids)[log.item[rows]],
            "rating": 1.0 + (log.user[rows] * log.item[rows]) % 5,
        }
    )
    dataset = from_interactions_df(table)
    own, adapted = [], []
    for scorer, fold_in in ((ImplicitMFScorer(embedding_size=8), True),
                            (BiasedMFScorer(embedding_size=8), False)):  # fmt: skip
        pipeline = topn_pipeline(scorer)
        pipeline.train(dataset)
        recommender = LensKitRecommender(
            pipeline, dataset, DATA.user_ids, DATA.catalogue.item_ids, k=3, fold_in=fold_in
        )
        known = np.array([user for user in users if DATA.user_ids[user] in dataset.users])
        adapted += recommender.recommend(view_of(DATA, known)).tolist()
        for user in known:
            ids = recommend(pipeline, DATA.user_ids[user], n=3).ids()
            own.append(DATA.catalogue.rows(list(ids)).tolist())
    dropped = view_of(DATA, np.array([N_USERS - 1]), Ragged.empty(1))
    try:
        recommender.recommend(dropped)
        said = ""
    except ConfigError as error:
        said = str(error)
    return {"own": own, "adapted": adapted, "of a dropped user": said}


if __name__ == "__main__":
    found = {
        name: check_fit(DATA, partial(fit_lenskit, scorer=scorer))
        for name, scorer in SCORERS.items()
    }
    loops = check_loops(DATA, partial(fit_lenskit, scorer=SCORERS["ALS"]), every=3)
    report = {"scorers": found, "ids": check_ids(), "loops": loops}
    sys.stdout.write(json.dumps(report))
