"""What a set of recommenders thinks of logged exposures: who would have shown which."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from simulator.clicks.sequence import sequence_scores
from simulator.config import RunConfig
from simulator.domain import Dataset, FloatArray, IntArray, Interactions, Ragged
from simulator.experiment.early_sequence import early_sequence_model
from simulator.experiment.split import LogSplit
from simulator.experiment.world import Say, fit_vectors
from simulator.seeding import uniforms

_AT_A_TIME = 2_048
"""Rows whose users are compared with all others at once."""


def recommender_scores(
    config: RunConfig, data: Dataset, split: LogSplit, rows: IntArray, say: Say
) -> Mapping[str, FloatArray]:
    """How some recommenders score logged exposures, all trained on early interactions alone.

    random: a draw by user and item. popular: early interactions of the item; unpopular: the
    reverse, a recommender that nobody would want. graphau and mf: inner products of trained
    vectors. item-knn: the item's summed cosine to the history of the moment (Sarwar et al.,
    "Item-based collaborative filtering", WWW 2001, by columns of who took what). sasrec: what the
    sequence model makes of the history of the moment; left out, which is said, where
    `early_sequence_model` cannot train it.

    Only these rows are scored, never a user's whole catalogue.

    Args:
        config: Vectors' settings and the seed.
        data: With a log.
        split: Of that log.
        rows: Log rows, shape (n,).
        say: Told what is going on.

    Returns:
        By name: higher is better, finite, float64, shape (n,).
    """
    shown = data.logged_exposures(rows)
    early = split.early
    taken = np.bincount(early.item, minlength=data.n_items).astype(np.float64)
    scores: dict[str, FloatArray] = {
        "random": uniforms(config.seed, "random scores", shown.user, shown.item),
        "popular": taken[shown.item],
        "unpopular": -taken[shown.item],
    }
    for method in ("graphau", "mf"):
        settings = config.vectors.model_copy(update={"method": method})
        vectors = fit_vectors(early, settings, config.seed, say)
        if method == "graphau":  # trained on the sphere; a factorisation's lengths mean something
            vectors = vectors.normalised()
        scores[method] = _inner(vectors.user[shown.user], vectors.item[shown.item])
    scores["item-knn"] = neighbour_scores(early, shown.history, shown.item)
    model = early_sequence_model(config, data, early, say)
    if model is not None:
        scores["sasrec"] = sequence_scores(model, shown).astype(np.float64)
    return scores


def neighbour_scores(early: Interactions, history: Ragged, item: IntArray) -> FloatArray:
    """The sum over a history of cos(item, item of the history), by who took both.

    The cosines between items are never made: with unit columns `A` (users x items) the sum is
    `A[:, i] . (A h)`, for `h` the history as a row of ones.

    Args:
        early: Who took what; an item taken twice by a user counts once.
        history: n rows.
        item: The item scored against each, shape (n,).

    Returns:
        0 or more, float64, shape (n,).
    """
    key = np.unique(early.user.astype(np.int64) * early.n_items + early.item)
    user, taken = key // early.n_items, key % early.n_items
    length = np.sqrt(np.bincount(taken, minlength=early.n_items))
    by_item = csr_array((1.0 / length[taken], (taken, user)), shape=(early.n_items, early.n_users))
    scores = np.empty(len(item))
    for start in range(0, len(item), _AT_A_TIME):
        part = np.arange(start, min(start + _AT_A_TIME, len(item)))
        past = history.take(part)
        ones = np.ones(len(past.values))
        held = csr_array((ones, past.values, past.offsets), shape=(len(part), early.n_items))
        scores[part] = ((held @ by_item) * by_item[item[part]]).sum(axis=1)
    return scores


def _inner(users: FloatArray, items: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("nd,nd->n", users, items, dtype=np.float64))
