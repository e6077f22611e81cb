"""The demo world: real films, synthetic users, and a click log whose true law is known.

The films are facts; the users are drawn by the process below, which is the whole truth about them.
All draws are counter-based (`simulator.seeding.uniforms`), one named stream a line, so a seed gives
the same world with every version of numpy. `z` are standard normal draws.

Tastes. Genres g come in five kinds k(g) (`KINDS`). User u likes two kinds, drawn evenly:
    theta_ug = (+1 if u likes k(g) else -1) + 0.2 z_ug
and prefers old films, new films, or neither, drawn evenly: eta_u in {-1, 0, 1}.
Film i, with genres G_i and year y_i, has
    s_i = clip((y_i - 1980) / 25, -2, 2)        its era
    a_i = 0.15 z_i                              its appeal to everybody
    h_ui = 1.9 mean_{g in G_i} theta_ug + 0.3 eta_u s_i
The utility is centred over the catalogue for each user, so that no user clicks more than another
for a reason that a history cannot show:
    P(u clicks i) = sigmoid(-0.9 + h_ui - mean_j h_uj + a_i)

History. At sign-up a user picks 16 favourites, one a minute, without replacement and with
probability proportional to exp(logit P / 0.4) (Plackett-Luce, by the Gumbel trick: the 16 largest
of logit P / 0.4 + Gumbel noise, in that order).
Log. Then comes one slate a day for ten days, at the user's own hour: 8 films drawn evenly from
those that the user neither picked nor was shown before. Each is clicked independently with
P(u clicks i), whatever its position. Clicked films join the history at the slate's time; the films
not clicked are real no-clicks.

Nobody's taste changes, so a click model can be judged on any row against the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtri

from simulator.data.demo_films import Films, load_films
from simulator.domain import BoolArray, Dataset, ExposureLog, FloatArray, IntArray, Interactions
from simulator.seeding import sample_rows, uniforms

DEMO_SEED = 2025
"""The seed of the demo world that the shipped pocket agent was trained in."""
KINDS = (
    ("Action", "Adventure", "Sci-Fi"),
    ("Animation", "Children's", "Fantasy"),
    ("Crime", "Film-Noir", "Horror", "Mystery", "Thriller"),
    ("Comedy", "Musical", "Romance"),
    ("Documentary", "Drama", "War", "Western"),
)
"""Kinds of film: a user likes or dislikes all genres of a kind, a little more or less each."""
N_USERS = 600
N_FAVOURITES = 16
N_SLATES = 10
SLATE_SIZE = 8
HELD_OUT_SHARE = 0.2

_START = 1_704_067_200  # 2024-01-01 00:00 UTC, in seconds since 1970
_DAY = 86_400
_MINUTE = 60


class DemoSplit(NamedTuple):
    """Users to learn from, and users kept for evaluation; ascending, int32."""

    train: IntArray
    held_out: IntArray


def load_demo(seed: int = DEMO_SEED) -> Dataset:
    """The demo world's films, histories and logged exposures.

    Args:
        seed: Another seed gives other users of the same kind, with the same films.
    """
    films = load_films()
    world = _world(seed)
    user, item, time, clicked = world.exposures()
    favourite_user, favourite_item, favourite_time = world.favourites_by_row()
    interactions = Interactions.from_columns(
        np.concatenate([favourite_user, user[clicked]]),
        np.concatenate([favourite_item, item[clicked]]),
        np.concatenate([favourite_time, time[clicked]]),
        n_users=N_USERS,
        n_items=len(films.titles),
    )
    position = np.tile(np.arange(SLATE_SIZE, dtype=np.int32), N_USERS * N_SLATES)
    return Dataset(
        name="demo",
        catalogue=films.catalogue(),
        interactions=interactions,
        user_ids=[f"user-{row:03d}" for row in range(1, N_USERS + 1)],
        log=ExposureLog(user, item, time, position, clicked),
        source={
            "origin": "nudgesim's demo world: real films, synthetic users",
            "seed": str(seed),
            "licence": "Apache-2.0",
            "log": "A click is drawn with the world's known probability, independently for each "
            "film of a slate; a no-click is a film shown and passed over.",
        },
    )


def true_click_probability(user: IntArray, item: IntArray, *, seed: int = DEMO_SEED) -> FloatArray:
    """The probability by which the world decides; for evaluation only, never for a click model.

    Args:
        user: User rows, shape (n,); the log's own rows are `(log.user, log.item)`.
        item: Film rows, shape (n,).
        seed: The world's seed.

    Returns:
        P(user clicks item) in (0, 1), float64, shape (n,).
    """
    return _world(seed).probability[user, item]


def demo_split(seed: int = DEMO_SEED) -> DemoSplit:
    """A fixed split by user: one in five is held out."""
    held_out = sample_rows(seed, "demo-held-out", N_USERS, round(HELD_OUT_SHARE * N_USERS))
    everyone = np.arange(N_USERS)
    train = np.setdiff1d(everyone, held_out)
    return DemoSplit(train.astype(np.int32), held_out.astype(np.int32))


@dataclass(frozen=True, eq=False)
class _World:
    """What was drawn.

    Attributes:
        probability: P(click), shape (n_users, n_items), read-only.
        favourites: Picked films in the order of picking, shape (n_users, N_FAVOURITES).
        shown: Shown films, shape (n_users, N_SLATES * SLATE_SIZE), slate after slate.
        clicked: Of the shape of `shown`.
        hour: Seconds from midnight to the user's slate, shape (n_users,).
    """

    probability: FloatArray
    favourites: IntArray
    shown: IntArray
    clicked: BoolArray
    hour: IntArray

    def exposures(self) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
        """The log's user, item, time and click columns, by user, slate and position."""
        slate_time = _START + np.arange(N_SLATES) * _DAY + self.hour[:, None]
        user = np.repeat(np.arange(N_USERS, dtype=np.int32), self.shown.shape[1])
        time = np.repeat(slate_time.ravel(), SLATE_SIZE)
        return user, self.shown.ravel().astype(np.int32), time, self.clicked.ravel()

    def favourites_by_row(self) -> tuple[IntArray, IntArray, IntArray]:
        """The user, item and time of each pick at sign-up, before the log begins."""
        user = np.repeat(np.arange(N_USERS, dtype=np.int32), N_FAVOURITES)
        time = np.tile(_START + (np.arange(N_FAVOURITES) - N_FAVOURITES) * _MINUTE, N_USERS)
        return user, self.favourites.ravel().astype(np.int32), time


@lru_cache(maxsize=4)
def _world(seed: int) -> _World:
    films = load_films()
    logit = _logit(seed, films)
    probability = expit(logit)
    probability.setflags(write=False)

    user = np.arange(N_USERS)[:, None]
    item = np.arange(len(films.titles))
    gumbel = -np.log(-np.log(uniforms(seed, "demo-favourite", user, item) + 2.0**-54))
    favourites = np.argsort(-(logit / 0.4 + gumbel), axis=1, kind="stable")[:, :N_FAVOURITES]
    turn = uniforms(seed, "demo-slate", user, item)
    np.put_along_axis(turn, favourites, 1.0, axis=1)  # never shown: they sort last
    shown = np.argsort(turn, axis=1, kind="stable")[:, : N_SLATES * SLATE_SIZE]
    luck = uniforms(seed, "demo-click", user, shown)
    clicked = luck < np.take_along_axis(probability, shown, axis=1)
    hour = (uniforms(seed, "demo-hour", np.arange(N_USERS)) * _DAY).astype(np.int64)
    return _World(probability, favourites, shown, clicked, hour)


def _logit(seed: int, films: Films) -> FloatArray:
    """The logit of P(click), shape (n_users, n_items); the equations of the module's docstring."""
    user = np.arange(N_USERS)
    like = np.argsort(uniforms(seed, "demo-kind", user[:, None], np.arange(len(KINDS))), axis=1) < 2
    kind_of = np.repeat(np.arange(len(KINDS)), [len(kind) for kind in KINDS])
    genres = tuple(name for kind in KINDS for name in kind)
    theta = np.where(like[:, kind_of], 1.0, -1.0)
    theta += 0.2 * _normals(seed, "demo-taste", user[:, None], np.arange(len(genres)))
    eta = np.floor(3 * uniforms(seed, "demo-era", user)) - 1

    belongs = films.membership(genres)
    era = np.clip((films.years - 1980) / 25, -2, 2)
    appeal = 0.15 * _normals(seed, "demo-appeal", np.zeros(1, int), np.arange(len(films.titles)))
    utility = 1.9 * theta @ (belongs / belongs.sum(axis=1, keepdims=True)).T
    utility += 0.3 * eta[:, None] * era
    return np.asarray(-0.9 + utility - utility.mean(axis=1, keepdims=True) + appeal)


def _normals(seed: int, stream: str, user: IntArray, column: IntArray) -> FloatArray:
    """Standard normal draws by inversion; the shift keeps 0 out."""
    return np.asarray(ndtri(uniforms(seed, stream, user, column) + 2.0**-54))
