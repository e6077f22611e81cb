"""MovieLens 100k, from the publisher's own files.

F. M. Harper and J. A. Konstan, "The MovieLens Datasets: History and Context", TiiS 5(4), 2015.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from simulator.data.archive import Archive
from simulator.data.fields import Fields
from simulator.data.filters import left_out
from simulator.data.ids import refuse_repeated_pairs, rows_of_ids, unique_ids
from simulator.data.ratings import log_from_ratings
from simulator.data.separated import read_separated
from simulator.domain import Catalogue, Dataset, IntArray, Interactions
from simulator.errors import DataError, UnknownNameError

MovieLensFilter: TypeAlias = Literal["paper", "none"]

ML_100K = Archive(
    url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
    md5="0e33842e24a9c977be4e0107933c0723",
    folder="ml-100k",
    files=("u.data", "u.item", "u.user", "u.genre"),
)
LICENCE = "GroupLens: research only, no commercial use, no redistribution; see its README"
LIKED_FROM = 4
"""A rating of 4 or 5 counts as a like."""

_MIN_INTERACTIONS = 5
_N_GENRES = 19
_YEAR = re.compile(r"\((\d{4})\)\s*$")


@dataclass(frozen=True, eq=False)
class _Films:
    """All films of `u.item`, in ascending id order."""

    item_ids: IntArray
    titles: list[str]
    categories: list[tuple[str, ...]]
    years: list[int | None]


def load_movielens_100k(folder: Path, *, filter: MovieLensFilter = "paper") -> Dataset:
    """Read MovieLens 100k.

    Users and items are in the ascending order of the publisher's ids; every rating, high or low,
    is an interaction, and ties in time keep the order of the file. Titles stay as published
    ("Matrix, The (1999)").

    The log holds a row for each rating: shown, and clicked where the rating is at least 4. These
    exposures are self-selected: people rate what they chose to watch, so a click model fitted to
    them knows likes from dislikes, not what would have been passed over.

    Args:
        folder: Holds `u.data`, `u.item`, `u.user` and `u.genre`.
        filter: "paper" keeps items with at least 5 ratings and drops the most popular one, which
            gives ITMPRec's 943 users, 1,348 items and 98,704 interactions; "none" keeps all.

    Raises:
        DataError: If a file is missing or malformed; names file, line and column.
        UnknownNameError: If there is no such filter.
    """
    if filter not in get_args(MovieLensFilter):
        raise UnknownNameError("MovieLens filter", filter, get_args(MovieLensFilter))
    ML_100K.require(folder)
    data = read_separated(folder / "u.data", ("user", "item", "rating", "time"), "\t", "utf-8")
    genres = read_separated(folder / "u.genre", ("genre", "number"), "|", "utf-8")
    item = read_separated(folder / "u.item", _item_columns(genres), "|", "latin-1")
    person = read_separated(
        folder / "u.user", ("user", "age", "gender", "occupation", "zip_code"), "|", "utf-8"
    )
    films = _films(item)
    user_ids = np.sort(unique_ids(person, "user"))
    rating = data.integers("rating", 1, 5)
    time = data.integers("time", 0)
    user_row = rows_of_ids(data, "user", user_ids, person.path.name)
    item_row = rows_of_ids(data, "item", films.item_ids, item.path.name)
    refuse_repeated_pairs(data, user_row, item_row, "has already rated item")

    kept_items: IntArray = np.arange(len(films.item_ids))
    if filter == "paper":
        kept_items = _paper_items(np.bincount(item_row, minlength=len(kept_items)), item.path)
    kept = np.isin(item_row, kept_items)
    kept_users = np.unique(user_row[kept])
    interactions = Interactions.from_columns(
        user=np.searchsorted(kept_users, user_row[kept]),
        item=np.searchsorted(kept_items, item_row[kept]),
        time=time[kept],
        rating=rating[kept].astype(np.float32),
        n_users=len(kept_users),
        n_items=len(kept_items),
    )
    return Dataset(
        name="ml-100k" if filter == "paper" else "ml-100k-all",
        catalogue=_catalogue(films, kept_items),
        interactions=interactions,
        user_ids=[str(number) for number in user_ids[kept_users]],
        log=log_from_ratings(interactions, LIKED_FROM),
        user_attributes=_user_attributes(person, user_ids[kept_users]),
        source={
            "publisher": "https://grouplens.org/datasets/movielens/100k/",
            "licence": LICENCE,
            "filter": filter,
            "dropped": left_out(
                ratings_of_rare_films_and_of_the_most_rated_one=int((~kept).sum()),
                users_without_a_rating_left=len(user_ids) - len(kept_users),
            ),
            "log": f"A click is a rating of {LIKED_FROM} or more, a no-click a lower one; users "
            "chose what they rated (self-selected).",
            **{f"sha256:{f.path.name}": f.sha256 for f in (data, item, person, genres)},
        },
    )


def _item_columns(genres: Fields) -> tuple[str, ...]:
    names = genres.columns["genre"]
    if len(names) != _N_GENRES or len(set(names)) != _N_GENRES:
        raise DataError(
            f"{len(set(names))} genres where MovieLens 100k has {_N_GENRES}; fetch the file again.",
            path=genres.path,
        )
    if list(genres.integers("number")) != list(range(_N_GENRES)):
        raise DataError("Genres must be numbered 0..18 in order.", path=genres.path)
    return ("item", "title", "release", "video_release", "imdb", *names)


def _films(item: Fields) -> _Films:
    item_ids = unique_ids(item, "item")
    genre_names = list(item.columns)[5:]
    flags = np.stack([item.integers(name, 0, 1) for name in genre_names], axis=1)
    for row, title in enumerate(item.columns["title"]):
        if not title.strip():
            raise item.fault("A film without a title; a language model reads titles.", row, "title")
    order = np.argsort(item_ids)
    names = np.array(genre_names, dtype=object)
    return _Films(
        item_ids=item_ids[order],
        titles=[item.columns["title"][k].strip() for k in order],
        categories=[tuple(names[flags[k] == 1]) for k in order],
        years=[_year(item.columns["title"][k], item.columns["release"][k]) for k in order],
    )


def year_in_title(title: str) -> int | None:
    """The year in brackets that ends a title such as "Matrix, The (1999)"."""
    match = _YEAR.search(title)
    return int(match[1]) if match else None


def _year(title: str, release: str) -> int | None:
    """The year in the title's brackets, else that of a release date such as 01-Jan-1995."""
    year = year_in_title(title)
    if year is None and release[-4:].isdecimal():
        return int(release[-4:])
    return year


def _paper_items(ratings: IntArray, path: Path) -> IntArray:
    """Rows with at least 5 ratings, less the most rated one; ascending."""
    kept: IntArray = np.flatnonzero(ratings >= _MIN_INTERACTIONS)
    kept = kept[kept != np.argmax(ratings)]
    if not len(kept):
        raise DataError(
            f"The paper's filter leaves no item of {len(ratings)}; load with filter='none'.",
            path=path,
        )
    return kept


def _catalogue(films: _Films, rows: IntArray) -> Catalogue:
    return Catalogue(
        item_ids=[str(films.item_ids[k]) for k in rows],
        titles=[films.titles[k] for k in rows],
        categories=[films.categories[k] for k in rows],
        domain="movies",
        attributes={"year": [films.years[k] for k in rows]},
    )


def _user_attributes(person: Fields, user_ids: IntArray) -> Mapping[str, Sequence[object]]:
    order = {int(number): k for k, number in enumerate(person.integers("user"))}
    lines = [order[int(number)] for number in user_ids]
    ages = person.integers("age", 0, 150)
    texts = {
        name: [person.columns[name][k] for k in lines]
        for name in ("gender", "occupation", "zip_code")
    }
    return {"age": [int(ages[k]) for k in lines], **texts}
