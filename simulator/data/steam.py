"""Steam-200k: which games users bought and how long they played, from the ordered files.

The records are those of https://www.kaggle.com/tamber/steam-video-games, with users and games
numbered and bought and played set apart by A. Fortes da Costa for Case Recommender.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from simulator.data.archive import Archive
from simulator.data.fields import Fields
from simulator.data.filters import k_core, keep, left_out
from simulator.data.ids import MOST_ID, places_of_ids, rows_of_ids, unique_ids
from simulator.data.separated import read_separated
from simulator.domain import Catalogue, Dataset, FloatArray, IntArray, Interactions
from simulator.errors import DataError, UnknownNameError

SteamFilter: TypeAlias = Literal["5-core", "none"]

STEAM_200K = Archive(
    url="https://github.com/caserec/Datasets-for-Recommender-Systems",
    md5=None,
    folder="steam/steam200k_caserec",
    files=("item_info.dat", "game_purchase.dat", "game_play.dat"),
    note="The files are those of its Steam set.",
)
LICENCE = "not stated; see its README"

_CORE = 5
_MOST_HOURS = 1e6
"""More than a century."""


@dataclass(frozen=True, eq=False)
class _Games:
    """All games, in ascending id order."""

    ids: IntArray
    names: list[str]


@dataclass(frozen=True, eq=False)
class _Purchases:
    """Each (user, game) pair once, in the order for equal times.

    Attributes:
        user_id: The publisher's, shape (n,).
        game: Rows, shape (n,).
        hours: Played in all, 0 where never, shape (n,).
        n_repeated: Rows left out because they say again what an earlier one says.
    """

    user_id: IntArray
    game: IntArray
    hours: FloatArray
    n_repeated: int


def load_steam_200k(folder: Path, *, filter: SteamFilter = "5-core") -> Dataset:
    """Read Steam-200k; an interaction is a purchase, and its rating the hours played.

    Users and items are in the ascending order of the publisher's ids. There are no times, so all
    are 0, and **a history goes from the least to the most played game**, games never played first
    and equals in the order of the file: its last titles are what the user really played. Games
    have no categories.

    Args:
        folder: Holds `item_info.dat`, `game_purchase.dat` and `game_play.dat`.
        filter: "5-core" keeps the largest part in which every user bought at least 5 games and
            every game has at least 5 buyers: 3,726 users, 2,628 games, 110,176 interactions;
            "none" keeps all.

    Raises:
        DataError: If a file is missing or malformed; names file, line and column.
        UnknownNameError: If there is no such filter.
    """
    if filter not in get_args(SteamFilter):
        raise UnknownNameError("Steam filter", filter, get_args(SteamFilter))
    STEAM_200K.require(folder)
    info = _read(folder / "item_info.dat", ("Game_ID", "Game Name"))
    bought = _read(folder / "game_purchase.dat", ("User_ID", "Game_ID", "Purchase"))
    played = _read(folder / "game_play.dat", ("User_ID", "Game_ID", "Hours"))
    games = _games(info)
    pairs = _purchases(bought, played, games)
    user_ids, user = np.unique(pairs.user_id, return_inverse=True)
    kept = np.ones(len(user), dtype=bool)
    if filter == "5-core":
        kept = k_core(user, pairs.game, _CORE)
        if not kept.any():
            raise DataError(
                f"The 5-core leaves nothing of {len(user)} purchases; load with filter='none'.",
                path=bought.path,
            )
    rows = keep(user, pairs.game, kept)
    return Dataset(
        name="steam-200k" if filter == "5-core" else "steam-200k-all",
        catalogue=Catalogue(
            item_ids=[str(games.ids[k]) for k in rows.items],
            titles=[games.names[k] for k in rows.items],
            categories=[() for _ in rows.items],
            domain="games",
        ),
        interactions=Interactions.from_columns(
            user=rows.user,
            item=rows.item,
            time=np.zeros(len(rows.user), dtype=np.int64),
            rating=pairs.hours[kept],
            n_users=len(rows.users),
            n_items=len(rows.items),
        ),
        user_ids=[str(number) for number in user_ids[rows.users]],
        source={
            "publisher": STEAM_200K.url,
            "licence": LICENCE,
            "filter": filter,
            "time": "none; histories go from the least to the most played game",
            "rating": "hours played, 0 for never",
            "dropped": left_out(
                repeated_purchases=pairs.n_repeated,
                purchases_outside_the_core=int((~kept).sum()),
            ),
            **{f"sha256:{f.path.name}": f.sha256 for f in (info, bought, played)},
        },
    )


def _read(path: Path, columns: tuple[str, ...]) -> Fields:
    return read_separated(path, columns, "\t", "utf-8", header=True)


def _games(info: Fields) -> _Games:
    ids = unique_ids(info, "Game_ID")
    names = info.require_filled("Game Name", "a language model reads names; drop the game.")
    order = np.argsort(ids)
    return _Games(ids[order], [names[k].strip() for k in order])


def _purchases(bought: Fields, played: Fields, games: _Games) -> _Purchases:
    user_id = bought.integers("User_ID", 1, MOST_ID)
    game = rows_of_ids(bought, "Game_ID", games.ids, "item_info.dat")
    pair, first = np.unique(user_id * len(games.ids) + game, return_index=True)
    hours = np.zeros(len(pair))
    np.add.at(hours, _pairs_played(played, games, pair), played.numbers("Hours", 0, _MOST_HOURS))
    # From the least to the most played; of equals, in the order of the file.
    order = np.lexsort((first, hours))
    rows = first[order]
    return _Purchases(
        user_id[rows], game[rows], hours[order].astype(np.float32), len(user_id) - len(pair)
    )


def _pairs_played(played: Fields, games: _Games, bought: IntArray) -> IntArray:
    """For each row of the played file, the place of its (user, game) among the `bought` ones."""
    user_id = played.integers("User_ID", 1, MOST_ID)
    game = rows_of_ids(played, "Game_ID", games.ids, "item_info.dat")
    place = places_of_ids(user_id * len(games.ids) + game, bought)
    bad = np.flatnonzero(place < 0)
    if len(bad):
        row = int(bad[0])
        raise played.fault(
            f"User {user_id[row]} played game {games.ids[game[row]]}, but game_purchase.dat has no "
            "such purchase; add it, or drop this line.",
            row,
            "Game_ID",
        )
    return place
