"""A bandit that learns each user's taste from clicks alone: Thompson sampling over genres.

All users are one Gymnasium vector environment; a step shows each of them a film.

pip install 'nudgesim[gym]'
python examples/bandit_on_simulated_users.py
"""

import numpy as np

from simulator import DistributionClicks, Vectors, load_dataset
from simulator.environment import SimulatedUsers

data = load_dataset("demo")
names = data.catalogue.category_names
genres = np.array([[name in own for name in names] for own in data.catalogue.categories])
genres = genres / np.sqrt(genres.sum(axis=1, keepdims=True))

# The users of this example like what has the genres of their history; the bandit is not told.
counts = np.zeros((data.n_users, len(names)), dtype=np.float32)
np.add.at(counts, data.interactions.user, genres[data.interactions.item])
taste = Vectors(counts - counts.mean(axis=0), genres.astype(np.float32))
clicks = DistributionClicks(w=4, b=0.3)


class ThompsonSampling:
    """A Bayesian linear model of clicks for each user; shows what a drawn one likes best."""

    def __init__(self, users, width):
        self.precision = np.tile(np.eye(width), (users, 1, 1))
        self.weighted = np.zeros((users, width, 1))
        self.generator = np.random.default_rng(1)

    def choose(self, may_be_shown):
        """A film for each user, shape (n,)."""
        covariance = np.linalg.inv(self.precision)
        luck = self.generator.normal(size=self.weighted.shape)
        drawn = covariance @ self.weighted + 0.3 * np.linalg.cholesky(covariance) @ luck
        return np.where(may_be_shown, drawn[:, :, 0] @ genres.T, -np.inf).argmax(axis=1)

    def learn(self, films, clicked):
        """Take in what was shown and clicked."""
        shown = genres[films][:, :, None]
        self.precision += shown @ shown.transpose(0, 2, 1)
        self.weighted += shown * (clicked - 0.5)[:, None, None]


def play(users, choose, learn=lambda films, clicked: None):
    """Clicks an item in each round."""
    _, info = users.reset(seed=7)
    rates = []
    for _ in range(users.rounds):
        films = choose(info["action_mask"] == 1)
        _, clicked, _, _, info = users.step(films)
        learn(films, clicked)
        rates.append(clicked.mean())
    return np.array(rates)


if __name__ == "__main__":
    users = SimulatedUsers(data, clicks, rounds=40, vectors=taste)
    bandit = ThompsonSampling(users.num_envs, len(names))
    chance = np.random.default_rng(2)
    rates = {
        "anything": play(users, lambda may: (may * chance.random(may.shape)).argmax(axis=1)),
        "bandit": play(users, bandit.choose, bandit.learn),
    }
    for name, rate in rates.items():
        tens = " ".join(f"{part.mean():.3f}" for part in np.split(rate, 4))
        print(f"{name}: clicks an item in rounds 1-10, 11-20, 21-30 and 31-40: {tens}")
