"""Where titles are put: in front of users as the candidate, and into their histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.domain import Catalogue, Dataset, Exposures, IntArray, Ragged
from simulator.errors import DataError
from simulator.seeding import generator

PLACES = ("candidate", "history")


def users_of(dataset: Dataset, users: int, seed: int) -> Exposures:
    """Users drawn from all with two items or more: each is shown the last, after all others.

    Args:
        dataset: Any; a log is not needed.
        users: How many, at least 1; all where there are fewer.
        seed: Of the draw.

    Raises:
        DataError: If no user has two items.
    """
    past, last = dataset.interactions.leave_last_out()
    eligible = np.flatnonzero(past.histories.lengths)
    if not len(eligible):
        raise DataError(
            f"No user of {dataset.name!r} has a history of two items, and titles are audited on "
            "users' histories; take other data, such as demo."
        )
    chosen = np.sort(generator(seed, "audit users").permutation(eligible)[:users])
    n = len(chosen)
    zeros = np.zeros(n, dtype=np.int32)
    return Exposures(
        user=chosen.astype(np.int32),
        item=last.histories.take(chosen).values,
        target=np.full(n, -1, dtype=np.int32),
        round=zeros + 1,
        position=zeros,
        history=past.histories.take(chosen),
        draw=np.full(n, 0.5),
        catalogue=dataset.catalogue,
    )


@dataclass(frozen=True, eq=False)
class PlacedTitles:
    """The same users with each of some titles in one place; rows are users times titles.

    Attributes:
        base: n_users exposures with non-empty histories and a catalogue.
        titles: What is placed.
    """

    base: Exposures
    titles: Sequence[str]

    def __post_init__(self) -> None:
        if self.base.catalogue is None:
            raise DataError("Titles are placed into a catalogue; give the exposures one.")
        if not self.base.history.lengths.all():
            raise DataError("A user without a history cannot be audited; leave such users out.")

    def exposures(self, place: str) -> Exposures:
        """Exposures with the titles in a place, all of a user's together.

        The title takes the place of the candidate, or of the newest item of the history; the
        categories of what stood there stay, so that titles alone differ.

        Args:
            place: One of `PLACES`.
        """
        base = self.base
        users = np.repeat(np.arange(len(base)), len(self.titles))
        replaced = standing(base, place)
        catalogue, placed = self._catalogue(replaced)
        return _with(replace(base.take(users), catalogue=catalogue), place, placed)

    def _catalogue(self, replaced: IntArray) -> tuple[Catalogue, IntArray]:
        """The catalogue with the titles behind its own, and the row of each user's and title's."""
        assert self.base.catalogue is not None
        base, n_titles = self.base.catalogue, len(self.titles)
        sets = [tuple(base.categories[row]) for row in replaced.tolist()]
        kinds = {names: kind for kind, names in enumerate(dict.fromkeys(sets))}
        n_new = n_titles * len(kinds)
        catalogue = Catalogue(
            item_ids=[*base.item_ids, *(f"audited title {k}" for k in range(n_new))],
            titles=[*base.titles, *(list(self.titles) * len(kinds))],
            categories=[*base.categories, *(names for names in kinds for _ in range(n_titles))],
            domain=base.domain,
        )
        kind = np.array([kinds[names] for names in sets], dtype=np.int32)
        rows = len(base) + kind[:, None] * n_titles + np.arange(n_titles, dtype=np.int32)
        return catalogue, rows.ravel().astype(np.int32)


def standing(base: Exposures, place: str) -> IntArray:
    """What stands in a place of each exposure, shape (n,)."""
    return base.item if place == "candidate" else base.history.values[base.history.offsets[1:] - 1]


def exchanged(base: Exposures, place: str, others: int) -> Exposures:
    """Each user with what stands there, then with what stands there for `others` other users.

    Args:
        base: n_users exposures.
        place: One of `PLACES`.
        others: Below n_users.

    Returns:
        n_users times 1 + `others` rows, a user's together.
    """
    n = len(base)
    of_user = (np.arange(n)[:, None] + np.arange(others + 1)) % n
    items = standing(base, place)[of_user].ravel()
    return _with(base.take(np.repeat(np.arange(n), others + 1)), place, items)


def _with(shown: Exposures, place: str, items: IntArray) -> Exposures:
    """Exposures with other items in a place."""
    if place == "candidate":
        return replace(shown, item=items)
    values = shown.history.values.copy()
    values[shown.history.offsets[1:] - 1] = items
    return replace(shown, history=Ragged(values, shown.history.offsets))
