"""What is asked of an agent in training: a history, and items that its user was shown then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prompts import Persona
from prompts.window import kept_from, windowed
from simulator.domain import BoolArray, Dataset, FloatArray, IntArray
from simulator.errors import DataError

_MOST_CANDIDATES = 16
"""A lesson; the longest slates are parted."""
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, eq=False)
class Lesson:
    """One history and its candidates, in the order of their moments.

    Attributes:
        history: What the last candidate comes after: catalogue rows, oldest first, windowed.
        items: Candidates, catalogue rows, shape (k,).
        clicked: What the user did, shape (k,).
        rows: The candidates' log rows, shape (k,); -1 for a candidate that was never shown.
        seen: How much of the history each candidate comes after, never falling, shape (k,).
        user: User row.
        time: Of the first candidate's moment.
        persona: What prompts say of the user, where they do.
        guessed: How many of the candidates, the last ones, were never shown.
        target: P(click) to be learnt where that is not what the user did, float64, shape (k,).
    """

    history: IntArray
    items: IntArray
    clicked: BoolArray
    rows: IntArray
    seen: IntArray
    user: int
    time: int
    persona: Persona | None = None
    guessed: int = 0
    target: FloatArray | None = None

    @property
    def decisions(self) -> int:
        """How many candidates are of the lesson's own, guesses left out."""
        return len(self.items) - self.guessed

    @property
    def targets(self) -> FloatArray:
        """P(click) to be learnt, float64, shape (k,)."""
        return self.clicked.astype(np.float64) if self.target is None else self.target


def lessons(
    dataset: Dataset,
    users: IntArray,
    *,
    window: tuple[int, int],
    since: IntArray | None = None,
    slates: int | None = None,
    rng: np.random.Generator | None = None,
    short_history_share: float = 0.0,
) -> Iterator[Lesson]:
    """Every logged exposure of the users once.

    A candidate's history is what the user had accepted strictly before its moment; no candidate
    can be in it as a click of its own. Those whose windowed histories begin alike make a lesson.

    Args:
        dataset: With logged exposures.
        users: User rows.
        window: The template's history window and drop.
        since: Each user's first moment, shape (n_users,); all by default.
        slates: None for exactly that. A number puts so many consecutive slates into a lesson, all
            after the history of the first.
        rng: The order of the lessons, short histories and, with `slates`, where each user's first
            lesson ends are drawn from it; without it lessons are whole and in log order.
        short_history_share: Share of the histories cut to a random stretch, at least 3 items long.

    Raises:
        DataError: If the data set has no logged exposures.
    """
    log = dataset.log
    if log is None:
        raise DataError(f"Data set {dataset.name!r} has no logged exposures to learn from.")
    wanted = np.isin(log.user, users)
    if since is not None:
        wanted &= log.time >= since[log.user]
    rows = np.flatnonzero(wanted)
    rows = rows[np.lexsort((log.position[rows], log.time[rows], log.user[rows]))]
    if slates is None:
        length = _history_lengths(dataset, rows)
        head = kept_from(length, *window)
        starts = _runs(log.user[rows], head)
        last = np.append(starts[1:], len(rows)) - 1
        seen = np.split(length - head, starts[1:])
    else:
        starts = _lesson_starts(log.user[rows], log.time[rows], slates, rng)
        last, seen = starts, []
    groups = np.split(rows, starts[1:])
    histories = windowed(dataset.logged_exposures(rows[last]).history, *window)
    order = np.arange(len(groups)) if rng is None else rng.permutation(len(groups))
    for k in order.tolist():
        group, history = groups[k], histories[k]
        after = seen[k] if seen else np.full(len(group), len(history))
        if rng is not None and rng.random() < short_history_share:
            history, after = _stretch(history, after, rng)
        first = group[0]
        yield Lesson(
            history,
            log.item[group],
            log.clicked[group],
            group,
            after,
            user=int(log.user[first]),
            time=int(log.time[first]),
        )


def _history_lengths(dataset: Dataset, rows: IntArray) -> IntArray:
    """Items in the whole history of each log row's moment, shape (n,)."""
    parts = [
        dataset.logged_exposures(rows[start : start + _ROWS_AT_ONCE]).history.lengths
        for start in range(0, len(rows), _ROWS_AT_ONCE)
    ]
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _runs(user: IntArray, head: IntArray) -> IntArray:
    """Where runs of one user and one first item start, each of `_MOST_CANDIDATES` at most."""
    new = (np.diff(user, prepend=-1) != 0) | (np.diff(head, prepend=-1) != 0)
    first = np.flatnonzero(new)
    place = np.arange(len(user)) - first[np.cumsum(new) - 1]
    return np.flatnonzero(place % _MOST_CANDIDATES == 0)


def favourite_lessons(
    dataset: Dataset,
    users: IntArray,
    *,
    rng: np.random.Generator,
    known: int = 10,
    random_films: int = 14,
) -> Iterator[Lesson]:
    """Endless easy lessons: which of these films are the user's other favourites?

    What a user had accepted before the first slate is parted at random into a history of `known`
    items and candidates "clicked"; items drawn evenly from those that the user never accepted are
    "not clicked". These answers are far less noisy than clicks, and a network that starts from
    nothing needs such to find out within minutes that it has to compare candidate and history.

    Args:
        dataset: With logged exposures.
        users: User rows with more than `known` items before their first slate; others are left out.
        rng: What is drawn is drawn from it.
        known: Items of the history.
        random_films: Candidates never accepted.

    Raises:
        DataError: If the data set has no logged exposures, or no user has items enough.
    """
    firsts = list(lessons(dataset, users, window=(dataset.n_items, 1), slates=1))
    owners = [] if dataset.log is None else [int(dataset.log.user[one.rows[0]]) for one in firsts]
    picked = dict(zip(reversed(owners), (one.history for one in reversed(firsts)), strict=True))
    picked = {user: items for user, items in picked.items() if len(items) > known}
    if not picked:
        raise DataError(f"No user has more than {known} items before their first slate.")
    everything = np.arange(dataset.n_items, dtype=np.int32)
    while True:
        for user in rng.permutation(list(picked)).tolist():
            mine = rng.permutation(picked[user])
            others = np.setdiff1d(everything, dataset.interactions.histories[user])
            items = np.concatenate([mine[known:], rng.choice(others, random_films, replace=False)])
            clicked = np.arange(len(items)) < len(mine) - known
            rows = np.full(len(items), -1)
            seen = np.full(len(items), known)
            yield Lesson(mine[:known], items, clicked, rows, seen, user=user, time=0)


def _lesson_starts(
    user: IntArray, time: IntArray, slates: int, rng: np.random.Generator | None
) -> IntArray:
    """Where lessons start among rows sorted by user and time."""
    new_user = np.diff(user, prepend=-1) != 0
    new_slate = new_user | (np.diff(time, prepend=time[:1] - 1) != 0)
    slate = np.cumsum(new_slate) - 1
    first_slate = slate[new_user]
    number = np.cumsum(new_user) - 1
    shift = 0 if rng is None else rng.integers(0, slates, len(first_slate))[number]
    lesson = (slate - first_slate[number] + shift) // slates
    return np.flatnonzero(new_user | (np.diff(lesson, prepend=-1) != 0))


def _stretch(
    history: IntArray, seen: IntArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """A random stretch of the part that all candidates come after, and what they saw of it."""
    common = int(seen[0])
    if common <= 3:
        return history, seen
    size = int(rng.integers(3, common + 1))
    start = int(rng.integers(0, common - size + 1))
    return history[start : start + size], np.full(len(seen), size)
