"""Recommenders that plan a whole path at once, and then show it step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from recommender.nudge.steering import check_targets
from recommender.unseen import check_view
from simulator.domain import BoolArray, IntArray, Ragged
from simulator.errors import ConfigError
from simulator.interfaces import Recommender, RoundView

ENDED = -1
"""Stands in a path's steps after its end."""


class PlannedPath(ABC):
    """Serves in round r the r-th item of a path from a user's history to a target.

    A path depends on the user, the target and the history *before the run* alone: clicks change
    nothing, and a resumed run shows the same items. It is planned when its episode is first seen,
    and kept.

    What is planned is shown unless the episode has seen it already, which happens only where
    somebody else shows items too. For such a round, and for rounds after the end of a path,
    `beyond` recommends, from the present state of the episode; those steps are counted.

    A subclass says how paths are planned.

    Args:
        histories: What users had before the run, oldest first; row u is user u.
        n_items: Catalogue size.
        rounds: Longest path, 1 or more; at least the rounds of the run.
        beyond: Who recommends where the path has nothing to show.

    Raises:
        ConfigError: If a setting is out of range.
    """

    def __init__(
        self,
        histories: Ragged,
        n_items: int,
        *,
        rounds: int,
        beyond: Recommender | None = None,
    ) -> None:
        if rounds < 1:
            raise ConfigError(f"rounds={rounds} must be 1 or more.")
        if len(histories.values) and histories.values.max() >= n_items:
            raise ConfigError(
                f"The histories hold item {histories.values.max()}, the catalogue only {n_items} "
                "items; pass histories and catalogue of one data set."
            )
        self.histories = histories
        self.n_items = n_items
        self.rounds = rounds
        self.beyond = beyond
        self._steps_beyond = 0
        # One number a pair, ascending, and the paths in that order.
        self._known: IntArray = np.empty(0, dtype=np.int64)
        self._paths: IntArray = np.empty((0, rounds), dtype=np.int32)

    @abstractmethod
    def plan(self, user: IntArray, target: IntArray) -> IntArray:
        """Plan paths of items that are not in the users' histories, without repeats.

        A row's result must not depend on the other rows.

        Args:
            user: shape (n,).
            target: Catalogue rows, shape (n,).

        Returns:
            Catalogue rows, then `ENDED` after a path's end, int32, shape (n, rounds).
        """

    def paths(self, user: IntArray, target: IntArray) -> IntArray:
        """The paths of pairs, planned where they are not known yet.

        Args:
            user: shape (n,).
            target: Catalogue rows, shape (n,).

        Returns:
            As `plan`.

        Raises:
            ConfigError: If a user has no row in the histories.
        """
        n_users = len(self.histories)
        if len(user) and user.max() >= n_users:
            raise ConfigError(
                f"User {user.max()} is none of the {n_users} whose histories paths are planned "
                "from; pass the histories of the run's own data."
            )
        pairs = target.astype(np.int64) * n_users + user
        new = np.setdiff1d(pairs, self._known)
        if len(new):
            planned = self.plan((new % n_users).astype(np.int32), (new // n_users).astype(np.int32))
            known = np.concatenate([self._known, new])
            order = np.argsort(known)
            self._known = known[order]
            self._paths = np.concatenate([self._paths, planned])[order]
        return np.asarray(self._paths[np.searchsorted(self._known, pairs)])

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,).

        Raises:
            ConfigError: Without targets, past the last planned round, if a user has seen
                everything, or if a path has nothing to show and there is no `beyond`.
        """
        if view.round > self.rounds:
            raise ConfigError(
                f"Paths of {self.rounds} steps were planned and round {view.round} is to be "
                f"shown; make the recommender with rounds={view.round} or more."
            )
        check_view(view, self.n_items)
        shown = self.paths(view.user, check_targets(view, self.n_items))[:, view.round - 1].copy()
        nothing = (shown == ENDED) | view.seen[np.arange(len(view)), shown]
        if nothing.any():
            shown[nothing] = self._show_beyond(view, nothing)
        return shown

    def _show_beyond(self, view: RoundView, rows: BoolArray) -> IntArray:
        if self.beyond is None:
            raise ConfigError(
                f"User {view.user[rows][0]}'s path has nothing unseen to show in round "
                f"{view.round} ({rows.sum()} such episodes). Say who recommends then "
                "(`beyond`), and plan from the histories that the run starts with."
            )
        self._steps_beyond += int(rows.sum())
        return self.beyond.recommend(
            replace(
                view,
                user=view.user[rows],
                target=view.target[rows],
                history=view.history.take(np.flatnonzero(rows)),
                seen=view.seen[rows],
                preference=None if view.preference is None else view.preference[rows],
            )
        )

    def usage(self) -> Mapping[str, float]:
        """Counters since its making.

        `paths_planned`, and `steps_beyond`: items shown that were not planned.
        """
        return {"paths_planned": len(self._known), "steps_beyond": self._steps_beyond}
