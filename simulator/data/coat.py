"""Coat shopping: ratings of coats that people chose to rate, and of coats shown at random.

T. Schnabel et al., "Recommendations as Treatments: Debiasing Learning and Evaluation", ICML 2016.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simulator.data.archive import Archive
from simulator.data.fields import Fields
from simulator.data.filters import left_out
from simulator.data.separated import read_separated
from simulator.domain import Catalogue, Dataset, ExposureLog, IntArray, Interactions
from simulator.errors import DataError, UnknownNameError, excerpt

COAT = Archive(
    url="https://www.cs.cornell.edu/~schnabts/mnar/",
    md5=None,
    folder="coat",
    files=(
        "train.ascii",
        "test.ascii",
        "item_features.ascii",
        "item_features_map.txt",
        "user_features.ascii",
        "user_features_map.txt",
    ),
    note="The maps and features are in the archive's user_item_features folder.",
)
LICENCE = "not stated; the publisher asks to be cited"
LIKED_FROM = 4
"""A rating of 4 or 5 counts as a like."""

_JACKETS = {
    "motorcycle": "motorcycle jacket",
    "other": "jacket",
    "parkas": "parka",
    "pea": "pea coat",
    "shells": "shell jacket",
    "trench": "trench coat",
    "vests": "vest",
}
"""What a jacket type is called in a title, where it is not "<type> jacket"."""
_COLOURS = {"multi": "of several colours", "other": "of another colour"}


def load_coat(folder: Path) -> Dataset:
    """Read the coat shopping data.

    Users and coats are numbered from 1, as the files' lines are. A coat's title is made of its
    features, all that is published ("Women's parka, navy"); coats with the same features share it.

    The log is the test part: 16 coats drawn at random for each user, clicked where rated 4 or 5.
    Nobody chose what was shown, so its no-clicks are real: seen and not wanted.

    A user's interactions are the coats of the training part that were rated 4 or 5. Unlike the low
    rating of a film, which was watched all the same, a coat rated 1 was looked at and not wanted;
    in a history, which a click model reads as what the user chose, it would mislead. A coat of both
    parts has one rating, so it is left out of the history: it would give the log's answer away.

    There are no times: histories are at time 0, the log is at time 1.

    Args:
        folder: Holds `train.ascii`, `test.ascii` and the features with their maps.

    Raises:
        DataError: If a file is missing or malformed; names file, line and column.
    """
    COAT.require(folder)
    coats, people = (_read_features(folder, kind) for kind in ("item", "user"))
    chosen, random = (
        _read_ratings(folder / name, len(people), len(coats))
        for name in ("train.ascii", "test.ascii")
    )
    rated, shown = (_matrix(part) for part in (chosen, random))
    liked = rated >= LIKED_FROM
    user, item = np.nonzero(liked & (shown == 0))
    log_user, log_item = np.nonzero(shown)
    return Dataset(
        name="coat",
        catalogue=_catalogue(_values(coats)),
        interactions=Interactions.from_columns(
            user=user,
            item=item,
            time=np.zeros(len(user), dtype=np.int64),
            rating=rated[user, item].astype(np.float32),
            n_users=len(people),
            n_items=len(coats),
        ),
        user_ids=[str(k + 1) for k in range(len(people))],
        log=ExposureLog(
            user=log_user.astype(np.int32),
            item=log_item.astype(np.int32),
            time=np.ones(len(log_user), dtype=np.int64),
            position=np.full(len(log_user), -1, dtype=np.int32),
            clicked=shown[log_user, log_item] >= LIKED_FROM,
        ),
        user_attributes=_values(people),
        source={
            "publisher": COAT.url,
            "licence": LICENCE,
            "time": "none is known; histories are at 0, the log is at 1",
            "log": f"A click is a rating of {LIKED_FROM} or more, a no-click a lower one, of coats "
            "drawn at random to be rated.",
            "caution": "Titles are made of three features, so many coats share one: what reads "
            "titles alone cannot tell these apart.",
            "dropped": left_out(
                liked_coats_that_the_log_shows_too=int((liked & (shown > 0)).sum()),
                coats_that_people_chose_and_did_not_like=int(((rated > 0) & ~liked).sum()),
            ),
            **{f"sha256:{f.path.name}": f.sha256 for f in (chosen, random, coats, people)},
        },
    )


def _read_features(folder: Path, kind: str) -> Fields:
    """A line a coat or a user, a column a feature, such as "gender:men", 0 or 1."""
    names = read_separated(folder / f"{kind}_features_map.txt", ("group", "value"), ":", "utf-8")
    pairs = zip(names.columns["group"], names.columns["value"], strict=True)
    columns = [f"{group}:{value}" for group, value in pairs]
    for row, column in enumerate(columns):
        if column in columns[:row]:
            raise names.fault(f"{excerpt(column)} is here a second time.", row, "value")
    return read_separated(folder / f"{kind}_features.ascii", columns, " ", "utf-8")


def _values(features: Fields) -> Mapping[str, Sequence[str]]:
    """By group, such as "gender": the one value that each coat or user has.

    Raises:
        DataError: If one has none, or several; names the line and the group.
    """
    groups: dict[str, list[str]] = {}
    for name in features.columns:
        groups.setdefault(name.split(":")[0], []).append(name)
    out: dict[str, Sequence[str]] = {}
    for group, names in groups.items():
        flags = np.stack([features.integers(name, 0, 1) for name in names], axis=1)
        bad = np.flatnonzero(flags.sum(axis=1) != 1)
        if len(bad):
            row = int(bad[0])
            message = f"{flags[row].sum()} of its {len(names)} values are 1, where one is due."
            raise features.fault(message, row, group)
        values = [name.partition(":")[2] for name in names]
        out[group] = [values[k] for k in flags.argmax(axis=1)]
    return out


def _read_ratings(path: Path, n_users: int, n_items: int) -> Fields:
    """A line a user, a column a coat, named by its number."""
    ratings = read_separated(path, [str(k + 1) for k in range(n_items)], " ", "utf-8")
    if len(ratings) != n_users:
        raise DataError(
            f"{len(ratings)} lines for {n_users} users; fetch the file again.", path=path
        )
    return ratings


def _matrix(ratings: Fields) -> IntArray:
    """Ratings of 1 to 5, 0 where there is none, shape (n_users, n_items)."""
    return np.stack([ratings.integers(name, 0, 5) for name in ratings.columns], axis=1)


def _catalogue(features: Mapping[str, Sequence[str]]) -> Catalogue:
    """Coats with titles made of their features.

    Raises:
        UnknownNameError: If the map lacks a group that titles are made of.
    """
    for group in ("gender", "jackettype", "color"):
        if group not in features:
            raise UnknownNameError("group of item_features_map.txt", group, features)
    kinds, colours = features["jackettype"], features["color"]
    wearers = [f"{gender}'s" for gender in features["gender"]]
    looks = zip(wearers, kinds, colours, strict=True)
    return Catalogue(
        item_ids=[str(k + 1) for k in range(len(kinds))],
        titles=[
            f"{wearer.capitalize()} {_JACKETS.get(kind, f'{kind} jacket')}, "
            f"{_COLOURS.get(colour, colour)}"
            for wearer, kind, colour in looks
        ],
        categories=list(zip(kinds, wearers, strict=True)),
        attributes=features,
    )
