"""The state of a simulation: arrays over episodes, one episode for each (user, target) pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np

from simulator.domain import BoolArray, FloatArray, IntArray, Ragged, Vectors
from simulator.interfaces import RoundView
from simulator.preference import evolve
from simulator.scores import paired
from simulator.search import ItemSearch

_UNSHOWN = -1
_BLOCK_CELLS = 2**26
_MEASURED = 8192


class Episodes:
    """All episodes of a run, advanced together.

    Memory: for each episode d + 2 four-byte numbers and rounds x slate of five bytes, and for each
    block of episodes a bool for each of its (episode, item) pairs, about 64 MiB.

    Attributes:
        user: int32, shape (n,).
        target: int32, shape (n,); -1 for none.
        preference: float32, shape (n, d); None without vectors.
        shown: Items shown so far, int32, shape (n, rounds, k); -1 in a round
            that has not reached the episode yet.
        clicked: Which of them were clicked, bool, shape (n, rounds, k).
    """

    def __init__(
        self, user: IntArray, target: IntArray, histories: Ragged, vectors: Vectors | None
    ) -> None:
        self.user = user
        self.target = target
        self.preference = None if vectors is None else vectors.user[user]
        self.shown: IntArray = np.empty((len(user), 0, 1), dtype=np.int32)
        self.clicked: BoolArray = np.empty((len(user), 0, 1), dtype=bool)
        self._histories = histories
        self._vectors = vectors
        self._search = None if vectors is None else ItemSearch(vectors.item)
        self._moved = np.ones(len(user), dtype=bool)
        self._similarity = np.full(len(user), np.nan, dtype=np.float32)
        self._rank = np.full(len(user), -1, dtype=np.int32)

    @classmethod
    def pairs(
        cls, users: IntArray, targets: IntArray, histories: Ragged, vectors: Vectors | None
    ) -> Self:
        """Every user with every target, user by user.

        So what a user may be shown for the sake of different targets stands together, and a
        language model reads the history that they share once.
        """
        return cls(
            np.repeat(users, len(targets)).astype(np.int32),
            np.tile(targets, len(users)).astype(np.int32),
            histories,
            vectors,
        )

    def __len__(self) -> int:
        return len(self.user)

    def blocks(self, size: int | None, n_items: int) -> Iterator[slice]:
        """Consecutive ranges of episodes; a size changes speed and never results.

        By default a user's episodes stay together.
        """
        step = size
        if step is None:
            step = max(256, min(8192, _BLOCK_CELLS // max(n_items, 1)))
            each = int((self.user == self.user[:1]).sum())
            step -= step % each if 0 < each <= step else 0
        for start in range(0, len(self), step):
            yield slice(start, min(start + step, len(self)))

    def view(self, block: slice, round: int, seed: int, n_items: int) -> RoundView:
        """What the recommender may look at for a block."""
        from simulator.episode_kernels import lay_out

        n = block.stop - block.start
        user = self.user[block]
        shown = self.shown[block, : round - 1].reshape(n, -1)
        clicked = self.clicked[block, : round - 1].reshape(shown.shape)
        offsets = np.zeros(n + 1, dtype=np.int64)
        np.cumsum(self._histories.lengths[user] + clicked.sum(axis=1), out=offsets[1:])
        history = np.empty(offsets[-1], dtype=np.int32)
        seen = np.zeros((n, n_items), dtype=bool)
        lay_out(
            self._histories.values,
            self._histories.offsets,
            user,
            shown,
            clicked,
            history,
            offsets,
            seen,
        )
        return RoundView(
            round=round,
            seed=seed,
            user=user,
            target=self.target[block],
            history=Ragged(history, offsets),
            seen=seen,
            preference=None if self.preference is None else self.preference[block],
        )

    def open_round(self, slate: int) -> None:
        """Make room for one more round of `slate` items an episode."""
        shown = np.full((len(self), 1, slate), _UNSHOWN, dtype=np.int32)
        clicked = np.zeros(shown.shape, dtype=bool)
        if self.shown.shape[1]:
            shown = np.concatenate([self.shown, shown], axis=1)
            clicked = np.concatenate([self.clicked, clicked], axis=1)
        self.shown, self.clicked = shown, clicked

    def record(self, block: slice, items: IntArray, clicked: BoolArray, kept: FloatArray) -> None:
        """Write a block's answers into the open round and move its preferences.

        Args:
            block: Which episodes.
            items: shape (m, k).
            clicked: shape (m, k).
            kept: beta, shape (m,).
        """
        self.shown[block, -1] = items
        self.clicked[block, -1] = clicked
        self._moved[block] |= clicked.any(axis=1)
        if self.preference is None or self._vectors is None:
            return
        for position in range(items.shape[1]):
            moving = np.flatnonzero(clicked[:, position])
            self.preference[block.start + moving] = evolve(
                self.preference[block.start + moving],
                self._vectors.item[items[moving, position]],
                clicked[moving, position],
                kept[moving],
            )

    def knows_target(self) -> BoolArray:
        """Whether the target was in the user's history before the run, shape (n,)."""
        return self._histories.take(self.user).contains(self.target)

    def measure(self) -> tuple[FloatArray, IntArray]:
        """Similarity e_j . e_u and the target's rank, now, for each episode.

        The rank is from 0 and counts the items with a strictly higher similarity among those
        that were not in the user's history before the run.

        Returns:
            (float32 (n,), int32 (n,)); NaN and -1 without vectors or target.
        """
        if self._search is not None and (self.target >= 0).all():
            # Where nothing was clicked, both are as they were.
            moved = np.flatnonzero(self._moved)
            for start in range(0, len(moved), _MEASURED):
                self._measure(moved[start : start + _MEASURED])
            self._moved[:] = False
        return self._similarity.copy(), self._rank.copy()

    def _measure(self, rows: IntArray) -> None:
        assert self._search is not None
        assert self._vectors is not None
        assert self.preference is not None
        preference, target = self.preference[rows], self.target[rows]
        self._similarity[rows] = paired(preference, self._vectors.item[target])
        self._rank[rows] = self._search.rank(preference, target, self._histories, self.user[rows])

    def past(self) -> tuple[IntArray, IntArray, BoolArray]:
        """Users, what they were shown and what they clicked, as `Learner.learn` wants them."""
        shown, clicked = self.shown.view(), self.clicked.view()
        shown.flags.writeable = clicked.flags.writeable = False
        return self.user, shown, clicked

    def state(self) -> dict[str, np.ndarray]:
        """What a resume needs."""
        arrays: dict[str, np.ndarray] = {"shown": self.shown, "clicked": self.clicked}
        return arrays if self.preference is None else {**arrays, "preference": self.preference}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from `state()`."""
        self.shown, self.clicked = state["shown"], state["clicked"]
        self.preference = state.get("preference")
        self._moved[:] = True
