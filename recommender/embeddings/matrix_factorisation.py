"""Matrix factorisation of who took what: the plain control beside GraphAU.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008. Each
half of a sweep has a closed form, so there is no learning rate and nothing is drawn but the start.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from recommender.embeddings.recall import recall_of_held_out
from recommender.embeddings.settings import MatrixFactorisationSettings
from recommender.embeddings.training import Epoch, hold_out_last
from simulator.domain import FloatArray, Interactions, Vectors
from simulator.scores import tiles
from simulator.seeding import generator


def fit_mf(
    interactions: Interactions,
    settings: MatrixFactorisationSettings | None = None,
    *,
    seed: int,
    progress: Callable[[Epoch], None] | None = None,
) -> Vectors:
    """Train vectors; every interaction is a positive, and all other pairs weigh a little.

    With `x_u`, `y_i` the vectors, `r_ui` how often user u took item i and `p_ui` whether at all,
    it minimises `sum_ui (1 + alpha r_ui) (p_ui - x_u . y_i)^2 + lambda (|x|^2 + |y|^2)` (Eq. 3 of
    the paper), over all users given the items, then over all items given the users, and so on.

    The last interaction of each user who has three or more is held out, and the sweep that finds
    these items best (Recall@20) is the one kept. The same input and seed give the same vectors.
    Users and items without any interaction have zero vectors.

    Args:
        interactions: The training part of a log.
        settings: Of the method.
        seed: Of the start.
        progress: Called after each sweep, with the loss an interaction.

    Returns:
        float32, not normalised: length carries popularity.

    Raises:
        ConfigError: If no user has three interactions.
    """
    settings = settings or MatrixFactorisationSettings()
    train, valid = hold_out_last(interactions, "Matrix factorisation")
    counts = csr_array(
        (np.ones(len(train)), (train.user, train.item)), shape=(train.n_users, train.n_items)
    )
    transposed = counts.T.tocsr()
    start = generator(seed, "matrix factorisation").standard_normal(
        (train.n_items, settings.dimension)
    )
    items: FloatArray = start / settings.dimension
    best, best_recall, best_epoch = None, -1.0, 0
    for number in range(1, settings.epochs + 1):
        # One thread: with more, the sums inside a product may come in another order.
        with threadpool_limits(limits=1, user_api="blas"):
            users = solve_rows(counts, items, settings)
            items = solve_rows(transposed, users, settings)
        vectors = Vectors(users.astype(np.float32), items.astype(np.float32))
        recall = recall_of_held_out(vectors, train, valid)
        if progress is not None:
            progress(Epoch(number, weighted_loss(counts, users, items, settings), recall))
        if best is None or recall > best_recall:
            best, best_recall, best_epoch = vectors, recall, number
        if number - best_epoch >= settings.patience:
            break
    assert best is not None
    return best


def solve_rows(
    counts: csr_array, columns: FloatArray, settings: MatrixFactorisationSettings
) -> FloatArray:
    """The rows' best vectors given the columns': Eq. 4 of the paper.

    `x_u = (Y^T Y + alpha sum_i r_ui y_i y_i^T + lambda I)^-1 sum_i (1 + alpha r_ui) y_i`, both sums
    over the items that u took.

    Args:
        counts: How often each row took each column, shape (n_rows, n_columns).
        columns: Y, float64, shape (n_columns, d).
        settings: Of the method.

    Returns:
        float64, shape (n_rows, d); zero for a row without entries.
    """
    width = columns.shape[1]
    upper = np.triu_indices(width)
    shared = columns.T @ columns + settings.regularisation * np.eye(width)
    rows = np.empty((counts.shape[0], width))
    for part in tiles(counts.shape[0]):
        own = counts[part]
        taken = np.unique(own.indices)
        near = columns[taken]
        weighted = settings.confidence * own[:, taken]
        squares = np.empty((own.shape[0], width, width))
        squares[:, upper[0], upper[1]] = weighted @ (near[:, upper[0]] * near[:, upper[1]])
        squares[:, upper[1], upper[0]] = squares[:, upper[0], upper[1]]
        liked = weighted @ near + (own[:, taken] > 0) @ near
        rows[part] = np.linalg.solve(shared + squares, liked[:, :, None])[:, :, 0]
    return rows


def weighted_loss(
    counts: csr_array, users: FloatArray, items: FloatArray, settings: MatrixFactorisationSettings
) -> float:
    """Eq. 3 of the paper, an interaction (pairs not taken included)."""
    taken = counts.tocoo()
    scores = np.einsum("nk,nk->n", users[taken.row], items[taken.col])
    # The squares of all scores, at once; then those of the taken pairs are set right.
    everywhere = np.sum((users.T @ users) * (items.T @ items))
    here = (1 + settings.confidence * taken.data) * (1 - scores) ** 2 - scores**2
    lengths = settings.regularisation * (np.sum(users**2) + np.sum(items**2))
    return float((everywhere + here.sum() + lengths) / counts.sum())
