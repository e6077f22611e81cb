"""Runs where RecBole is installed; prints what `test_adapter_recbole.py` reads, as JSON."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from adapter_worlds import N_ITEMS, N_USERS, Likes, check_contract, same_taste, two_tastes, view_of

from recommender.adapters import RecBoleRecommender, fit_recbole
from recommender.adapters.recbole import restore_numpy_names
from recommender.retraining import Retrained
from simulator import simulate
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


def check_model(name: str) -> dict[str, object]:
    """What a model shows, whatever its kind."""
    recommender = fit_recbole(DATA.interactions, name, MODELS[name])
    view = view_of(DATA, TRAINED)
    shown = recommender.recommend(view)
    parts = [recommender.recommend(view_of(DATA, part)) for part in np.split(TRAINED, [1, 20])]
    evens = TRAINED[TRAINED % 2 == 0]
    turned = Ragged.from_rows([[1, 3, 5, 7, 9, 11, 13]] * len(evens))
    never_trained = view_of(DATA, np.array([N_USERS - 1]), Ragged.from_rows([[1, 3, 5]]))
    again = fit_recbole(DATA.interactions, name, MODELS[name])
    return {
        "own taste": float(same_taste(view, shown).mean()),
        "seen shown": int(view.seen[TRAINED, shown].sum()),
        "blocks matter": not np.array_equal(shown, np.concatenate(parts)),
        "fits alike": np.array_equal(shown, again.recommend(view)),
        "turned with the clicks": float(
            (recommender.recommend(view_of(DATA, evens, turned)) % 2 == 1).mean()
        ),
        "for a stranger": int(recommender.recommend(never_trained)[0]),
        "described": recommender.describe(),
        "contract": check_contract(recommender),
    }


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


def check_loops() -> dict[str, object]:
    """Runs of the real loop, as it is and fitted anew."""
    fit = partial(fit_recbole, model="BPR", settings=SMALL)
    once = simulate(DATA, fit(DATA.interactions), Likes(), rounds=4, users=TRAINED)
    again = simulate(
        DATA, Retrained(fit, DATA.interactions, every=2), Likes(), rounds=4, users=TRAINED
    )
    same = once.exposures["item"] == again.exposures["item"]
    return {
        "distinct": bool(once.exposures.groupby("user")["item"].nunique().eq(4).all()),
        "click rate": float(once.exposures["clicked"].mean()),
        "same before the fit": bool(same[once.exposures["round"] <= 2].all()),
        "same after the fit": bool(same[once.exposures["round"] > 2].all()),
        "refits": again.cost["refits"],
    }


if __name__ == "__main__":
    restore_numpy_names()
    before = set(Path().iterdir())
    found = {name: check_model(name) for name in MODELS}
    report = {"models": found, "ids": check_ids(), "loops": check_loops()}
    report["left behind"] = [str(path) for path in set(Path().iterdir()) - before]
    sys.stdout.write(json.dumps(report))
