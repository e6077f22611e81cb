"""A data set: a catalogue, what users did with it, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.domain.arrays import IntArray, Ragged
from simulator.domain.catalogue import Catalogue
from simulator.domain.exposures import Exposures
from simulator.domain.interactions import ExposureLog, Interactions
from simulator.errors import DataError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Everything a simulation starts from.

    Attributes:
        name: Short name, such as "ml-100k".
        catalogue: The items.
        interactions: The users' time-ordered histories.
        user_ids: The source's own user identifiers, length n_users.
        log: Logged exposures with real no-clicks, or None where the source has none.
        user_attributes: Free columns of length n_users, such as "age".
        source: Where it came from: file hashes, licence, filters; goes into a run's manifest.
    """

    name: str
    catalogue: Catalogue
    interactions: Interactions
    user_ids: Sequence[str]
    log: ExposureLog | None = None
    user_attributes: Mapping[str, Sequence[object]] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_users(self) -> int:
        """Number of users."""
        return self.interactions.n_users

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.catalogue)

    def logged_exposures(self, rows: IntArray | None = None, *, draw: float = 0.5) -> Exposures:
        """Logged exposures as a click model sees them: each with the history of its moment.

        The history of a row is what its user had accepted strictly before the row's time, so a
        slate's own clicks never leak into it.

        Args:
            rows: Row numbers of the log, shape (n,); all by default.
            draw: The constant draw; a log is scored by probability, not by luck.

        Raises:
            DataError: If the data set has no logged exposures.
        """
        if self.log is None:
            raise DataError(
                f"Data set {self.name!r} has no logged exposures with no-clicks; "
                "`nudgesim data list` says which sets have."
            )
        log = self.log if rows is None else self.log.take(rows)
        n = len(log)
        return Exposures(
            user=log.user,
            item=log.item,
            target=np.full(n, -1, dtype=np.int32),
            round=np.zeros(n, dtype=np.int32),
            position=np.maximum(log.position, 0),
            history=self._histories_at(log.user, log.time),
            draw=np.full(n, draw),
            catalogue=self.catalogue,
        )

    def _histories_at(self, user: IntArray, time: IntArray) -> Ragged:
        """What each `user` had accepted before each `time`; both shape (n,)."""
        past = self.interactions
        # One sorted key for (user, time): times are ranked so that the key cannot overflow.
        clock = np.unique(past.time)
        key = past.user.astype(np.int64) * (len(clock) + 1) + np.searchsorted(clock, past.time)
        moment = user.astype(np.int64) * (len(clock) + 1) + np.searchsorted(clock, time)
        ends = np.searchsorted(key, moment, side="left")
        return past.histories.slices(past.offsets[user], ends)
