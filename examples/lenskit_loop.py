"""LensKit recommends, a language model plays the users, and LensKit learns from what they click.

python examples/lenskit_loop.py        (where LensKit is installed: pip install 'nudgesim[lenskit]')
"""

from contextlib import closing
from functools import partial

import numpy as np
from lenskit.als import ImplicitMFScorer

from recommender.adapters import fit_lenskit
from recommender.retraining import Retrained
from simulator import load_dataset, open_agent, simulate

if __name__ == "__main__":
    data = load_dataset("demo")
    fit = partial(fit_lenskit, scorer=ImplicitMFScorer(embedding_size=32))
    recommender = Retrained(fit, data.interactions, every=3)
    with closing(open_agent("pocket", domain="movies", engine="transformers")) as users:
        run = simulate(data, recommender, users, rounds=6, users=np.arange(40), seed=7)
    rounds = run.exposures.groupby("round")[["probability", "clicked"]].mean()
    print(rounds.round(3).to_string())
    print(f"{run.cost['refits']:.0f} time fitted anew, on the log and the clicks so far")
