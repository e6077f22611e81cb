"""A cheap click model decides where it is sure, and the language model where it is not.

python examples/agent_with_cascade.py
"""

import numpy as np

from recommender import RandomItems
from simulator import Cascade, DistributionClicks, Vectors, load_dataset, open_agent, simulate

if __name__ == "__main__":
    data = load_dataset("demo")
    names = data.catalogue.category_names
    genres = np.array(
        [[name in own for name in names] for own in data.catalogue.categories], dtype=np.float32
    )
    early = data.interactions.before(data.log.time.min())
    taste = np.zeros((data.n_users, len(names)), dtype=np.float32)
    np.add.at(taste, early.user, genres[early.item])
    vectors = Vectors(taste - taste.mean(axis=0), genres).normalised()

    cheap = DistributionClicks.fit(data.logged_exposures().with_vectors(vectors), data.log.clicked)
    # "pocket" comes with nudgesim; "qwen3-4b", a Hugging Face id or a folder works alike.
    agent = open_agent("pocket", domain="movies", engine="transformers", cache="none")
    # Asked where 0.3 <= P(click) <= 0.6, and about one in ten of the other rows, to keep watch.
    users = Cascade(cheap, agent, band=(0.3, 0.6), audit=0.1)
    run = simulate(
        data, RandomItems(), users, vectors=vectors, users=np.arange(40), rounds=4, seed=7
    )
    agent.close()

    print(users.describe())
    rows = run.exposures.groupby("source")
    print(rows.agg(decisions=("clicked", "size"), clicked=("clicked", "mean")).round(3))
    print(f"{run.cost['prompt_tokens']:.0f} prompt tokens")
