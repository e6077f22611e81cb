"""A generative recommender: it reads a list of titles, and writes the next ones.

python examples/generative_recommender.py
"""

from collections import Counter, defaultdict
from itertools import pairwise

from recommender import GeneratedItems, PopularItems
from simulator import Clicks, load_dataset, simulate
from simulator.data.demo import true_click_probability

data = load_dataset("demo")
titles = data.catalogue.titles

# The smallest language of titles: which one follows which. A language model writes here as well:
#     texts = engine.generate(prompts, max_tokens=60)     # a title a line
follows = defaultdict(Counter)
for row in range(data.n_users):
    history = [titles[item] for item in data.interactions.histories[row]]
    for first, second in pairwise(history):
        follows[first][second] += 1


def next_titles(histories):
    """For each history, titles to come next, the best first."""
    answers = []
    for history in histories:
        votes = sum((follows[title] for title in history[-5:]), Counter())
        answers.append([title for title, _ in votes.most_common(20)])
    return answers


class DemoUsers:
    """The demo world's own law; only a made-up world knows it."""

    def decide(self, shown):
        p = true_click_probability(shown.user, shown.item)
        return Clicks.from_probability(p, shown.draw, source="demo")


# `simulate(data, next_titles, ...)` works too, and stops where no title can be shown.
recommender = GeneratedItems(next_titles, data.catalogue, fallback=PopularItems(data.interactions))

if __name__ == "__main__":
    run = simulate(data, recommender, DemoUsers(), rounds=8, seed=7)
    for row in run.exposures[run.exposures["user"] == 0].itertuples():
        print(f"round {row.round}: {titles[row.item]}{' - clicked' if row.clicked else ''}")
    print({name: int(n) for name, n in run.cost.items() if name.startswith("generated")})
