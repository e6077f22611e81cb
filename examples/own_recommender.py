"""Your own recommender: a plain function of what users have seen, and one that shows slates.

python examples/own_recommender.py
"""

import numpy as np

from simulator import DistributionClicks, Vectors, load_dataset, simulate

data = load_dataset("demo")
names = data.catalogue.category_names
genres = np.array([[name in own for name in names] for own in data.catalogue.categories])
years = np.array(data.catalogue.attributes["year"])
popularity = np.bincount(data.interactions.item, minlength=data.n_items)


def newest(view):
    """One item an episode: the newest film that it has not seen, shape (n,)."""
    return np.where(view.seen, 0, years).argmax(axis=1)


def one_of_each(view, wanted=("Comedy", "Drama", "Thriller")):
    """A slate an episode: the most popular unseen film of each genre, shape (n, 3)."""
    taken, slate = view.seen.copy(), []
    for genre in wanted:
        fits = ~taken & genres[:, names.index(genre)]
        slate.append(np.where(fits, popularity, -1).argmax(axis=1))
        taken[np.arange(len(view)), slate[-1]] = True
    return np.stack(slate, axis=1)


# The users of this example like what has the genres of their history.
counts = np.zeros((data.n_users, len(names)), dtype=np.float32)
np.add.at(counts, data.interactions.user, genres[data.interactions.item])
taste = Vectors(counts - counts.mean(axis=0), genres.astype(np.float32))
users = DistributionClicks(w=4, b=0.3)

if __name__ == "__main__":
    for recommender in (newest, one_of_each):
        run = simulate(data, recommender, users, vectors=taste, rounds=5, seed=7)
        shown = run.exposures
        print(f"{recommender.__name__}: {shown['clicked'].mean():.3f} of {len(shown)} clicked")
    print(shown.groupby("position")["clicked"].mean().set_axis(["Comedy", "Drama", "Thriller"]))
