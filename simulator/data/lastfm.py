"""Last.fm (HetRec 2011), from the publisher's own files.

I. Cantador, P. Brusilovsky and T. Kuflik, "2nd Workshop on Information Heterogeneity and Fusion in
Recommender Systems (HetRec 2011)", RecSys 2011.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from simulator.data.archive import Archive
from simulator.data.fields import Fields
from simulator.data.filters import k_core, keep, left_out
from simulator.data.ids import (
    MOST_ID,
    places_of_ids,
    refuse_repeated_pairs,
    rows_of_ids,
    unique_ids,
)
from simulator.data.separated import read_separated
from simulator.domain import Catalogue, Dataset, FloatArray, IntArray, Interactions
from simulator.errors import DataError, UnknownNameError

LastfmFilter: TypeAlias = Literal["5-core", "none"]

LASTFM = Archive(
    url="https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip",
    md5=None,
    folder="lastfm",
    files=("artists.dat", "tags.dat", "user_artists.dat", "user_taggedartists-timestamps.dat"),
)
LICENCE = "Last.fm and HetRec 2011: no commercial use, to be cited; see its readme"
HOME_PAGE = "https://grouplens.org/datasets/hetrec-2011/"
N_CATEGORIES = 3
"""An artist's categories: the tags that most users gave it, so many at most."""

_CORE = 5
_FIRST_SANE_MS = 315_532_800_000
"""1980, in milliseconds: Last.fm is younger, so an earlier time is no time at all."""


@dataclass(frozen=True, eq=False)
class _Artists:
    """Artists with a name, in ascending id order."""

    ids: IntArray
    names: list[str]


@dataclass(frozen=True, eq=False)
class _Events:
    """Tags given to artists with a name, in the order of the file.

    Attributes:
        user_id: The publisher's, shape (n,).
        artist: Rows, shape (n,).
        tag: Places among the tags in ascending id order, shape (n,).
        time: Seconds since 1970, 0 where unknown, shape (n,).
        n_nameless: Events left out because their artist has no name.
    """

    user_id: IntArray
    artist: IntArray
    tag: IntArray
    time: IntArray
    n_nameless: int


@dataclass(frozen=True, eq=False)
class _Pairs:
    """What users did with artists, a (user, artist) pair once, in the order for equal times."""

    user_id: IntArray
    artist: IntArray
    time: IntArray
    listens: FloatArray | None


def load_lastfm(folder: Path, *, filter: LastfmFilter = "5-core") -> Dataset:
    """Read Last.fm; items are artists, their titles are the artists' names.

    Users and items are in the ascending order of the publisher's ids. The only times are those of
    tags, mostly rounded to the month; a pair's time is that of the first tag that its user gave the
    artist, and a time before 1980 counts as unknown. **Unknown times are 0 and so come first.**

    The ITMPRec paper counts 945 users and 2,782 artists with 36.78 interactions a user, without the
    rule; no simple one gives these.

    Args:
        folder: Holds `artists.dat`, `tags.dat`, `user_artists.dat` and
            `user_taggedartists-timestamps.dat`.
        filter: "5-core" takes the (user, artist) pairs in which the user tagged the artist, and of
            these the largest part in which every user and every artist has at least 5: 1,089
            users, 3,624 artists, 52,422 interactions. It is the common choice of work on sequences
            (S3-Rec: Zhou et al., CIKM 2020, with 1,090 users and 3,646 artists), less the artists
            that have no name. Pairs of one time keep the order of the file.
            "none" takes all 92,834 pairs in which the user listened to the artist, with the number
            of plays as rating. 20,664 of them have a time, because the user also tagged the artist.
            Pairs of one time, and those of no time, go from the least to the most played.

    Raises:
        DataError: If a file is missing or malformed; names file, line and column.
        UnknownNameError: If there is no such filter.
    """
    if filter not in get_args(LastfmFilter):
        raise UnknownNameError("Last.fm filter", filter, get_args(LastfmFilter))
    LASTFM.require(folder)
    artist_file = _read(folder / "artists.dat", ("id", "name", "url", "pictureURL"))
    tag_file = _read(folder / "tags.dat", ("tagID", "tagValue"), encoding="latin-1")
    event_file = _read(
        folder / "user_taggedartists-timestamps.dat", ("userID", "artistID", "tagID", "timestamp")
    )
    files = [artist_file, tag_file, event_file]
    artists = _artists(artist_file)
    tag_ids = np.sort(unique_ids(tag_file, "tagID"))
    events = _events(event_file, artists, tag_ids)
    pairs = _tagged(events, len(artists.ids))
    if filter == "none":
        listen_file = _read(folder / "user_artists.dat", ("userID", "artistID", "weight"))
        files.append(listen_file)
        pairs = _listened(listen_file, artists, pairs)
    return _dataset(
        pairs,
        filter,
        artists,
        _categories(events, tag_file, tag_ids, artists),
        events.n_nameless,
        {f"sha256:{f.path.name}": f.sha256 for f in files},
    )


def _read(path: Path, columns: tuple[str, ...], encoding: str = "utf-8") -> Fields:
    return read_separated(path, columns, "\t", encoding, header=True)


def _artists(artist_file: Fields) -> _Artists:
    ids = unique_ids(artist_file, "id")
    names = artist_file.require_filled("name", "a language model reads names; drop the artist.")
    order = np.argsort(ids)
    return _Artists(ids[order], [names[k].strip() for k in order])


def _events(event_file: Fields, artists: _Artists, tag_ids: IntArray) -> _Events:
    user_id = event_file.integers("userID", 1, MOST_ID)
    artist = places_of_ids(event_file.integers("artistID", 1), artists.ids)
    tag = rows_of_ids(event_file, "tagID", tag_ids, "tags.dat")
    time = event_file.integers("timestamp")
    time = np.where(time < _FIRST_SANE_MS, 0, time // 1000)
    named = artist >= 0
    return _Events(user_id[named], artist[named], tag[named], time[named], int((~named).sum()))


def _tagged(events: _Events, n_artists: int) -> _Pairs:
    """Each tagged pair at its first known time, in the order of the file."""
    key = events.user_id * n_artists + events.artist
    _, first, pair = np.unique(key, return_index=True, return_inverse=True)
    never = np.iinfo(np.int64).max
    time = np.full(len(first), never)
    np.minimum.at(time, pair, np.where(events.time == 0, never, events.time))
    time[time == never] = 0
    order = np.argsort(first)
    rows = first[order]
    return _Pairs(events.user_id[rows], events.artist[rows], time[order], None)


def _listened(listen_file: Fields, artists: _Artists, tagged: _Pairs) -> _Pairs:
    """Each pair of a listener and an artist, from the least to the most played."""
    user_id = listen_file.integers("userID", 1, MOST_ID)
    artist = rows_of_ids(listen_file, "artistID", artists.ids, "artists.dat")
    refuse_repeated_pairs(
        listen_file, user_id, artist, "already has artist", ("userID", "artistID")
    )
    plays = listen_file.integers("weight", 1)
    known = tagged.user_id * len(artists.ids) + tagged.artist
    order = np.argsort(known)
    place = places_of_ids(user_id * len(artists.ids) + artist, known[order])
    time = np.zeros(len(place), dtype=np.int64)
    time[place >= 0] = tagged.time[order][place[place >= 0]]
    rows = np.argsort(plays, kind="stable")
    return _Pairs(user_id[rows], artist[rows], time[rows], plays[rows].astype(np.float32))


def _categories(
    events: _Events, tag_file: Fields, tag_ids: IntArray, artists: _Artists
) -> list[tuple[str, ...]]:
    """Each artist's most frequent tags; of equally frequent ones those more used over all."""
    texts = tag_file.require_filled("tagValue", "a category needs a name; drop the tag.")
    name_of = dict(zip(tag_file.integers("tagID"), texts, strict=True))
    pair, count = np.unique(events.artist * len(tag_ids) + events.tag, return_counts=True)
    artist, tag = np.divmod(pair, len(tag_ids))
    used = np.bincount(events.tag, minlength=len(tag_ids))
    order = np.lexsort((tag, -used[tag], -count, artist))
    ends = np.searchsorted(artist[order], np.arange(len(artists.ids) + 1))
    return [
        tuple(
            name_of[tag_ids[tag[k]]].strip() for k in order[start : min(end, start + N_CATEGORIES)]
        )
        for start, end in pairwise(ends)
    ]


def _dataset(
    pairs: _Pairs,
    filter: LastfmFilter,
    artists: _Artists,
    categories: list[tuple[str, ...]],
    n_nameless: int,
    source: Mapping[str, str],
) -> Dataset:
    user_ids, user = np.unique(pairs.user_id, return_inverse=True)
    kept = np.ones(len(user), dtype=bool)
    if filter == "5-core":
        kept = k_core(user, pairs.artist, _CORE)
        if not kept.any():
            raise DataError(
                f"The 5-core leaves nothing of {len(user)} pairs; load with filter='none'."
            )
    rows = keep(user, pairs.artist, kept)
    return Dataset(
        name="lastfm" if filter == "5-core" else "lastfm-all",
        catalogue=Catalogue(
            item_ids=[str(artists.ids[k]) for k in rows.items],
            titles=[artists.names[k] for k in rows.items],
            categories=[categories[k] for k in rows.items],
            domain="music",
        ),
        interactions=Interactions.from_columns(
            user=rows.user,
            item=rows.item,
            time=pairs.time[kept],
            rating=None if pairs.listens is None else pairs.listens[kept],
            n_users=len(rows.users),
            n_items=len(rows.items),
        ),
        user_ids=[str(number) for number in user_ids[rows.users]],
        source={
            "publisher": HOME_PAGE,
            "licence": LICENCE,
            "filter": filter,
            "time": "of the user's first tag of the artist, mostly to the month; 0 where unknown "
            f"({int((pairs.time[kept] == 0).sum())})",
            "dropped": left_out(
                tags_of_artists_without_a_name=n_nameless,
                pairs_outside_the_core=int((~kept).sum()),
            ),
            **source,
        },
    )
