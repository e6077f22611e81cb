"""RecBole's GRU4Rec recommends, a language model plays the users.

python examples/recbole_loop.py        (where RecBole is installed; docs/adapters.md says how)
"""

from contextlib import closing

import numpy as np

from recommender.adapters import fit_recbole
from simulator import load_dataset, open_agent, simulate

SETTINGS = {
    "epochs": 2,
    "learning_rate": 0.01,
    "train_batch_size": 2048,
    "train_neg_sample_args": None,
    "embedding_size": 32,
    "hidden_size": 32,
    "MAX_ITEM_LIST_LENGTH": 10,
}

if __name__ == "__main__":
    data = load_dataset("demo")
    recommender = fit_recbole(data.interactions, "GRU4Rec", SETTINGS, seed=7)
    with closing(open_agent("pocket", domain="movies", engine="transformers")) as users:
        run = simulate(data, recommender, users, rounds=6, users=np.arange(40), seed=7)
    rounds = run.exposures.groupby("round")[["probability", "clicked"]].mean()
    print(rounds.round(3).to_string())
