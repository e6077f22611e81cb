"""Your own users: they click what resembles their history, and tire from round to round.

python examples/own_click_model.py
"""

import numpy as np

from recommender import PopularItems
from simulator import Clicks, load_dataset, simulate


class TiringUser:
    """A click model is any object with `decide`; it inherits nothing."""

    def __init__(self, catalogue):
        self.genres = np.array(
            [[name in own for name in catalogue.category_names] for own in catalogue.categories]
        )

    def decide(self, shown):
        # How much of the history has a genre with the item in common, for each row.
        row = np.repeat(np.arange(len(shown)), shown.history.lengths)
        alike = (self.genres[shown.history.values] & self.genres[shown.item[row]]).any(axis=1)
        share = np.bincount(row, alike, len(shown)) / np.maximum(shown.history.lengths, 1)
        # A click is luck below a probability, and the luck is shared by all click models.
        return Clicks.from_probability(share * 0.9**shown.round, shown.draw, source="tiring")


if __name__ == "__main__":
    data = load_dataset("demo")
    users = TiringUser(data.catalogue)
    run = simulate(data, PopularItems(data.interactions), users, rounds=10, seed=7)
    rounds = run.exposures.groupby("round")[["probability", "clicked"]].mean()
    print(rounds.round(3).to_string())
