"""Which logged exposures a click model is fitted on, and which it is judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.data import split_users
from simulator.domain import Dataset, IntArray, Interactions, middle_times
from simulator.errors import ConfigError
from simulator.seeding import generator

_GIVING = 0.1


@dataclass(frozen=True, eq=False)
class LogSplit:
    """A log parted by user, and for each user by time.

    A user's logged exposures are parted at the middle one; those of one moment stay together, on
    the later side. So a user with a single slate has it judged with all that came before, and
    nobody is lost for having been there only in the first or the last weeks of the log.

    Attributes:
        early: Each user's interactions before the user's own cut: what vectors may be trained on.
            Vectors that had seen the very clicks to be predicted would make any model of them look
            too good.
        fitting: Log rows of training users from their cuts on.
        judging: Log rows of held-out users from their cuts on.
        cautions: What was left out, in sentences.
    """

    early: Interactions
    fitting: IntArray
    judging: IntArray
    cautions: tuple[str, ...] = ()


def users_split(data: Dataset) -> tuple[IntArray, IntArray]:
    """Users to learn from, and users held out for evaluation; the same two for everybody."""
    if data.name == "demo":
        from simulator.data.demo import demo_split

        return demo_split()
    return split_users(data.n_users, seed=0)


def example_givers(data: Dataset) -> IntArray:
    """The training users whose exposures serve as few-shot examples, ascending; one in ten.

    Whoever judges prompts on training users leaves these out, so that no prompt shows its own
    answer.
    """
    training, _ = users_split(data)
    order = generator(0, "example givers").permutation(training)
    return np.sort(order[: max(1, round(_GIVING * len(training)))])


def split_log(data: Dataset) -> LogSplit:
    """Part a data set's log.

    Exposures of users without any early interaction are in neither part: a click model knows
    nothing of them, and vectors of theirs would be noise. `cautions` counts them.

    Raises:
        ConfigError: If there is no log, or one of its parts is empty; it says why.
    """
    log = data.log
    if log is None:
        raise ConfigError(
            f"{data.name} has no logged no-clicks to fit a click model to or judge it by. Take "
            "data that has (`nudgesim data list`); a run goes on without a fit by --distribution "
            "paper or released-code, or by w and b."
        )
    cut = middle_times(log.user, log.time, data.n_users)
    early = data.interactions.take(data.interactions.time < cut[data.interactions.user])
    late = log.time >= cut[log.user]
    known = (early.histories.lengths > 0)[log.user]
    training, held_out = (np.isin(log.user, users) for users in users_split(data))
    fitting, judging = (np.flatnonzero(late & known & users) for users in (training, held_out))
    for rows, users, kind in ((fitting, training, "training"), (judging, held_out, "held-out")):
        if not len(rows):
            n_users = len(np.unique(log.user[users]))
            why = "none of them has an interaction before" if n_users else "that is too few"
            raise ConfigError(
                f"{data.name} leaves no exposures of {kind} users: the log has {n_users} of them"
                f"{', but ' if n_users else '; '}{why}. To go on without a fit, choose "
                "--distribution paper or released-code, or give w and b."
            )
    return LogSplit(early, fitting, judging, _cautions(log.user[late & held_out & ~known], judging))


def known_before(data: Dataset, judged: IntArray) -> IntArray:
    """What may be known when some log rows are judged.

    All that training users did who are not judged, and what judged users were shown before their
    first judged moment: their histories tell an agent of the same time.

    Args:
        data: With a log.
        judged: Log rows, shape (n,).

    Returns:
        Log rows, none of them judged, ordered by time.
    """
    assert data.log is not None
    user, time = data.log.user, data.log.time
    end = np.full(data.n_users, np.iinfo(np.int64).min)
    end[users_split(data)[0]] = np.iinfo(np.int64).max
    end[user[judged]] = np.iinfo(np.int64).max
    np.minimum.at(end, user[judged], time[judged])
    rows = np.flatnonzero(time < end[user])
    return rows[np.argsort(time[rows], kind="stable")]


def known_before_judging(data: Dataset, split: LogSplit) -> IntArray:
    """What may be known whoever is judged, held-out or training users.

    Returns:
        Log rows from before each user's first row in either part of the split, and all of
        `example_givers`, whom no prompt is judged on; ordered by time.
    """
    assert data.log is not None
    late = np.concatenate([split.fitting, split.judging])
    return known_before(data, late[~np.isin(data.log.user[late], example_givers(data))])


def _cautions(unknown: IntArray, judging: IntArray) -> tuple[str, ...]:
    """How many exposures of held-out users are not judged; `unknown` holds the user of each."""
    if not len(unknown):
        return ()
    return (
        f"{len(unknown):,} of {len(unknown) + len(judging):,} held-out exposures are left out: "
        f"their users, {len(np.unique(unknown)):,} in number, have no history.",
    )
