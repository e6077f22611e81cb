"""No row of a file is lost in silence: it is in the data set, or counted as left out."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from malformed_subjects import DOUBAN, LASTFM, MIND, MOVIELENS, STEAM, STEAM_REVIEWS, Subject, table
from malformed_values import examples

from simulator.data import (
    load_douban_movie,
    load_lastfm,
    load_mind,
    load_movielens_100k,
    load_steam_200k,
    load_steam_reviews,
)
from simulator.domain import Dataset
from simulator.errors import DataError

people, things = st.integers(1, 4), st.integers(1, 5)
pairs = st.lists(st.tuples(people, things), min_size=1, max_size=25)


def counted(data: Dataset, *of: str) -> int:
    """The sum of what was left out, of the kinds that begin with one of the words."""
    parts = re.findall(r"(\d[\d,]*) (\w+)", data.source["dropped"])
    return sum(int(number.replace(",", "")) for number, what in parts if what in of)


def loaded(subject: Subject, files: dict[str, bytes], load) -> Dataset | None:
    with tempfile.TemporaryDirectory() as place:
        folder = subject.write(Path(place))
        for name, content in files.items():
            (folder / name).write_bytes(content)
        try:
            return load(folder)
        except DataError as error:
            if not re.search("leaves no|has a title", str(error)):
                raise
            return None


@examples(60)
@given(rows=st.lists(st.tuples(people, st.sampled_from([10, 20])), unique=True, min_size=1))
def test_ratings(rows):
    ratings = table(*sorted((min(user, 3), item, 4, 5) for user, item in rows if user < 4))
    n = ratings.count(b"\n")
    if not n:
        return
    for name in ("none", "paper"):
        data = loaded(
            MOVIELENS,
            {"u.data": ratings},
            lambda place, f=name: load_movielens_100k(place, filter=f),
        )
        if data is not None:
            assert len(data.interactions) + counted(data, "ratings") == n
            assert data.n_users + counted(data, "users") == 3


@examples(60)
@given(rows=pairs, answers=st.lists(st.sampled_from(["True", "False"]), min_size=25, max_size=25))
def test_reviews(rows, answers):
    head = ("user_id", "item_id", "recommend", "posted", "date")
    lines = [(u, 10 * i, a, "", "") for (u, i), a in zip(rows, answers, strict=False)]
    reviews = {"user_reviews.csv": table(head, *lines, separator=",")}
    for name in ("none", "5-core"):
        data = loaded(
            STEAM_REVIEWS, reviews, lambda place, f=name: load_steam_reviews(place, filter=f)
        )
        if data is not None:
            assert len(data.interactions) + counted(data, "reviews", "repeated") == len(rows)


@examples(60)
@given(rows=pairs)
def test_purchases(rows):
    bought = table(("User_ID", "Game_ID", "Purchase"), *((u, min(i, 2), 1) for u, i in rows))
    files = {"game_purchase.dat": bought, "game_play.dat": _played(rows[0])}
    for name in ("none", "5-core"):
        data = loaded(STEAM, files, lambda place, f=name: load_steam_200k(place, filter=f))
        if data is not None:
            assert len(data.interactions) + counted(data, "repeated", "purchases") == len(rows)


def _played(row):
    return table(("User_ID", "Game_ID", "Hours"), (row[0], min(row[1], 2), 1.5))


@examples(60)
@given(rows=st.lists(st.tuples(people, things), unique=True, min_size=1))
def test_films_seen(rows):
    seen = table(("user_id", "movie_id", "split"), *((u, i + 3, "train") for u, i in rows))
    data = loaded(DOUBAN, {"interactions.tsv": seen}, load_douban_movie)
    if data is not None:
        assert len(data.interactions) + counted(data, "interactions") == len(rows)


@examples(60)
@given(rows=st.lists(st.tuples(st.integers(2, 3), things, st.integers(1, 2)), min_size=1))
def test_tags(rows):
    head = ("userID", "artistID", "tagID", "timestamp")
    tags = table(head, *((u, i + 5, t, 1_238_536_800_000) for u, i, t in rows))
    data = loaded(
        LASTFM,
        {"user_taggedartists-timestamps.dat": tags},
        lambda place: load_lastfm(place, filter="none"),
    )
    assert data is not None
    assert len(data.interactions) == 2
    assert counted(data, "tags") == sum(i + 5 not in (7, 8) for _, i, _ in rows)


@examples(60)
@given(
    pages=st.lists(st.lists(st.tuples(things, st.booleans()), min_size=1, max_size=4), min_size=1)
)
def test_articles_shown(pages):
    time = "11/14/2019 7:01:48 AM"
    lines = [
        (k, f"U{k % 2}", time, "N1 N9", " ".join(f"N{n}-{int(c)}" for n, c in page))
        for k, page in enumerate(pages)
    ]
    data = loaded(MIND, {"behaviors.tsv": table(*lines)}, load_mind)
    if data is not None:
        shown = sum(map(len, pages))
        unknown = sum(number > 3 for page in pages for number, _ in page)
        assert data.log is not None
        assert len(data.log) == shown - unknown
        assert (f"{unknown} shown articles" in data.source["dropped"]) == bool(unknown)
        assert (
            f"{len({k % 2 for k in range(len(pages))})} articles of histories"
            in (data.source["dropped"])
        )
