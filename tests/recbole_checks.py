"""Runs where RecBole is installed; prints what `test_adapter_recbole.py` reads, as JSON."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from adapter_worlds import N_ITEMS, N_USERS, check_fit, check_loops, two_tastes, view_of

from recommender.adapters import RecBoleRecommender, fit_recbole
from recommender.adapters.recbole import restore_numpy_names
from simulator.domain import Interactions, Ragged
from simulator.errors import ConfigError

TRAINED = np.arange(N_USERS - 1)
DATA = two_tastes()
SMALL = {
    "epochs": 12,
    "learning_rate": 0.02,
    "train_batch_size": 128,
    "embedding_size": 16,
    "hidden_size": 16,
    "inner_size": 16,
    "MAX_ITEM_LIST_LENGTH": 6,
}
SEQUENCE = {**SMALL, "train_neg_sample_args": None}
MODELS = {"GRU4Rec": SEQUENCE, "SASRec": SEQUENCE, "BPR": SMALL, "NeuMF": SMALL}


def check_ids() -> dict[str, object]:
    """RecBole's own scores beside the adapter's, with its tokens and orders, and some left out."""
    generator = np.random.default_rng(9)
    users, items = generator.permutation(TRAINED)[5:], generator.permutation(N_ITEMS - 1)[3:]
    log = DATA.interactions
    kept = log.take(np.isin(log.user, users) & np.isin(log.item, items))
    # Tokens are the row numbers of this log; a world with other rows asks by them.
    trained = fit_recbole(
        Interactions(kept.user, kept.item, kept.time, None, N_USERS, N_ITEMS), "GRU4Rec", SEQUENCE
    )
    model, dataset = trained.model, trained.dataset
    order, shelf = generator.permutation(N_USERS), generator.permutation(N_ITEMS)
    adapted = RecBoleRecommender(model, dataset, order, shelf, k=3)
    asked = np.flatnonzero(np.isin(order, kept.user))[:20]
    place = np.argsort(shelf)
    histories = Ragged.from_rows([place[kept.histories[order[row]]] for row in asked])
    seen = np.zeros((len(asked), N_ITEMS), dtype=bool)
    view = view_of(DATA, asked, histories)
    view.seen[:] = seen
    shown = shelf[adapted.recommend(view)]
    own = []
    for row in asked:
        tokens = [str(item) for item in kept.histories[order[row]][-6:]]
        known = dataset.token2id("item_id", tokens)
        window = np.zeros((1, 6), dtype=np.int64)
        window[0, : len(known)] = known
        batch = type(adapted._interaction({}))(
            {"item_id_list": torch.from_numpy(window), "item_length": torch.tensor([len(known)])}
        )
        with torch.no_grad():
            scores = model.full_sort_predict(batch)[0]
        scores[0] = -torch.inf
        best = torch.topk(scores, 3).indices
        own.append([int(token) for token in dataset.id2token("item_id", best)])
    try:
        adapted.recommend(view_of(DATA, np.array([0]), Ragged.empty(1)))
        said = ""
    except ConfigError as error:
        said = str(error)
    return {"own": own, "adapted": shown.tolist(), "without a history": said}


if __name__ == "__main__":
    restore_numpy_names()
    before = set(Path().iterdir())
    found = {
        name: check_fit(DATA, partial(fit_recbole, model=name, settings=settings))
        for name, settings in MODELS.items()
    }
    loops = check_loops(DATA, partial(fit_recbole, model="BPR", settings=SMALL), every=2)
    report = {"models": found, "ids": check_ids(), "loops": loops}
    report["left behind"] = [str(path) for path in set(Path().iterdir()) - before]
    sys.stdout.write(json.dumps(report))
