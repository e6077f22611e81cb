"""Data sources: the demo world, MovieLens, MIND, Steam and others, and plain tables.

>>> from simulator.data import load_dataset
>>> dataset = load_dataset("ml-100k")  # doctest: +SKIP
"""

from simulator.data.check import DatasetReport, check_dataset
from simulator.data.coat import load_coat
from simulator.data.douban import load_douban_movie
from simulator.data.download import download
from simulator.data.home import data_home
from simulator.data.lastfm import load_lastfm
from simulator.data.mind import load_mind
from simulator.data.movielens import load_movielens_100k
from simulator.data.registry import (
    DATASETS,
    DatasetSpec,
    dataset_names,
    dataset_spec,
    load_dataset,
)
from simulator.data.show import ItemPage, UserPage, show_item, show_user
from simulator.data.splits import split_log_by_time, split_users
from simulator.data.steam import load_steam_200k
from simulator.data.steam_reviews import load_steam_reviews
from simulator.data.tables import load_tables, read_tables
from simulator.data.tallrec import load_tallrec
from simulator.data.upworthy import HeadlineTests, load_headline_tests, load_upworthy

__all__ = [
    "DATASETS",
    "DatasetReport",
    "DatasetSpec",
    "HeadlineTests",
    "ItemPage",
    "UserPage",
    "check_dataset",
    "data_home",
    "dataset_names",
    "dataset_spec",
    "download",
    "load_coat",
    "load_dataset",
    "load_douban_movie",
    "load_headline_tests",
    "load_lastfm",
    "load_mind",
    "load_movielens_100k",
    "load_steam_200k",
    "load_steam_reviews",
    "load_tables",
    "load_tallrec",
    "load_upworthy",
    "read_tables",
    "show_item",
    "show_user",
    "split_log_by_time",
    "split_users",
]
