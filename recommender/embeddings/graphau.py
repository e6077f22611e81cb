"""GraphAU: user and item vectors from the graph of who took what.

Yang, Liu, Wang, Yang, Liu, Ma and Yu, "Graph-based Alignment and Uniformity for Recommendation",
CIKM 2023. Vectors on the unit sphere are pulled together along the graph (alignment) and apart
otherwise (uniformity). Farther neighbours come in through LightGCN's propagation (He et al., SIGIR
2020): layer l aligns a user with what its items' neighbourhoods gather in l - 1 steps.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from recommender.embeddings.recall import recall_of_held_out
from recommender.embeddings.settings import GraphAUSettings
from recommender.embeddings.training import Epoch, hold_out_last
from recommender.one_thread import one_thread
from simulator.domain import Interactions, Vectors
from simulator.seeding import generator


def fit_graphau(
    interactions: Interactions,
    settings: GraphAUSettings | None = None,
    *,
    seed: int,
    progress: Callable[[Epoch], None] | None = None,
) -> Vectors:
    """Train vectors; every interaction is a positive.

    The last interaction of each user who has three or more is held out, and the epoch that finds
    these items best (Recall@20) is the one kept. The same input and seed give the same vectors.
    Users and items without any interaction keep their random start.

    Args:
        interactions: The training part of a log.
        settings: Of the method.
        seed: Of the start and the order of the batches.
        progress: Called after each epoch.

    Returns:
        float32, not normalised (the loss sees directions only).

    Raises:
        ConfigError: If no user has three interactions.
        DataError: If training diverged.
    """
    with one_thread():
        return _fit(interactions, settings or GraphAUSettings(), seed, progress)


def _fit(
    interactions: Interactions,
    settings: GraphAUSettings,
    seed: int,
    progress: Callable[[Epoch], None] | None,
) -> Vectors:
    train, valid = hold_out_last(interactions, "GraphAU")
    graph = _normalised_graph(train)
    draws = generator(seed, "graphau")
    n_nodes = train.n_users + train.n_items
    start = draws.standard_normal((n_nodes, settings.dimension), dtype=np.float32)
    nodes = torch.nn.Parameter(torch.from_numpy(start))
    optimiser = torch.optim.Adam(
        [nodes], lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    best, best_recall, best_epoch = _vectors(nodes, train.n_users), -1.0, 0
    for number in range(1, settings.epochs + 1):
        losses = []
        for pairs in _batches(train, settings.batch, draws):
            loss = graphau_loss(nodes, graph, pairs, settings)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            losses.append(loss.item())
        vectors = _vectors(nodes, train.n_users)
        recall = recall_of_held_out(vectors, train, valid)
        if progress is not None:
            progress(Epoch(number, float(np.mean(losses)), recall))
        if recall > best_recall:
            best, best_recall, best_epoch = vectors, recall, number
        if number - best_epoch >= settings.patience:
            break
    return best


def graphau_loss(nodes: Tensor, graph: Tensor, pairs: Tensor, settings: GraphAUSettings) -> Tensor:
    """Alignment, averaged over layers with their weights, plus uniformity, on one batch.

    With `x`, `y` the users and items of the batch as unit vectors and `x_l`, `y_l` what l - 1 steps
    of propagation gather in their place: `align_l = mean(|x - y_l|^2 + |x_l - y|^2) / 2`, and
    `uniform = (U(x) + U(y)) / 2` with `U(z) = log mean exp(-2 |z_a - z_b|^2)` over the batch's
    pairs of rows a, b.

    Args:
        nodes: Users' vectors, then items', shape (n_nodes, d).
        graph: Normalised adjacency of all nodes, sparse, symmetric, shape (n_nodes, n_nodes).
        pairs: Nodes of users and of their items, int64, shape (2, batch).
        settings: Of the method.
    """
    users, items = pairs
    unit = normalize(nodes)
    near_user, near_item = unit.index_select(0, users), unit.index_select(0, items)
    layer, weight = nodes, 1.0
    align = (near_user - near_item).square().sum(1).mean()
    for _ in range(1, settings.layers):
        layer = _Propagate.apply(graph, layer)  # type: ignore[no-untyped-call]  # untyped in torch
        weight *= settings.layer_weight
        far = normalize(layer)
        to_items = (near_user - far.index_select(0, items)).square().sum(1).mean()
        to_users = (near_item - far.index_select(0, users)).square().sum(1).mean()
        align = align + weight * (to_items + to_users) / 2
    uniform = (_uniformity(unit, users) + _uniformity(unit, items)) / 2
    return align / settings.layers + settings.uniformity * uniform


class _Propagate(torch.autograd.Function):
    """`graph @ layer` for a symmetric graph, whose gradient is the same product.

    Torch's own gradient of a sparse product transposes the graph at every step.
    """

    @staticmethod
    def forward(ctx: Any, graph: Tensor, layer: Tensor) -> Tensor:
        ctx.graph = graph
        return graph @ layer

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        return None, ctx.graph @ gradient


def _uniformity(unit: Tensor, rows: Tensor) -> Tensor:
    """U of the batch's rows, repeats included; each distinct row is computed once, with a count."""
    distinct, counts = torch.unique(rows, return_counts=True)
    chosen, weight = unit.index_select(0, distinct), counts.to(unit.dtype)
    # |a - b|^2 = 2 - 2 a . b on the unit sphere.
    closeness = torch.exp(4 * (chosen @ chosen.T) - 4)
    # A row's pair with itself, at distance 0, is no pair.
    n = len(rows)
    return torch.log((weight @ closeness @ weight - n) / (n * (n - 1)))


def _normalised_graph(train: Interactions) -> Tensor:
    """D^-1/2 A D^-1/2 of the graph between users and items."""
    user = torch.from_numpy(train.user.astype(np.int64))
    item = torch.from_numpy(train.item.astype(np.int64)) + train.n_users
    n_nodes = train.n_users + train.n_items
    degree = torch.bincount(torch.cat([user, item]), minlength=n_nodes).to(torch.float32)
    value = (degree[user] * degree[item]).rsqrt()
    graph = torch.sparse_coo_tensor(
        torch.stack([torch.cat([user, item]), torch.cat([item, user])]),
        torch.cat([value, value]),
        (n_nodes, n_nodes),
        check_invariants=False,
    )
    with warnings.catch_warnings():
        # Torch calls all of its compressed sparse rows "beta"; products with them are not.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return graph.coalesce().to_sparse_csr()


def _batches(train: Interactions, size: int, draws: np.random.Generator) -> list[Tensor]:
    """All interactions once, shuffled, in batches of nodes, each shape (2, size) or fewer."""
    order = draws.permutation(len(train))
    pairs = np.stack([train.user[order], train.item[order] + train.n_users]).astype(np.int64)
    # A batch of one has no pair to spread.
    return [p for p in torch.split(torch.from_numpy(pairs), size, dim=1) if p.shape[1] > 1]


def _vectors(nodes: Tensor, n_users: int) -> Vectors:
    rows = nodes.detach().numpy().copy()
    return Vectors(rows[:n_users], rows[n_users:])
