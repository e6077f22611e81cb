"""A teacher for what the log leaves open: a factorisation of the training users' own answers.

A logged answer is one toss of a coin whose odds an agent has to learn, and a user was shown few of
the items. A matrix factorisation has weighed all answers of all training users against each other;
taught by its opinion as well (knowledge distillation: Hinton, Vinyals and Dean, 2015), a small
network learns from the same users what it takes to tell the odds from a history that it reads. The
teacher knows training users alone, and at inference there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import expit

from simulator.clicks.factorisation_fit import Factors, FactorSettings, fit_factors
from simulator.domain import ExposureLog, FloatArray, IntArray
from simulator.training.lessons import Lesson
from simulator.training.settings import TeacherSettings

_SHAPES = ((2, 2.0), (4, 5.0), (6, 5.0))
"""Dimensions and penalties of the factorisations whose mean log-odds are the opinion."""
_SEEDS = 2
_BIAS_PENALTY = 1.0
_GUESSED_BY = 0.75
"""Items are guessed about by their popularity to this power."""


class Teacher:
    """Has an opinion on what a training user would do.

    Args:
        log: Of clicks and no-clicks.
        users: Training users, the only ones it learns from.
        n_items: Of the catalogue.
        settings: How much it says.
        seed: Of its start.
    """

    def __init__(
        self,
        log: ExposureLog,
        users: IntArray,
        n_items: int,
        settings: TeacherSettings,
        *,
        seed: int,
    ) -> None:
        known = log.take(np.isin(log.user, users))
        self._factors: Sequence[Factors] = [
            fit_factors(
                known.user,
                known.item,
                known.clicked,
                FactorSettings(dimension, penalty, _BIAS_PENALTY),
                seed=seed + number,
            )
            for dimension, penalty in _SHAPES
            for number in range(_SEEDS)
        ]
        self._settings = settings
        self._n_items = n_items
        shown = np.bincount(known.item, minlength=n_items).astype(np.float64)
        self._edges = np.cumsum(shown**_GUESSED_BY)

    def opinion(self, user: int, item: IntArray) -> FloatArray:
        """P(click) of a user for items, float64, of their shape."""
        users = np.full(len(item), user)
        return np.asarray(expit(np.mean([one.logit(users, item) for one in self._factors], axis=0)))

    def item_features(self) -> FloatArray:
        """What it has learnt of each item, each feature of mean 0 and variance 1.

        Returns:
            Shape (n_items, d): the items' bias, and the vector of the largest factorisation.
        """
        largest = self._factors[-1]
        found = min(self._n_items, len(largest.item_bias) - 1)
        made = np.zeros((self._n_items, 1 + largest.item.shape[1]))
        made[:found] = np.column_stack([largest.item_bias, largest.item])[:found]
        return np.asarray((made - made.mean(axis=0)) / np.maximum(made.std(axis=0), 1e-9))

    def taught(self, lesson: Lesson, rng: np.random.Generator) -> Lesson:
        """The lesson with the teacher's opinion, and with items that it guesses about."""
        weight = self._settings.weight
        target = (1 - weight) * lesson.clicked + weight * self.opinion(lesson.user, lesson.items)
        n = round(self._settings.guesses * len(lesson.items))
        drawn = np.searchsorted(self._edges, rng.random(n) * self._edges[-1], side="right")
        drawn = np.setdiff1d(drawn, np.concatenate([lesson.history, lesson.items]))
        odds = self.opinion(lesson.user, drawn)
        return replace(
            lesson,
            items=np.concatenate([lesson.items, drawn]).astype(np.int32),
            # An answer in words has to be one or the other.
            clicked=np.concatenate([lesson.clicked, rng.random(len(drawn)) < odds]),
            rows=np.concatenate([lesson.rows, np.full(len(drawn), -1)]),
            seen=np.concatenate([lesson.seen, np.full(len(drawn), lesson.seen[-1])]),
            target=np.concatenate([target, odds]),
            guessed=len(drawn),
        )
