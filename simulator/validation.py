"""What the loop is given and what its parts answer: checked, with words for what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.describe import describe
from simulator.domain import Clicks, Dataset, Exposures, FloatArray, IntArray, Vectors
from simulator.errors import ConfigError, DataError
from simulator.interfaces import RoundView

_LONGEST_NAME = 60


def check_settings(
    data: Dataset,
    rounds: int,
    users: IntArray,
    targets: IntArray | None,
    vectors: Vectors | None,
) -> None:
    """Refuse settings of `simulate` that do not fit the data.

    Raises:
        ConfigError: If a number or a choice of rows is out of range.
        DataError: If a user has no history, or the vectors are of other data.
    """
    if rounds < 1:
        raise ConfigError(f"rounds = {rounds} must be at least 1.")
    if not len(users):
        raise ConfigError("No users to simulate; widen the choice of users.")
    for name, rows, size in (("users", users, data.n_users), ("targets", targets, data.n_items)):
        if rows is None:
            continue
        if not len(rows) or rows.min() < 0 or rows.max() >= size:
            raise ConfigError(f"{name} must be row numbers in 0..{size - 1}, at least one.")
        if len(np.unique(rows)) != len(rows):
            raise ConfigError(f"{name} must be distinct.")
    lengths = data.interactions.histories.lengths[users]
    if not lengths.all():
        first = data.user_ids[int(users[np.flatnonzero(lengths == 0)[0]])]
        raise DataError(
            f"{int((lengths == 0).sum())} users have an empty history (the first: {first!r}); "
            "leave them out with `users=`, or give them one."
        )
    if vectors is not None and (len(vectors.user), len(vectors.item)) != (
        data.n_users,
        data.n_items,
    ):
        raise DataError(
            f"Vectors for {len(vectors.user)} users and {len(vectors.item)} items, but the data "
            f"set has {data.n_users} and {data.n_items}; train them on this data set."
        )


def as_slates(
    answer: object, view: RoundView, data: Dataset, recommender: object, slate: int | None = None
) -> IntArray:
    """A recommender's answer as shape (n, k), checked.

    What an episode has seen is refused, unless the recommender says that it means it: an attribute
    `repeats` that is true, as a replay of real sessions would have, or a player of songs.

    Args:
        answer: What `recommend` returned.
        view: What it was asked about.
        data: Whose rows the answer should hold.
        recommender: Who answered, for the messages.
        slate: k of the rounds and blocks before; None where there were none.

    Raises:
        ConfigError: If it is not what the loop can show; names the recommender, the first bad
            place in it, and the probable cause.
    """
    asked = f"The recommender {_called(recommender)}"
    items = _as_rows(answer, view, data, asked)
    if slate not in (None, items.shape[1]):
        raise ConfigError(
            f"{asked} gave slates of {items.shape[1]} items in round {view.round}, and of {slate} "
            "before; show the same number all through a run."
        )
    _check_range(items, view, data, asked)
    _check_repeats(items, view, data, recommender)
    return items


def as_clicks(answer: object, shown: Exposures, model: object) -> Clicks:
    """A click model's answer, checked against what it was asked.

    Args:
        answer: What `decide` returned.
        shown: What it was asked about.
        model: Who answered, for the messages.

    Raises:
        ConfigError: If it is no `Clicks`, has not a row an exposure, or a number in it is no
            probability.
    """
    asked, n = f"The click model {_called(model)}", len(shown)
    if not isinstance(answer, Clicks):
        raise ConfigError(
            f"{asked} must return Clicks, and gave {_told(answer)}; with probabilities p, return "
            'Clicks.from_probability(p, shown.draw, source="...").'
        )
    for column in ("clicked", "probability", "source", "failure", "reason"):
        shape = np.shape(getattr(answer, column))
        if shape != (n,):
            raise ConfigError(
                f"{asked} was shown {n} exposures and gave `{column}` of shape {shape}; answer row "
                "for row, and leave a row that cannot be decided undecided rather than out."
            )
    p = answer.probability
    bad = np.flatnonzero((p < 0) | (p > 1))
    if len(bad):
        raise ConfigError(
            f"{asked} gave P(click) = {p[bad[0]]} in row {bad[0]}; a probability lies in [0, 1], "
            "and is NaN where there is none. Is it a score before its sigmoid?"
        )
    return answer


def as_weights(answer: FloatArray, view: RoundView, evolution: str) -> FloatArray:
    """A preference evolution's answer, shape (n,), in [0, 1].

    Raises:
        ConfigError: If it is not; says what it is instead.
    """
    weights = np.asarray(answer)
    if weights.shape != (len(view),) or not ((weights >= 0) & (weights <= 1)).all():
        raise ConfigError(
            f"{evolution}.kept_weight must return {len(view)} weights in [0, 1]; it gave "
            f"{_told(answer)}."
        )
    return weights


def _as_rows(answer: object, view: RoundView, data: Dataset, asked: str) -> IntArray:
    """Integers of shape (n, k), k at least 1; anything else is refused with its probable cause."""
    wanted = (
        f"{asked} must return integer catalogue rows of shape ({len(view)},) or ({len(view)}, k)"
    )
    if answer is None:
        raise ConfigError(f"{wanted}; it gave None. Is its `return` missing?")
    try:
        items = np.asarray(answer)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{wanted}; {_uneven(answer) or error}.") from error
    if not np.issubdtype(items.dtype, np.integer):
        raise ConfigError(f"{wanted}; {_uneven(answer) or _wrong_kind(items, data)}.")
    if items.ndim == 1:
        items = items[:, None]
    if items.ndim != 2 or len(items) != len(view) or not items.size:
        raise ConfigError(f"{wanted}; it gave {_told(answer)}.{_wrong_shape(items, view, data)}")
    return items


def _uneven(answer: object) -> str:
    """Where the slates of a list, or of an array of lists, are of unequal length; else empty."""
    rows = answer.tolist() if isinstance(answer, np.ndarray) else answer
    if not isinstance(rows, Sequence):
        return ""
    lengths = [
        len(row) if isinstance(row, Sequence | np.ndarray) and not isinstance(row, str) else -1
        for row in rows
    ]
    other = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if other is None or lengths[0] < 0 or lengths[other] < 0:
        return ""
    return (
        f"its slates are of unequal length: row 0 has {lengths[0]} items, row {other} has "
        f"{lengths[other]}. Fill the shorter ones, or show k items to everybody"
    )


def _wrong_kind(items: FloatArray, data: Dataset) -> str:
    """What an answer that holds no integers holds instead, and why perhaps."""
    if np.issubdtype(items.dtype, np.bool_):
        return "it gave a mask of bools; np.flatnonzero finds the rows that are true"
    if not np.issubdtype(items.dtype, np.floating):
        return (
            f"it gave {items.dtype} of shape {items.shape}. For item ids, return "
            "data.catalogue.rows(ids)"
        )
    found = f"it gave {items.dtype} of shape {items.shape}"
    if items.ndim == 2 and items.shape[1] == data.n_items:
        return (
            f"{found}, a number for each item of the catalogue: scores, it seems. Return the best "
            "rows, np.where(view.seen, -np.inf, scores).argmax(axis=1), or pass the scorer to TopK"
        )
    if np.isnan(items).any():
        first = tuple(int(k) for k in np.argwhere(np.isnan(items))[0])
        return f"{found} with NaN, first at {first}: an item that was looked up and not found?"
    if (items == np.floor(items)).all():
        return f"{found}, though the numbers are whole: return rows.astype(np.int32)"
    return f"{found}: scores, it seems; return the rows of the best items"


def _wrong_shape(items: IntArray, view: RoundView, data: Dataset) -> str:
    if items.ndim == 2 and items.shape[1] == len(view):
        return " Is it transposed?"
    if len(items) == data.n_users:
        return (
            f" Is it an answer for all {data.n_users} users? The view holds {len(view)} episodes; "
            "take the rows of view.user."
        )
    return ""


def _check_range(items: IntArray, view: RoundView, data: Dataset, asked: str) -> None:
    outside = np.argwhere((items < 0) | (items >= data.n_items))
    if not len(outside):
        return
    row, place = outside[0]
    item = int(items[row, place])
    cause = ""
    if item == -1:
        cause = " -1 often stands for an item that was not found, or for an empty place."
    elif item == data.n_items and not (items == 0).any():
        cause = " Does the recommender count items from 1?"
    else:
        cause = " Are these ids of the source? data.catalogue.rows(ids) finds their rows."
    raise ConfigError(
        f"{asked} must return catalogue rows in 0..{data.n_items - 1}; it gave {item} to user "
        f"{data.user_ids[int(view.user[row])]!r} in round {view.round} ({len(outside)} of "
        f"{items.size} items are out of range).{cause}"
    )


def _check_repeats(items: IntArray, view: RoundView, data: Dataset, recommender: object) -> None:
    """Refuse an item twice in a slate, and what the episode has seen unless that is meant."""
    gave = f"The recommender {_called(recommender)} gave user"
    ordered = np.sort(items, axis=1)
    twice = np.argwhere(ordered[:, 1:] == ordered[:, :-1])
    if len(twice):
        row, place = (int(k) for k in twice[0])
        raise ConfigError(
            f"{gave} {data.user_ids[int(view.user[row])]!r} {_item(data, ordered[row, place])} "
            f"twice in one slate in round {view.round} "
            f"({len(np.unique(twice[:, 0]))} of {len(items)} slates); draw without replacement."
        )
    if getattr(recommender, "repeats", False):
        return
    again = np.argwhere(view.seen[np.arange(len(items))[:, None], items])
    if not len(again):
        return
    row, place = (int(k) for k in again[0])
    item = items[row, place]
    known = bool((view.history[row] == item).any())
    cause = (
        "The user has seen every item by now: run fewer rounds, or use a larger catalogue."
        if view.seen[row].all()
        else "Leave out what view.seen marks: np.where(view.seen, -np.inf, scores). Where items "
        "may come again, as songs do, give the recommender an attribute `repeats = True`."
    )
    raise ConfigError(
        f"{gave} {data.user_ids[int(view.user[row])]!r} {_item(data, item)} in round "
        f"{view.round}, which "
        f"{'is in the history' if known else 'was shown before'} ({len(again)} of {items.size} "
        f"items have been seen). {cause}"
    )


def _item(data: Dataset, item: int) -> str:
    catalogue = data.catalogue
    return f"item {catalogue.item_ids[item]!r} ({catalogue.titles[item]!r}, row {item})"


def _called(part: object) -> str:
    """The class of a part that a user wrote, or what it calls itself."""
    said = describe(part)
    return said if len(said) <= _LONGEST_NAME else type(part).__name__


def _told(answer: object) -> str:
    """What was given instead, in few words."""
    if isinstance(answer, np.ndarray) and answer.dtype != object:
        bounds = f", from {answer.min()} to {answer.max()}" if answer.size else ""
        return f"{answer.dtype} of shape {answer.shape}{bounds}"
    try:
        array = np.asarray(answer)
    except (TypeError, ValueError, RuntimeError):
        return type(answer).__name__
    return f"{type(answer).__name__}, {array.dtype} of shape {array.shape}"
