"""The data sets that load by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simulator.data.archive import Archive
from simulator.data.coat import COAT, load_coat
from simulator.data.coat import LICENCE as COAT_LICENCE
from simulator.data.douban import DOUBAN_MOVIE, load_douban_movie
from simulator.data.douban import LICENCE as DOUBAN_LICENCE
from simulator.data.home import data_home
from simulator.data.lastfm import HOME_PAGE as LASTFM_PAGE
from simulator.data.lastfm import LASTFM, load_lastfm
from simulator.data.lastfm import LICENCE as LASTFM_LICENCE
from simulator.data.mind import LICENCE as MIND_LICENCE
from simulator.data.mind import MIND, load_mind
from simulator.data.movielens import LICENCE, ML_100K, load_movielens_100k
from simulator.data.steam import LICENCE as STEAM_LICENCE
from simulator.data.steam import STEAM_200K, load_steam_200k
from simulator.data.steam_reviews import LICENCE as REVIEWS_LICENCE
from simulator.data.steam_reviews import STEAM_REVIEWS, load_steam_reviews
from simulator.data.tables import load_tables
from simulator.data.tallrec import LICENCE as TALLREC_LICENCE
from simulator.data.tallrec import TALLREC, load_tallrec
from simulator.data.upworthy import LICENCE as UPWORTHY_LICENCE
from simulator.data.upworthy import UPWORTHY
from simulator.domain import Dataset
from simulator.errors import DataError, UnknownNameError, excerpt


@dataclass(frozen=True)
class DatasetSpec:
    """What is known about a data set before it is loaded.

    Attributes:
        name: What `load_dataset` and `--data` take.
        title: One line for people.
        contains: What it has: counts, ratings, logged exposures.
        licence: Its terms, to be shown before a download.
        home_page: Its publisher's page; "" for one that ships with nudgesim.
        load: Reads it from its folder; raises a DataError for what is no `Dataset`.
        archive: Where its files come from, and which they are; None for one that ships with
            nudgesim.
    """

    name: str
    title: str
    contains: str
    licence: str
    home_page: str
    load: Callable[[Path], Dataset]
    archive: Archive | None = None

    def folder(self, home: Path) -> Path:
        """Where its files lie under `home`."""
        return home / (self.archive.folder if self.archive else self.name)

    def is_present(self, home: Path | None = None) -> bool:
        """Whether it can be loaded without fetching anything."""
        if self.archive is None:
            return True
        return not self.archive.missing_from(self.folder(home or data_home()))


def _load_demo(_folder: Path) -> Dataset:
    from simulator.data.demo import load_demo

    return load_demo()


def _refuse_upworthy(folder: Path) -> Dataset:
    raise DataError(
        "These are tests of headlines, without users or histories to simulate. Hold click models "
        "to them with `nudgesim compare --data upworthy`; in Python, `load_upworthy()` and "
        "`evals.headlines.judge_headlines`.",
        path=folder,
    )


_SPECS = (
    DatasetSpec(
        name="demo",
        title="The demo world: real films, synthetic users",
        contains="histories, and logged exposures with no-clicks whose true probability is known",
        licence="Apache-2.0, as nudgesim",
        home_page="",
        load=_load_demo,
    ),
    DatasetSpec(
        name="ml-100k",
        title="MovieLens 100k, filtered as in the ITMPRec paper",
        contains="943 users, 1,348 films, 98,704 ratings; no real no-clicks (a like is 4 or more)",
        licence=LICENCE,
        home_page="https://grouplens.org/datasets/movielens/100k/",
        load=load_movielens_100k,
        archive=ML_100K,
    ),
    DatasetSpec(
        name="ml-100k-all",
        title="MovieLens 100k, whole",
        contains="943 users, 1,682 films, 100,000 ratings; no real no-clicks (a like is 4 or more)",
        licence=LICENCE,
        home_page="https://grouplens.org/datasets/movielens/100k/",
        load=partial(load_movielens_100k, filter="none"),
        archive=ML_100K,
    ),
    DatasetSpec(
        name="lastfm",
        title="Last.fm (HetRec 2011), tagged artists, 5-core",
        contains="1,089 users, 3,624 artists, 52,422 interactions, times to the month",
        licence=LASTFM_LICENCE,
        home_page=LASTFM_PAGE,
        load=load_lastfm,
        archive=LASTFM,
    ),
    DatasetSpec(
        name="lastfm-all",
        title="Last.fm (HetRec 2011), whole",
        contains="1,892 users, 17,632 artists, 92,834 play counts, a time for 20,664",
        licence=LASTFM_LICENCE,
        home_page=LASTFM_PAGE,
        load=partial(load_lastfm, filter="none"),
        archive=LASTFM,
    ),
    DatasetSpec(
        name="steam-200k",
        title="Steam-200k, bought games with hours played, 5-core",
        contains="3,726 users, 2,628 games, 110,176 purchases; no times, no categories",
        licence=STEAM_LICENCE,
        home_page=STEAM_200K.url,
        load=load_steam_200k,
        archive=STEAM_200K,
    ),
    DatasetSpec(
        name="steam-200k-all",
        title="Steam-200k, whole",
        contains="12,393 users, 5,155 games, 128,804 purchases; no times, no categories",
        licence=STEAM_LICENCE,
        home_page=STEAM_200K.url,
        load=partial(load_steam_200k, filter="none"),
        archive=STEAM_200K,
    ),
    DatasetSpec(
        name="steam-reviews",
        title="Steam reviews by Australian users, 5-core",
        contains="1,949 users, 458 games, 11,947 reviews; no real no-clicks (a like recommends)",
        licence=REVIEWS_LICENCE,
        home_page=STEAM_REVIEWS.url,
        load=load_steam_reviews,
        archive=STEAM_REVIEWS,
    ),
    DatasetSpec(
        name="steam-reviews-all",
        title="Steam reviews by Australian users, whole",
        contains="24,380 users, 3,195 games, 53,197 reviews; no real no-clicks (a like recommends)",
        licence=REVIEWS_LICENCE,
        home_page=STEAM_REVIEWS.url,
        load=partial(load_steam_reviews, filter="none"),
        archive=STEAM_REVIEWS,
    ),
    DatasetSpec(
        name="douban-movie",
        title="Douban films, a part, with Chinese titles",
        contains="447 users, 576 films, 52,472 interactions; no times, no ratings",
        licence=DOUBAN_LICENCE,
        home_page=DOUBAN_MOVIE.url,
        load=load_douban_movie,
        archive=DOUBAN_MOVIE,
    ),
    DatasetSpec(
        name="mind",
        title="MIND: news impressions of MSN, one part as published",
        contains="what each reader was shown, clicked or passed over: real no-clicks; histories",
        licence=MIND_LICENCE,
        home_page=MIND.url,
        load=load_mind,
        archive=MIND,
    ),
    DatasetSpec(
        name="coat",
        title="Coat shopping: coats liked, and coats shown at random",
        contains="290 users, 300 coats, 4,640 randomly shown (a like is 4 or more), 1,814 liked; "
        "no times",
        licence=COAT_LICENCE,
        home_page=COAT.url,
        load=load_coat,
        archive=COAT,
    ),
    DatasetSpec(
        name="tallrec-movie",
        title="TALLRec's questions about films, validation part",
        contains="1,000 questions to 14 people; no real no-clicks (a like is an answer Yes)",
        licence=TALLREC_LICENCE["movie"],
        home_page=TALLREC["movie"].url,
        load=partial(load_tallrec, kind="movie"),
        archive=TALLREC["movie"],
    ),
    DatasetSpec(
        name="tallrec-book",
        title="TALLRec's questions about books, validation part",
        contains="2,427 questions; no real no-clicks (a like is an answer Yes)",
        licence=TALLREC_LICENCE["book"],
        home_page=TALLREC["book"].url,
        load=partial(load_tallrec, kind="book"),
        archive=TALLREC["book"],
    ),
    DatasetSpec(
        name="upworthy",
        title="Upworthy's randomised tests of headlines (for `nudgesim compare` alone)",
        contains="people shown and clicks of each headline; no users, no histories",
        licence=UPWORTHY_LICENCE,
        home_page=UPWORTHY.url,
        load=_refuse_upworthy,
        archive=UPWORTHY,
    ),
)
DATASETS: Mapping[str, DatasetSpec] = {spec.name: spec for spec in _SPECS}
"""All data sets by name."""


def dataset_names() -> list[str]:
    """Names that `load_dataset` knows, in the order in which they are worth trying."""
    return list(DATASETS)


def dataset_spec(name: str) -> DatasetSpec:
    """What is known about a data set.

    Raises:
        UnknownNameError: If there is none of this name.
    """
    if name not in DATASETS:
        raise UnknownNameError("data set", name, DATASETS)
    return DATASETS[name]


def load_dataset(name_or_path: str | Path, *, home: Path | None = None) -> Dataset:
    """Load a data set by name, or plain tables by the path of their TOML file.

    Args:
        name_or_path: A name out of `dataset_names()`, or a path that ends in ".toml"
            (see `simulator.data.table_columns`).
        home: The folder of all data sets; `data_home()` by default.

    Raises:
        UnknownNameError: If it is neither.
        DataError: If files are missing or malformed.
    """
    name = str(name_or_path)
    if name in DATASETS:
        spec = DATASETS[name]
        return spec.load(spec.folder(home or data_home()))
    try:
        path = Path(name_or_path).expanduser()
        exists = path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"Not a data set: {error}.", path=excerpt(name)) from None
    if path.suffix == ".toml":
        return load_tables(path)
    if exists or len(path.parts) > 1:
        raise DataError(
            "Not a data set; plain tables are named by a TOML file that says which tables and "
            "columns they are (`simulator.data.table_columns` shows one).",
            path=path,
        )
    raise UnknownNameError("data set", name, [*DATASETS, "PATH.toml"])
