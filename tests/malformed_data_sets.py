"""Small, valid files of every data set, all written here, and their loaders."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from malformed_formats import Subject, parquet, table

from simulator.data import (
    HeadlineTests,
    load_coat,
    load_douban_movie,
    load_headline_tests,
    load_lastfm,
    load_mind,
    load_movielens_100k,
    load_steam_200k,
    load_steam_reviews,
    load_tables,
    load_tallrec,
)
from simulator.domain import Dataset


def told(data: Dataset) -> str:
    """What a data set holds, titles and order included, and what was left out."""
    rows, log = data.interactions, data.log
    assert len(set(data.catalogue.item_ids)) == data.n_items
    assert all(title.strip() for title in data.catalogue.titles)
    assert len(data.user_ids) == data.n_users == len(set(data.user_ids))
    assert rows.rating is None or np.isfinite(rows.rating).all()
    if len(rows):
        assert 0 <= rows.user.min() <= rows.user.max() < data.n_users
        assert 0 <= rows.item.min() <= rows.item.max() < data.n_items
    json.dumps([*data.catalogue.titles, *data.user_ids, dict(data.source)]).encode()
    for text in (*data.catalogue.titles, *data.user_ids, *data.catalogue.category_names):
        text.encode()
    content = f"{len(rows)} interactions of {data.n_users} users with {data.n_items} items"
    if log is not None:
        assert len(log) == len(log.clicked)
        content += f", {len(log)} exposures, {int(log.clicked.sum())} clicked"
        assert data.logged_exposures().history.lengths.min(initial=0) >= 0
    left_out = "; ".join(data.source[k] for k in ("dropped", "merged") if k in data.source)
    return f"{content}; left out: {left_out}" if left_out else content


def told_tests(tests: HeadlineTests) -> str:
    seen = f"{len(tests)} headlines of {len(tests.test_ids)} tests"
    return f"{seen}; left out: {tests.source['dropped']}; merged: {tests.source['merged']}"


GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip


def film(number: int, title: str, *genres: str) -> tuple[object, ...]:
    return (number, title, "01-Jan-1995", "", "", *(int(name in genres) for name in GENRES))


MOVIELENS = Subject(
    "movielens",
    {
        "u.data": table((1, 10, 5, 880), (1, 20, 3, 881), (2, 10, 4, 882), (3, 20, 1, 883)),
        "u.item": table(
            film(10, "Made Up (1990)", "Drama"), film(20, "Néw (1991)", "War"), separator="|"
        )
        .decode()
        .encode("latin-1"),
        "u.user": table(*((k, 30, "F", "writer", 12345) for k in (1, 2, 3)), separator="|"),
        "u.genre": table(*((name, k) for k, name in enumerate(GENRES)), separator="|"),
    },
    lambda folder: told(load_movielens_100k(folder, filter="none")),
)
LASTFM = Subject(
    "lastfm",
    {
        "artists.dat": table(
            ("id", "name", "url", "pictureURL"), (7, "Band A", "u", "p"), (8, "Bänd B", "u", "p")
        ),
        "tags.dat": table(("tagID", "tagValue"), (1, "rock"), (2, "slow")),
        "user_taggedartists-timestamps.dat": table(
            ("userID", "artistID", "tagID", "timestamp"),
            (2, 7, 1, 1_238_536_800_000),
            (2, 8, 2, 1_238_536_800_000),
            (3, 8, 1, 1_240_000_000_000),
        ),
        "user_artists.dat": table(("userID", "artistID", "weight"), (2, 7, 50), (2, 8, 9)),
    },
    lambda folder: told(load_lastfm(folder, filter="none")),
)
STEAM = Subject(
    "steam",
    {
        "item_info.dat": table(("Game_ID", "Game Name"), (1, "Gäme"), (2, "Other Game")),
        "game_purchase.dat": table(
            ("User_ID", "Game_ID", "Purchase"), (7, 1, "1.0"), (7, 2, "1.0"), (9, 2, "1.0")
        ),
        "game_play.dat": table(("User_ID", "Game_ID", "Hours"), (7, 2, "2.5"), (9, 2, "1.5")),
    },
    lambda folder: told(load_steam_200k(folder, filter="none")),
)
STEAM_REVIEWS = Subject(
    "steam-reviews",
    {
        "user_reviews.csv": table(
            ("user_id", "item_id", "recommend", "posted", "date"),
            ("ann", 10, "True", "Posted May 2.", ""),
            ("ann", 20, "False", "Posted May 3.", "2012-05-03"),
            ("bob", 20, "True", "Posted June 1.", "2011-06-01"),
            separator=",",
        ),
        "games.tsv": table(
            ("item_id", "name", "genres", "tags", "release_date", "developer", "price"),
            (10, "Gäme &amp; Co", "Action|Indie", "", "2010", "", ""),
            (20, "Other", "", "", "", "", ""),
        ),
    },
    lambda folder: told(load_steam_reviews(folder, filter="none")),
)
DOUBAN = Subject(
    "douban",
    {
        "interactions.tsv": table(
            ("user_id", "movie_id", "split"), (0, 5, "train"), (0, 6, "test"), (4, 6, "train")
        ),
        "movies.tsv": table(
            ("movie_id", "title_zh", "title_full", "year", "genres", "directors", "country",
             "douban_score", "votes", "summary"),
            (5, "电影一", "", "1999", "剧情|爱情", "", "", "", "", ""),
            (6, "电影二", "", "", "", "", "", "", "", ""),
        ),
    },
    lambda folder: told(load_douban_movie(folder)),
)  # fmt: skip
MIND = Subject(
    "mind",
    {
        "behaviors.tsv": table(
            (1, "U7", "11/14/2019 7:01:48 AM", "N1 N2", "N3-1 N1-0"),
            (2, "U7", "11/14/2019 8:01:48 AM", "N1 N2", "N2-0 N3-0"),
            (3, "U4", "11/13/2019 12:00:00 PM", "", "N3-1 N2-0"),
        ),
        "news.tsv": table(
            *((f"N{k}", "news", "world", f"Héadline {k}", "", "u", "[]", "[]") for k in (1, 2, 3))
        ),
    },
    lambda folder: told(load_mind(folder)),
)
COAT = Subject(
    "coat",
    {
        "item_features_map.txt": b"gender:men\ngender:women\njackettype:rain\ncolor:navy\n",
        "item_features.ascii": b"0 1 1 1\n1 0 1 1\n0 1 1 1\n",
        "user_features_map.txt": b"gender:men\ngender:women\n",
        "user_features.ascii": b"0 1\n1 0\n",
        "train.ascii": b"5 4 2\n0 1 4\n",
        "test.ascii": b"0 4 3\n1 0 0\n",
    },
    lambda folder: told(load_coat(folder)),
)


def question(kind: str, liked: str, disliked: str, target: str, answer: str) -> dict[str, str]:
    text = f"User Preference: {liked}\nUser Unpreference: {disliked}\n"
    text += f"Whether the user will like the target {kind} {target}?"
    return {"instruction": "Will they?", "input": text, "output": answer}


TALLREC_FILMS = Subject(
    "tallrec-movie",
    {
        "movie_valid.json": json.dumps(
            [
                question("movie", '"Made Up (1990)"', '"Öther"', '"Third"', "Yes."),
                question("movie", '"Made Up (1990)", "Third"', '"Öther"', '"Fourth"', "No."),
            ],
            indent=1,
        ).encode()
    },
    lambda folder: told(load_tallrec(folder, "movie")),
)
TALLREC_BOOKS = Subject(
    "tallrec-book",
    {
        "book_valid.json": json.dumps(
            [
                question(
                    "book", '"One" written by Ann, "Two" written by Bo', "",
                    '""Three" written by Cy"', "Yes.",
                )
            ],
            indent=1,
        ).encode()
    },
    lambda folder: told(load_tallrec(folder, "book")),
)  # fmt: skip
UPWORTHY = Subject(
    "upworthy",
    {
        "packages.tsv": table(
            ("clickability_test_id", "headline", "impressions", "clicks", "test_week",
             "eyecatcher_id"),
            ("t1", "A headliné", 100, 5, 201446, "cat"),
            ("t1", "Another one", 100, 7, 201446, "cat"),
        )
    },
    lambda folder: told_tests(load_headline_tests(folder)),
)  # fmt: skip

SHOP = """name = "shop"
domain = "games"
licence = "ours"
[items]
path = "items.csv"
item_id = "sku"
title = "name"
categories = "tags"
attributes = ["year"]
[interactions]
path = "events.csv"
user_id = "who"
item_id = "sku"
time = "at"
rating = "stars"
clicked = "clicked"
position = "place"
"""
ITEMS = pd.DataFrame(
    {"sku": ["a", "b"], "name": ["Gäme, one", "Game two"], "tags": ["x|y", ""], "year": [1, 2]}
)
EVENTS = pd.DataFrame(
    {
        "who": ["zoe", "ann", "zoe"],
        "sku": ["a", "b", "b"],
        "at": [10, 20, 30],
        "stars": [4.5, 3.0, 1.0],
        "clicked": [1, 1, 0],
        "place": [0, 1, 2],
    }
)


TABLES = Subject(
    "tables",
    {
        "shop.toml": SHOP.encode(),
        "items.csv": ITEMS.to_csv(index=False).encode(),
        "events.csv": EVENTS.to_csv(index=False).encode(),
    },
    lambda folder: told(load_tables(folder / "shop.toml")),
)
PARQUET = Subject(
    "parquet",
    {
        "shop.toml": SHOP.replace(".csv", ".parquet").encode(),
        "items.parquet": parquet(ITEMS),
        "events.parquet": parquet(EVENTS),
    },
    lambda folder: told(load_tables(folder / "shop.toml")),
)
