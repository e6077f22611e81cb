"""Your own data: two tables, and a TOML file that names their columns.

python examples/own_data.py
"""

import tempfile
from pathlib import Path

import numpy as np

from recommender import RandomItems
from simulator import Clicks, load_dataset, simulate

ITEMS = """\
sku,name,tags,year
a1,The Long Hike,adventure|slow,2019
a2,Night Shift,horror,2021
a3,Puzzle Garden,puzzle|slow,2020
a4,Star Trader,strategy,2018
a5,Deep Cave,horror|adventure,2022
"""
EVENTS = """\
who,sku,seconds,clicked
ann,a1,100,1
ann,a2,110,0
ann,a3,120,1
bob,a2,100,1
bob,a3,140,0
"""
COLUMNS = """\
name = "my-shop"
domain = "games"

[items]
path = "items.csv"          # or .tsv, .parquet
item_id = "sku"
title = "name"
categories = "tags"
attributes = ["year"]

[interactions]
path = "events.csv"
user_id = "who"
item_id = "sku"
time = "seconds"
clicked = "clicked"         # optional: 1 shown and clicked, 0 shown and passed over
"""


class Collector:
    """A user who clicks nine of ten new games."""

    def decide(self, shown):
        years = np.array(shown.catalogue.attributes["year"])[shown.item]
        p = np.where(years >= 2020, 0.9, 0.1)
        return Clicks.from_probability(p, shown.draw, source="collector")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (
            ("items.csv", ITEMS),
            ("events.csv", EVENTS),
            ("my-shop.toml", COLUMNS),
        ):
            (folder / file).write_text(text, encoding="utf-8")
        data = load_dataset(folder / "my-shop.toml")
    # The command line takes the same file: nudgesim run --data my-shop.toml ...
    run = simulate(data, RandomItems(), Collector(), rounds=2, seed=7)
    for row in run.exposures.itertuples():
        user, title = data.user_ids[row.user], data.catalogue.titles[row.item]
        print(f"round {row.round}: {user} {'clicks' if row.clicked else 'skips'} {title}")
