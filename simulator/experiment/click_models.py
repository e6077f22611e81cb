"""The click models that every comparison has: one that does not beat them is shown not to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from simulator.clicks import (
    CascadeClicks,
    ClickRate,
    ItemPopularity,
    MatrixFactorisationClicks,
    PositionBasedClicks,
    Replay,
    SequenceClicks,
    WithVectors,
)
from simulator.config import RunConfig
from simulator.domain import BoolArray, Dataset, Exposures, IntArray
from simulator.errors import ConfigError, DataError
from simulator.experiment.early_sequence import early_sequence_model
from simulator.experiment.parts import fit_distribution
from simulator.experiment.split import LogSplit, known_before, users_split
from simulator.experiment.world import Say, fit_vectors
from simulator.interfaces import ClickModel
from simulator.seeding import sample_rows

Fit: TypeAlias = Callable[[Exposures, BoolArray], ClickModel]

_VALIDATING = 0.2
"""Share of the fitting users whose late exposures choose the factorisation's settings."""


def baseline_click_models(
    config: RunConfig, data: Dataset, split: LogSplit, say: Say
) -> Mapping[str, ClickModel]:
    """Fit the baselines; none of them sees a judged exposure, or anything later of its user.

    What each is fitted on:
        distribution (fitted): late exposures of training users, vectors of early interactions.
        click rate: the same exposures.
        sequence model: the same exposures, and a SASRec of early interactions; it reads the history
            of the moment, as an agent does.
        popularity, position-based, cascade: all exposures of training users.
        matrix factorisation, replay: these, and what held-out users were shown before their first
            judged exposure; their histories tell an agent of the same time.

    Replay covers the pairs of user and item that were shown before; all others get the click rate.
    All can be asked about plain `logged_exposures`. Left out, with the reason said: position-based
    and cascade where the log does not know positions or these tell nothing, and the sequence model
    where it would take too long (`early_sequence_model`).

    Args:
        config: The settings of the distribution's vectors, and the seed.
        data: With a log.
        split: Of that log.
        say: Told what is going on.

    Returns:
        By name, in the order of a table.
    """
    log = data.log
    assert log is not None
    training, remembered = _training_rows(data), known_before(data, split.judging)
    shown, clicked = data.logged_exposures(training), log.clicked[training]
    known, answers = data.logged_exposures(remembered), log.clicked[remembered]
    vectors = fit_vectors(split.early, config.vectors, config.seed, say).normalised()
    late, late_answers = data.logged_exposures(split.fitting), log.clicked[split.fitting]
    rate = ClickRate.fit(late, late_answers)
    say(f"fitting the baselines to {len(training):,} exposures")
    models: dict[str, ClickModel] = {
        "distribution (fitted)": WithVectors(fit_distribution(config, data, say), vectors),
        "matrix factorisation": MatrixFactorisationClicks.fit(
            known,
            answers,
            validation=np.isin(remembered, _validating_rows(data, split, config.seed)),
            seed=config.seed,
        ),
        "popularity": ItemPopularity.fit(shown, clicked),
        "click rate": rate,
        "replay": Replay.fit(known, answers, overall=rate.rate),
    }
    encoder = early_sequence_model(config, data, split.early, say)
    if encoder is not None:
        models["sequence model (sasrec)"] = SequenceClicks.fit(encoder, late, late_answers)
    if (log.position < 0).any():
        say("no position-based and no cascade model: the log does not know positions")
        return models
    slates: dict[str, Fit] = {
        "position-based": PositionBasedClicks.fit,
        "cascade": CascadeClicks.fit,
    }
    for name, fit in slates.items():
        try:
            models[name] = fit(shown, clicked)
        except (DataError, ConfigError) as error:
            say(f"no {name} model: {error}")
    return models


def _training_rows(data: Dataset) -> IntArray:
    """All log rows of training users."""
    assert data.log is not None
    return np.flatnonzero(np.isin(data.log.user, users_split(data)[0]))


def _validating_rows(data: Dataset, split: LogSplit, seed: int) -> IntArray:
    """Late exposures of some fitting users: they stand to the rest as the judged ones do."""
    assert data.log is not None
    users = np.unique(data.log.user[split.fitting])
    size = max(1, round(_VALIDATING * len(users)))
    chosen = users[sample_rows(seed, "factorisation validation", len(users), size)]
    return split.fitting[np.isin(data.log.user[split.fitting], chosen)]
