"""A click-rate model as recommender: scikit-learn learns from the log, the best unseen is shown.

python examples/pointwise_scorer.py
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from recommender import RandomItems, TopK
from simulator import DistributionClicks, Vectors, load_dataset, simulate

data = load_dataset("demo")
names = data.catalogue.category_names
genres = np.array(
    [[name in own for name in names] for own in data.catalogue.categories], dtype=np.float32
)

# What is known of users before the log begins, so that no click tells of itself.
before = data.interactions.before(data.log.time.min())
taste = np.zeros((data.n_users, len(names)), dtype=np.float32)
np.add.at(taste, before.user, genres[before.item])
taste -= taste.mean(axis=0)


def features(users, items):
    """One row for each pair of user and item."""
    return np.hstack([taste[users] * genres[items], genres[items]])


model = LogisticRegression(max_iter=1000)
model.fit(features(data.log.user, data.log.item), data.log.clicked)


def click_rate(users, items):
    """A pointwise scorer: a number for each pair. Users and items are rows of the data set."""
    return model.predict_proba(features(users, items))[:, 1]


if __name__ == "__main__":
    vectors = Vectors(taste, genres)
    logged = data.logged_exposures().with_vectors(vectors.normalised())
    users = DistributionClicks.fit(logged, data.log.clicked)
    for recommender in (RandomItems(), click_rate, TopK(click_rate, 5)):
        run = simulate(data, recommender, users, vectors=vectors, rounds=5, seed=7)
        name = run.manifest["config"]["recommender"]
        print(f"{name}: {run.exposures['clicked'].mean():.3f} clicked")
