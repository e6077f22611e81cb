"""The figures that the ITMPRec paper prints (Lian, Song, Ge, WWW 2025), as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import pandas as pd

from evals.tables import records

DATASETS: Mapping[str, str] = {
    "ml-100k": "ML-100k",
    "ml-100k-all": "ML-100k",
    "lastfm": "Lastfm",
    "lastfm-all": "Lastfm",
    "steam-200k": "Steam",
    "steam-200k-all": "Steam",
    "steam-reviews": "Steam",
    "steam-reviews-all": "Steam",
    "douban-movie": "Douban_movie",
}
"""The paper's name for the source of ours; only `ml-100k` is the very same data."""


def published_table(number: int, data: str) -> pd.DataFrame:
    """Table 3 or 4 of the paper for one data set.

    Args:
        number: 3 or 4.
        data: Our name of the data set.

    Returns:
        One row a method (the paper's label), columns such as IoI@20; no rows where the paper has
        no such data.
    """
    table = _read(f"table{number}.csv")
    rows = table[table["dataset"] == DATASETS.get(data)]
    found = rows.drop(columns="dataset").set_index("method")
    # Table 3 says "w/o P" for what table 4 calls "ITMPRec w/o P".
    return found.rename(index=lambda name: f"ITMPRec {name}" if name.startswith("w/o") else name)


def published_counts(data: str) -> Mapping[str, int] | None:
    """Users, items and interactions of the paper's data set; None where it has none such."""
    table = _read("datasets.csv").set_index("dataset")
    name = DATASETS.get(data)
    return None if name is None else {k: int(v) for k, v in records(table.loc[[name]])[0].items()}


@cache
def _read(name: str) -> pd.DataFrame:
    with (files("simulator.reproduction") / "published" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file)
