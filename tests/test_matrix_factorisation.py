"""Matrix factorisation: its closed form by hand, what it learns, that it repeats; the manifest."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.embeddings import (
    Epoch,
    GraphAUSettings,
    MatrixFactorisationSettings,
    fit_mf,
    interactions_digest,
    load_vectors,
    recall_of_held_out,
    save_vectors,
    vector_manifest,
)
from recommender.embeddings.matrix_factorisation import solve_rows, weighted_loss
from simulator.domain import Dataset, Interactions
from simulator.errors import ConfigError

SMALL = MatrixFactorisationSettings(dimension=8, regularisation=1.0, epochs=6)


def two_worlds(n_users: int = 120, n_items: int = 80, each: int = 8) -> Interactions:
    """Even users take even items, odd users odd ones."""
    rng = np.random.default_rng(3)
    user = np.repeat(np.arange(n_users), each)
    half = np.stack([rng.permutation(n_items // 2)[:each] for _ in range(n_users)]).ravel()
    item = 2 * half + user % 2
    return Interactions.from_columns(
        user, item, np.tile(np.arange(each), n_users), n_users=n_users, n_items=n_items
    )


def test_closed_form_of_a_case_worked_out_by_hand() -> None:
    # In one dimension, items at 1 and 2; Y'Y = 5, lambda = 1. Who took item 0 twice (alpha 3):
    # (5 + 3 * 2 * 1 + 1) x = (1 + 3 * 2) * 1. Who took both once: (5 + 3 + 12 + 1) x = 4 + 8.
    settings = MatrixFactorisationSettings(dimension=1, confidence=3.0, regularisation=1.0)
    counts = csr_array(np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    rows = solve_rows(counts, np.array([[1.0], [2.0]]), settings)
    assert rows.ravel() == pytest.approx([7 / 12, 12 / 21, 0.0])


def test_loss_of_a_case_worked_out_by_hand() -> None:
    settings = MatrixFactorisationSettings(dimension=1, confidence=3.0, regularisation=0.5)
    counts = csr_array(np.array([[2.0, 0.0], [1.0, 0.0]]))
    users, items = np.array([[1.0], [2.0]]), np.array([[0.5], [3.0]])
    # Taken: 7 (1 - 0.5)^2 + 4 (1 - 1)^2. Not taken: 3^2 + 6^2. Lengths: (5 + 9.25) / 2.
    expected = (7 * 0.25 + 45 + 14.25 / 2) / 3
    assert weighted_loss(counts, users, items, settings) == pytest.approx(expected)


def test_each_half_of_a_sweep_is_the_minimum() -> None:
    rng = np.random.default_rng(4)
    counts = csr_array(rng.integers(0, 3, (5, 7)).astype(float))
    settings = MatrixFactorisationSettings(dimension=3, confidence=2.0, regularisation=0.7)
    items = rng.normal(size=(7, 3))
    users = solve_rows(counts, items, settings)
    best = weighted_loss(counts, users, items, settings)
    for _ in range(20):
        moved = users + 0.05 * rng.normal(size=users.shape)
        assert weighted_loss(counts, moved, items, settings) > best


def test_users_prefer_items_of_their_own_kind_and_the_loss_falls() -> None:
    epochs: list[Epoch] = []
    interactions = two_worlds()
    vectors = fit_mf(interactions, SMALL, seed=1, progress=epochs.append)
    assert (vectors.user.shape, vectors.item.shape) == ((120, 8), (80, 8))
    assert vectors.user.dtype == np.float32
    scores = vectors.user @ vectors.item.T
    own = np.arange(120)[:, None] % 2 == np.arange(80)[None] % 2
    assert scores[own].mean() > scores[~own].mean() + 0.1
    losses = [epoch.loss for epoch in epochs]
    assert losses == sorted(losses, reverse=True)
    # Of 73 items not taken 33 are of the user's kind, all alike: 20/33 at best, 20/73 by chance.
    rest, last = interactions.leave_last_out()
    assert recall_of_held_out(vectors, rest, last) > 0.45


def test_same_seed_same_vectors() -> None:
    first, again, other = (fit_mf(two_worlds(), SMALL, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first.user, again.user)
    assert np.array_equal(first.item, again.item)
    assert not np.array_equal(first.item, other.item)


def test_training_stops_when_recall_no_longer_grows() -> None:
    epochs: list[Epoch] = []
    settings = MatrixFactorisationSettings(dimension=8, epochs=50, patience=2)
    fit_mf(two_worlds(), settings, seed=1, progress=epochs.append)
    recalls = [epoch.recall for epoch in epochs]
    assert len(recalls) == recalls.index(max(recalls)) + 1 + 2


def test_nobody_knows_what_nobody_took() -> None:
    rows = two_worlds()
    wide = Interactions(rows.user, rows.item, rows.time, None, rows.n_users + 1, rows.n_items + 1)
    vectors = fit_mf(wide, SMALL, seed=1)
    assert not vectors.user[-1].any()
    assert not vectors.item[-1].any()


def test_more_rows_than_a_tile() -> None:
    settings = MatrixFactorisationSettings(dimension=4)
    rng = np.random.default_rng(5)
    dense = rng.integers(0, 2, (600, 30)).astype(float)
    items = rng.normal(size=(30, 4))
    at_once = solve_rows(csr_array(dense), items, settings)
    alone = solve_rows(csr_array(dense[[599]]), items, settings)
    assert at_once[599] == pytest.approx(alone[0])


def test_too_little_to_learn_from_is_said() -> None:
    with pytest.raises(ConfigError, match="Matrix factorisation needs users with three"):
        fit_mf(two_worlds(each=2), SMALL, seed=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("dimension", 0), ("epochs", 0), ("patience", 0), ("confidence", 0.0),
     ("regularisation", float("inf"))],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        MatrixFactorisationSettings(**{name: value})


def test_manifest_says_what_vectors_were_made_of(tmp_path) -> None:
    epochs: list[Epoch] = []
    interactions = two_worlds()
    vectors = fit_mf(interactions, SMALL, seed=9, progress=epochs.append)
    manifest = vector_manifest(SMALL, interactions, seed=9, epochs=epochs)
    save_vectors(tmp_path / "v.npz", vectors, manifest)
    stored = load_vectors(tmp_path / "v.npz")[1]
    assert stored == manifest == json.loads(json.dumps(manifest))
    assert stored["method"] == "matrix factorisation"
    assert (stored["settings"]["dimension"], stored["seed"]) == (8, 9)
    assert stored["n_interactions"] == 960
    rest = interactions.take(np.arange(960) % 8 < 7)
    valid = interactions.take(np.arange(960) % 8 == 7)
    assert stored["validation_recall_at_20"] == recall_of_held_out(vectors, rest, valid)
    assert GraphAUSettings.method == "graphau"


def test_digest_follows_the_content() -> None:
    rows = two_worlds()
    digest = interactions_digest(rows)
    assert digest == interactions_digest(two_worlds())
    assert digest != interactions_digest(rows.take(np.arange(959)))
    wider = Interactions(rows.user, rows.item, rows.time, None, rows.n_users, rows.n_items + 1)
    assert digest != interactions_digest(wider)


@pytest.mark.slow
@pytest.mark.realdata
def test_movielens_is_found_again(ml_100k: Dataset) -> None:
    known, last = ml_100k.interactions.leave_last_out()
    vectors = fit_mf(known, seed=0)
    # Measured .22; 943 users give a standard error of .013.
    assert recall_of_held_out(vectors, known, last) > 0.18
