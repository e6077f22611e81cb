"""Training IRN: the next item, given the items before it and the objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from recommender.nudge.irn_network import InfluentialNetwork
from recommender.nudge.irn_settings import IRNSettings
from recommender.one_thread import one_thread
from recommender.sequence.windows import windows
from simulator.domain import IntArray, Interactions, Ragged
from simulator.errors import ConfigError, DataError
from simulator.seeding import generator

_FEWEST_HELD_OUT = 2
_FEWEST_LEARNT = 2


@dataclass(frozen=True)
class IRNEpoch:
    """What is known at the end of an epoch.

    Attributes:
        number: From 1.
        loss: Mean over the epoch's steps.
        validation: Loss on the held-out items; lower is better.
    """

    number: int
    loss: float
    validation: float


def fit_irn(
    interactions: Interactions,
    settings: IRNSettings | None = None,
    *,
    seed: int,
    progress: Callable[[IRNEpoch], None] | None = None,
) -> InfluentialNetwork:
    """Train the network.

    A training window is a part of a history whose last item serves as the objective; the loss is
    the mean of `-log P(i_{k+1} | i_1 .. i_k, objective, u)`, a softmax over the whole catalogue.
    Each epoch draws the ends of the windows anew, about as many as cover the histories once. The
    newest tenth of each history, two items or more, is held out, and the epoch that predicts it
    best is the one kept. The same input and seed give the same network.

    Args:
        interactions: The training part of a log.
        settings: Of the method.
        seed: Of the start, the windows and the dropout.
        progress: Called after each epoch that is validated.

    Raises:
        ConfigError: If no history has four items.
        DataError: If training diverged.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed & (2**63 - 1))
        return _fit(interactions, settings or IRNSettings(), seed, progress)


def _fit(
    interactions: Interactions,
    settings: IRNSettings,
    seed: int,
    progress: Callable[[IRNEpoch], None] | None,
) -> InfluentialNetwork:
    network = InfluentialNetwork(interactions.n_users, interactions.n_items, settings)
    train, validation = _split(interactions.histories, network.slots + 1)
    draws = generator(seed, "irn")
    training = settings.training
    optimiser = torch.optim.Adam(
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    best, best_loss, waited = _copy(network), float("inf"), 0
    for number in range(1, training.epochs + 1):
        network.train()
        losses = []
        for batch in _batches(train, network.slots + 1, training.batch, draws):
            loss = _loss(network, batch)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            losses.append(loss.item())
        if number % training.validate_every and number < training.epochs:
            continue
        held_out = _validate(network, validation, training.batch)
        if not np.isfinite(held_out):
            raise DataError(
                f"Training diverged in epoch {number}; lower "
                f"learning_rate={training.learning_rate:g}."
            )
        if progress is not None:
            progress(IRNEpoch(number, float(np.mean(losses)), held_out))
        if held_out < best_loss:
            best, best_loss, waited = _copy(network), held_out, 0
        else:
            waited += 1
        if waited >= training.patience:
            break
    network.load_state_dict(best)
    return network.eval()


@dataclass(frozen=True, eq=False)
class _Windows:
    """Sequences that end with their objectives.

    Attributes:
        user: int64, shape (n,).
        ids: Item ids (row + 1), 0 on the left, int64, shape (n, slots + 1).
        asked: Which of the last `slots` columns are to be predicted, bool, shape (n, slots).
    """

    user: Tensor
    ids: Tensor
    asked: Tensor

    def __getitem__(self, rows: slice) -> _Windows:
        return _Windows(self.user[rows], self.ids[rows], self.asked[rows])


def _split(histories: Ragged, columns: int) -> tuple[Ragged, _Windows]:
    """Histories without their newest tenth, and windows that ask for it."""
    lengths = histories.lengths
    held_out = np.clip(lengths // 10, _FEWEST_HELD_OUT, columns - 1)
    held_out[lengths < _FEWEST_LEARNT + _FEWEST_HELD_OUT] = 0
    user = np.flatnonzero(held_out)
    if not len(user):
        raise ConfigError(
            "IRN learns from users with four interactions or more, and there is none; "
            "load more interactions."
        )
    start, end = histories.offsets[:-1], histories.offsets[1:]
    ids = _as_windows(histories, columns, user)
    # The objective is given, so that finding it proves nothing.
    from_end = np.arange(columns - 1, 0, -1) - 1
    asked = (from_end > 0) & (from_end < held_out[user][:, None])
    return histories.slices(start, end - held_out), _Windows(
        torch.from_numpy(user), ids, torch.from_numpy(asked)
    )


def _batches(
    histories: Ragged, columns: int, size: int, draws: np.random.Generator
) -> Iterator[_Windows]:
    """About as many windows of random ends as cover the histories once."""
    lengths = histories.lengths
    able = np.flatnonzero(lengths >= _FEWEST_LEARNT)
    user = draws.permutation(np.repeat(able, -(-lengths[able] // columns)))
    longest = lengths[user]
    end = _FEWEST_LEARNT + np.floor(
        draws.random(len(user)) * (longest - _FEWEST_LEARNT + 1)
    ).astype(np.int64)
    start = histories.offsets[user]
    parts = histories.slices(start, start + end)
    ids = _as_windows(parts, columns, np.arange(len(user)))
    drawn = _Windows(torch.from_numpy(user), ids, ids[:, 1:] > 0)
    for first in range(0, len(user), size):
        yield drawn[first : first + size]


def _as_windows(histories: Ragged, columns: int, rows: IntArray) -> Tensor:
    return torch.from_numpy(windows(histories.take(rows), columns).astype(np.int64))


def _loss(network: InfluentialNetwork, batch: _Windows) -> Tensor:
    """Mean cross entropy at the positions asked for."""
    states = network(batch.user, batch.ids[:, -1], batch.ids[:, :-1])[batch.asked]
    return cross_entropy(states @ network.item_vectors().T, batch.ids[:, 1:][batch.asked] - 1)


def _validate(network: InfluentialNetwork, held_out: _Windows, size: int) -> float:
    network.eval()
    total = 0.0
    with torch.inference_mode():
        for first in range(0, len(held_out.user), size):
            batch = held_out[first : first + size]
            total += float(_loss(network, batch)) * int(batch.asked.sum())
    return total / int(held_out.asked.sum())


def _copy(network: InfluentialNetwork) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
