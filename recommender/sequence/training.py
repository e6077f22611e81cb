"""The training loop that all sequence models share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from recommender.one_thread import one_thread
from recommender.sequence.build import build_encoder
from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.evaluation import ndcg, next_item_ranks
from recommender.sequence.examples import TrainingExamples
from recommender.sequence.model import SequenceModel
from recommender.sequence.objective import Batch, Objective
from recommender.sequence.settings import EncoderSettings, TrainingSettings
from simulator.domain import FloatArray, Interactions
from simulator.errors import ConfigError, DataError


@dataclass(frozen=True)
class SequenceEpoch:
    """What is known at the end of an epoch.

    Attributes:
        number: From 1.
        loss: Mean over the epoch's steps.
        ndcg: NDCG@20 of the validation items, full rank; NaN in an epoch that is not validated.
    """

    number: int
    loss: float
    ndcg: float


def fit_sequence_model(
    interactions: Interactions,
    objective: Objective,
    encoder_settings: EncoderSettings | None = None,
    training_settings: TrainingSettings | None = None,
    *,
    seed: int,
    start: FloatArray | None = None,
    progress: Callable[[SequenceEpoch], None] | None = None,
) -> SequenceModel:
    """Train an encoder on an objective.

    The last interaction of each user who has three or more is held out; the epoch that ranks these
    items best (NDCG@20 over the whole catalogue) is the one kept. On one thread, so that the same
    input and seed give the same model.

    Args:
        interactions: The training part of a log.
        objective: The method.
        encoder_settings: Of the Transformer.
        training_settings: Of the loop.
        seed: Of the start, the order, dropout and the objective's draws.
        start: Item vectors to start from, shape (n_items, d); random by default.
        progress: Called after each epoch.

    Returns:
        With the objective's prototypes, where it has any.

    Raises:
        ConfigError: If no user has three interactions, `start` has another shape, or the objective
            does not fit the encoder.
        DataError: If training diverged.
    """
    settings = encoder_settings or EncoderSettings()
    if settings.frequency is not None and not objective.last_only:
        raise ConfigError(
            f"{type(objective).__name__} asks every position for the next item, and a frequency "
            "layer has shown it that item; train this encoder with BSARec, or leave "
            "EncoderSettings.frequency at None."
        )
    with _reproducible(seed):
        encoder = build_encoder(interactions.n_items, settings)
        if start is not None:
            _start_from(encoder, start)
        return _fit(
            encoder,
            interactions,
            objective,
            training_settings or TrainingSettings(),
            seed,
            progress,
        )


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """One thread, which fixes the order of sums, and random numbers of our own for dropout."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _start_from(encoder: SequenceEncoder, start: FloatArray) -> None:
    wanted = (encoder.n_items, encoder.settings.dimension)
    if start.shape != wanted:
        raise ConfigError(
            f"The item vectors to start from have shape {start.shape}, the encoder's items "
            f"{wanted}; give both the same catalogue and dimension."
        )
    with torch.no_grad():
        encoder.items.weight[1:] = torch.from_numpy(start.astype(np.float32))


def _fit(
    encoder: SequenceEncoder,
    interactions: Interactions,
    objective: Objective,
    settings: TrainingSettings,
    seed: int,
    progress: Callable[[SequenceEpoch], None] | None,
) -> SequenceModel:
    examples = TrainingExamples(interactions, encoder.settings.max_length)
    draws = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(
        [*encoder.parameters(), *objective.parameters()],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    best = SequenceModel(copy.deepcopy(encoder))
    best_ndcg, best_epoch = -1.0, 0
    for number in range(1, settings.epochs + 1):
        objective.prepare(encoder.eval(), examples.sequences, draws)
        batches = examples.batches(settings, draws, last_only=objective.last_only)
        loss = _descend(encoder.train(), objective, optimiser, batches)
        if not np.isfinite(loss):
            raise DataError(
                f"Training diverged in epoch {number}: its loss is no longer a finite number. "
                "Lower the learning rate."
            )
        found = float("nan")
        if number % settings.validate_every == 0 or number == settings.epochs:
            model = SequenceModel(encoder)
            found = ndcg(next_item_ranks(model, examples.known, examples.held_out), top=20)
            if found > best_ndcg:
                best = SequenceModel(copy.deepcopy(encoder))
                best_ndcg, best_epoch = found, number
        if progress is not None:
            progress(SequenceEpoch(number, loss, found))
        if number - best_epoch >= settings.patience * settings.validate_every:
            break
    # Prototypes were made before the epoch's steps; these are of the very encoder that is kept.
    objective.prepare(best.encoder, examples.sequences, draws)
    return SequenceModel(best.encoder, prototypes=objective.prototypes)


def _descend(
    encoder: SequenceEncoder,
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    batches: Iterator[Batch],
) -> float:
    """One epoch's steps; their mean loss."""
    losses = []
    for batch in batches:
        loss = objective.loss(encoder, batch)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    return float(np.mean(losses))
