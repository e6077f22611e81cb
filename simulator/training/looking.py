"""Looks at the users kept out of training: when to stop, and how to calibrate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit, logit

from prompts import Personas
from simulator.clicks.calibration import Platt
from simulator.domain import BoolArray, FloatArray, IntArray
from simulator.engines.hub import load_causal_model
from simulator.engines.models import resolve_model
from simulator.seeding import generator
from simulator.training.evaluation import Quality, predict
from simulator.training.negatives import TrainingLog
from simulator.training.reading import Reader
from simulator.training.wording import Wording

_FOLDS = 5
_LOOKED_AT = 6_000
"""Exposures of the users kept out that are enough to tell whether training still helps."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a network answers about users.

    Attributes:
        probability: P(click) as it answers, float64, shape (n,).
        clicked: What the users did, shape (n,).
        mass: The labels' total probability, shape (n,).
        user: Shape (n,).
        offset: What a drawn log adds to the log-odds, shape (n,); 0 for a logged one.
    """

    probability: FloatArray
    clicked: BoolArray
    mass: FloatArray
    user: IntArray
    offset: FloatArray

    @classmethod
    def at(
        cls,
        reader: Reader,
        wording: Wording,
        log: TrainingLog,
        users: IntArray,
        *,
        personas: Personas | None,
        batch_tokens: int,
        most: int | None = None,
    ) -> Look:
        """Ask about the later half of the users' log; arguments as of `predict`."""
        probability, mass, rows = predict(
            reader,
            wording,
            log.data,
            users,
            personas=personas,
            late=True,
            batch_tokens=batch_tokens,
            most=most,
        )
        assert log.data.log is not None
        offset = np.zeros(len(rows)) if log.offset is None else log.offset[rows]
        taken = log.data.log.take(rows)
        return cls(probability.astype(np.float64), taken.clicked, mass, taken.user, offset)

    @property
    def quality(self) -> Quality:
        """As the network answers; of a drawn log, as it stands there."""
        if not self.offset.any():
            return Quality.of(self.probability, self.clicked)
        odds = logit(np.clip(self.probability, 1e-7, 1 - 1e-7))
        return Quality.of(expit(odds + self.offset), self.clicked)

    def cross_calibrated(self, seed: int) -> Quality:
        """With each user's probabilities mapped by a calibration fitted to other users."""
        users, code = np.unique(self.user, return_inverse=True)
        fold = (generator(seed, "calibration folds").permutation(len(users)) % _FOLDS)[code]
        out = self.probability.copy()
        for here in (fold == k for k in np.unique(fold)):
            fitted = Platt.fit(self.probability[~here], self.clicked[~here])
            out[here] = fitted.apply(self.probability[here])
        return Quality.of(out, self.clicked)


@dataclass(frozen=True, eq=False)
class Asking:
    """How the users kept out are asked.

    Attributes:
        wording: The main template's.
        log: Of all users.
        users: Those kept out.
        personas: What prompts say of them; None for nothing.
        batch_tokens: Tokens at a time.
    """

    wording: Wording
    log: TrainingLog
    users: IntArray
    personas: Personas | None
    batch_tokens: int

    def on_the_way(self, reader: Reader) -> Look:
        """A look at enough of them to tell whether training still helps."""
        return self._look(reader, _LOOKED_AT)

    def written(self, out: Path, device: torch.device) -> Look:
        """A look at all of them by the model as it was written."""
        network = load_causal_model(resolve_model(out), dtype=torch.float32)
        return self._look(Reader(network.to(device).eval(), packed=None), None)

    def _look(self, reader: Reader, most: int | None) -> Look:
        return Look.at(
            reader,
            self.wording,
            self.log,
            self.users,
            personas=self.personas,
            batch_tokens=self.batch_tokens,
            most=most,
        )
