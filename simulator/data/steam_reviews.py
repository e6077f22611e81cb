"""Steam reviews by Australian users: recommended or not, with the day.

W.-C. Kang and J. McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018; M. Wan and
J. McAuley, "Item Recommendation on Monotonic Behavior Chains", RecSys 2018. The publisher's files
are lists of Python dictionaries; this reads two tables made of them, one row a review or a game.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import numpy as np

from simulator.data.archive import Archive
from simulator.data.fields import Fields
from simulator.data.filters import k_core, keep, left_out
from simulator.data.ids import places_of_ids, rows_of_texts, unique_ids
from simulator.data.ratings import log_from_ratings
from simulator.data.separated import read_separated
from simulator.data.steam import SteamFilter
from simulator.data.table_files import read_table
from simulator.domain import BoolArray, Catalogue, Dataset, FloatArray, IntArray, Interactions
from simulator.errors import DataError, UnknownNameError, excerpt

STEAM_REVIEWS = Archive(
    url="https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data",
    md5=None,
    folder="steam/mcauley_au_reviews",
    files=("user_reviews.csv", "games.tsv"),
    note=(
        "Make of the publisher's `australian_user_reviews.json` a user_reviews.csv with the "
        "columns user_id, item_id, recommend, posted, date (2011-11-05, or empty where `posted` "
        "has no year), and of `steam_games.json` a tab-separated games.tsv with the columns "
        "item_id, name, genres (separated by |), tags, release_date, developer, price."
    ),
)
LICENCE = "not stated; the publisher asks to be cited"
COLLECTED = 2016
"""The year of a review without one: Steam leaves out the current year, the dated reviews end with
2015, and there are reviews of a February 29."""

_CORE = 5
_GAME_COLUMNS = ("item_id", "name", "genres", "tags", "release_date", "developer", "price")
_POSTED = re.compile(r"Posted ([A-Z][a-z]+ \d{1,2})(?:, (\d{4}))?\.")
_YEAR = re.compile(r"(\d{4})")


@dataclass(frozen=True, eq=False)
class _Games:
    """All games, in ascending id order."""

    ids: IntArray
    names: list[str]
    genres: list[tuple[str, ...]]
    years: list[int | None]


def load_steam_reviews(folder: Path, *, filter: SteamFilter = "5-core") -> Dataset:
    """Read the reviews; each is an interaction, with rating 1 where it recommends, else 0.

    Users and items are in the ascending order of their ids. A review's time is the start of its
    day (UTC); reviews of one day keep the order of the file, and one whose day cannot be read has
    time 0 and so comes first. Reviews of games without a name, which a language model could not
    read, and repeats of a (user, game) pair are dropped; `source["dropped"]` counts both.

    The log holds a row for each review: shown, and clicked where it recommends. These exposures
    are self-selected: a no-click is a game bought, played and not recommended.

    Args:
        folder: Holds `user_reviews.csv` and `games.tsv`.
        filter: "5-core" keeps the largest part in which every user and every game has at least 5
            reviews: 1,949 users, 458 games, 11,947 reviews; "none" keeps all.

    Raises:
        DataError: If a file is missing or malformed; names file, line and column.
        UnknownNameError: If there is no such filter or a column is missing.
    """
    if filter not in get_args(SteamFilter):
        raise UnknownNameError("Steam filter", filter, get_args(SteamFilter))
    STEAM_REVIEWS.require(folder)
    reviews = read_table(folder / "user_reviews.csv")
    info = read_separated(folder / "games.tsv", _GAME_COLUMNS, "\t", "utf-8", header=True)
    games = _games(info)
    users = reviews.require_filled("user_id", "name the user.")
    user_ids = sorted(set(users))
    user = rows_of_texts(users, user_ids)
    item = places_of_ids(reviews.integers("item_id", 1), games.ids)
    named = item >= 0
    kept = named & _first_of_pair(user, item)
    n_repeated, n_before = int((named & ~kept).sum()), int(kept.sum())
    if filter == "5-core":
        kept[kept] = k_core(user[kept], item[kept], _CORE)
    if not kept.any():
        raise DataError(
            f"The filter {filter!r} leaves nothing of {len(user)} reviews.", path=reviews.path
        )
    rows = keep(user, item, kept)
    interactions = Interactions.from_columns(
        user=rows.user,
        item=rows.item,
        time=_times(reviews)[kept],
        rating=_recommended(reviews)[kept],
        n_users=len(rows.users),
        n_items=len(rows.items),
    )
    return Dataset(
        name="steam-reviews" if filter == "5-core" else "steam-reviews-all",
        catalogue=Catalogue(
            item_ids=[str(games.ids[k]) for k in rows.items],
            titles=[games.names[k] for k in rows.items],
            categories=[games.genres[k] for k in rows.items],
            domain="games",
            attributes={"year": [games.years[k] for k in rows.items]},
        ),
        interactions=interactions,
        user_ids=[user_ids[k] for k in rows.users],
        log=log_from_ratings(interactions, liked_from=1),
        source={
            "publisher": STEAM_REVIEWS.url,
            "licence": LICENCE,
            "filter": filter,
            "time": f"day of the review; a day without a year is of {COLLECTED}; 0 where unknown "
            f"({int((interactions.time == 0).sum())})",
            "log": "A click is a review that recommends the game, a no-click one that does not; "
            "users chose what they reviewed (self-selected).",
            "dropped": left_out(
                reviews_of_games_without_a_name=int((~named).sum()),
                repeated_reviews=n_repeated,
                reviews_outside_the_core=n_before - len(rows.user),
            ),
            **{f"sha256:{f.path.name}": f.sha256 for f in (reviews, info)},
        },
    )


def _games(info: Fields) -> _Games:
    """Games with a name; names and genres come with HTML's character references."""
    ids = unique_ids(info, "item_id")
    names = [html.unescape(name).strip() for name in info.columns["name"]]
    order = [k for k in np.argsort(ids) if names[k]]
    if not order:
        raise DataError("No game has a name; fetch the file again.", path=info.path)
    genres, released = info.columns["genres"], info.columns["release_date"]
    return _Games(
        ids=ids[order],
        names=[names[k] for k in order],
        genres=[tuple(filter(None, html.unescape(genres[k]).split("|"))) for k in order],
        years=[int(m[1]) if (m := _YEAR.search(released[k])) else None for k in order],
    )


def _first_of_pair(user: IntArray, item: IntArray) -> BoolArray:
    """Whether a row is the first of its (user, item) pair, shape (n,)."""
    _, first = np.unique(user * (int(item.max()) + 2) + item, return_index=True)
    out = np.zeros(len(user), dtype=bool)
    out[first] = True
    return out


def _recommended(reviews: Fields) -> FloatArray:
    """1 where a review recommends, else 0, float32, shape (n,)."""
    texts = reviews.texts("recommend")
    bad = next((k for k, text in enumerate(texts) if text not in ("True", "False")), None)
    if bad is not None:
        raise reviews.fault(f"{excerpt(texts[bad])} is neither True nor False.", bad, "recommend")
    return np.array([text == "True" for text in texts], dtype=np.float32)


def _times(reviews: Fields) -> IntArray:
    """The start of each review's day in seconds since 1970, 0 where unknown, shape (n,)."""
    dates, posted = reviews.texts("date"), reviews.texts("posted")
    seconds: dict[tuple[str, str], int] = {}
    for row, day in enumerate(zip(dates, posted, strict=True)):
        if day not in seconds:
            try:
                seconds[day] = _seconds(*day)
            except ValueError:
                raise reviews.fault(
                    f"{excerpt(day[0])} is no day such as 2011-11-05; write one, or leave it "
                    "empty.",
                    row,
                    "date",
                ) from None
    return np.array([seconds[day] for day in zip(dates, posted, strict=True)], dtype=np.int64)


def _seconds(date: str, posted: str) -> int:
    if date:
        day = datetime.strptime(date, "%Y-%m-%d")
    elif match := _POSTED.fullmatch(posted):
        day = datetime.strptime(f"{match[1]} {match[2] or COLLECTED}", "%B %d %Y")
    else:
        return 0
    return int(day.replace(tzinfo=UTC).timestamp())
