"""What would waste hours is refused before them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from simulator.data import split_users
from simulator.domain import Dataset, IntArray
from simulator.engines.trained_files import REPORT
from simulator.errors import ConfigError, DataError, EngineError
from simulator.training.checkpoint import NAME as CHECKPOINT
from simulator.training.settings import TrainingSettings


def training_users(data: Dataset, split: tuple[IntArray, IntArray]) -> IntArray:
    """The first part of a split, if it may be learnt from.

    Raises:
        ConfigError: If it shares users with the second, or is empty or no users of the data.
    """
    users, held_out = (np.unique(np.asarray(part)) for part in split)
    both = np.intersect1d(users, held_out)
    if len(both):
        raise ConfigError(
            f"{len(both)} users of {data.name} are in both parts of the split (user row "
            f"{both[0]} is one); what is learnt from them must not be judged on them. Take them "
            "out of one part."
        )
    if not len(users) or users[0] < 0 or users[-1] >= data.n_users:
        raise ConfigError(f"Training users must be rows 0..{data.n_users - 1} of {data.name}.")
    return users


def kept_out(users: IntArray, settings: TrainingSettings) -> tuple[IntArray, IntArray]:
    """Users to learn from, and those kept out to stop by; both ascending."""
    if not settings.stop_share:
        return users, users[:0]
    learners, stoppers = split_users(len(users), held_out=settings.stop_share, seed=settings.seed)
    return users[learners], users[stoppers]


def check_log(data: Dataset, learners: IntArray, stoppers: IntArray) -> None:
    """Refuse a log from which nothing can be told.

    Raises:
        DataError: If a part of the users has clicks only, no-clicks only, or nothing at all.
    """
    assert data.log is not None
    parts = {"training users": learners}
    if len(stoppers):
        parts["users kept out to stop by"] = stoppers
    for name, users in parts.items():
        clicked = data.log.clicked[np.isin(data.log.user, users)]
        if clicked.all() or not clicked.any():
            kind = "clicks" if clicked.any() else "no-clicks"
            what = f"all {len(clicked):,} are {kind}" if len(clicked) else "there are none"
            raise DataError(
                f"The logged exposures of the {len(users)} {name} of {data.name} cannot teach what "
                f"is clicked and what is not: {what}. Take more users, or a log with both; for one "
                "without any no-clicks leave the log out, so that they are drawn."
            )


def check_folder(out: Path) -> None:
    """Refuse to train over a finished model.

    Raises:
        ConfigError: If the folder holds one.
    """
    # The checkpoint goes last: where there is one, the training was stopped on its last steps.
    if (out / REPORT).exists() and not (out / CHECKPOINT).exists():
        raise ConfigError(
            f"{out} holds a model that was trained already; take another --out, or delete it."
        )


@contextmanager
def memory_errors(settings: TrainingSettings) -> Iterator[None]:
    """Tell what to do where memory does not suffice.

    Raises:
        EngineError: In place of torch's own error.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        text = str(error)
        if not isinstance(error, RuntimeError) or "memory" in text:
            raise EngineError(
                f"Memory does not suffice ({text.splitlines()[0] if text else 'MemoryError'}). "
                "Send fewer tokens through at a time (batch_tokens, now "
                f"{settings.batch_tokens:,}), train adapters in place of all weights "
                "(--lora), or take a smaller base."
            ) from error
        raise
