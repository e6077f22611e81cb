"""Douban films: who saw which film, with Chinese titles, from two plain tables."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from simulator.data.archive import Archive
from simulator.data.filters import keep, left_out
from simulator.data.ids import places_of_ids, refuse_repeated_pairs, unique_ids
from simulator.data.separated import read_separated
from simulator.domain import Catalogue, Dataset, Interactions
from simulator.errors import DataError

DOUBAN_MOVIE = Archive(
    url="https://movie.douban.com/",
    md5=None,
    folder="douban_movie",
    files=("interactions.tsv", "movies.tsv"),
    note=(
        "No publisher offers it in this form. interactions.tsv is tab-separated with the columns "
        "user_id, movie_id, split; movies.tsv with movie_id, title_zh, title_full, year, genres "
        "(separated by |), directors, country, douban_score, votes, summary."
    ),
)
LICENCE = "not stated"

_FILM_COLUMNS = (
    "movie_id", "title_zh", "title_full", "year", "genres", "directors", "country",
    "douban_score", "votes", "summary",
)  # fmt: skip


def load_douban_movie(folder: Path) -> Dataset:
    """Read the Douban films at hand, a part of the set that the ITMPRec paper uses.

    Users and items are in the ascending order of their ids; titles and genres are Chinese. There
    are no times: all are 0, and **a history keeps the order of the file** (which has a user's
    training rows before the test rows). Films without a title, which a language model could not
    read, are dropped with their interactions; `source["dropped"]` counts both.

    Args:
        folder: Holds `interactions.tsv` and `movies.tsv`.

    Raises:
        DataError: If a file is missing or malformed; names file, line and column.
    """
    DOUBAN_MOVIE.require(folder)
    seen = read_separated(
        folder / "interactions.tsv", ("user_id", "movie_id", "split"), "\t", "utf-8", header=True
    )
    films = read_separated(folder / "movies.tsv", _FILM_COLUMNS, "\t", "utf-8", header=True)
    numbers = unique_ids(films, "movie_id")
    titles = [title.strip() for title in films.columns["title_zh"]]
    lines = [k for k in np.argsort(numbers) if titles[k]]
    user_id, movie_id = seen.integers("user_id", 0), seen.integers("movie_id", 1)
    refuse_repeated_pairs(seen, user_id, movie_id, "already has film", ("user_id", "movie_id"))
    if not lines:
        raise DataError("No film has a title; write some.", path=films.path)
    item = places_of_ids(movie_id, numbers[lines])
    titled = item >= 0
    if not titled.any():
        raise DataError("None of these films has a title in movies.tsv.", path=seen.path)
    rows = keep(user_id, item, titled)
    shown = [lines[k] for k in rows.items]
    n_dropped = len(np.unique(movie_id[~titled]))
    return Dataset(
        name="douban-movie",
        catalogue=Catalogue(
            item_ids=[str(numbers[k]) for k in shown],
            titles=[titles[k] for k in shown],
            categories=[tuple(filter(None, films.columns["genres"][k].split("|"))) for k in shown],
            domain="movies",
            attributes={"year": [_year(films.columns["year"][k]) for k in shown]},
        ),
        interactions=Interactions.from_columns(
            user=rows.user,
            item=rows.item,
            time=np.zeros(len(rows.user), dtype=np.int64),
            n_users=len(rows.users),
            n_items=len(rows.items),
        ),
        user_ids=[str(number) for number in rows.users],
        source={
            "publisher": DOUBAN_MOVIE.url,
            "licence": LICENCE,
            "time": "none; histories keep the order of the file",
            "dropped": left_out(films_without_a_title=n_dropped, interactions=int((~titled).sum())),
            **{f"sha256:{f.path.name}": f.sha256 for f in (seen, films)},
        },
    )


def _year(text: str) -> int | None:
    match = re.search(r"\d{4}", text)
    return int(match[0]) if match else None
