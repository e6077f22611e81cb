"""Contrastive losses: pull rows that belong together closer than rows that do not.

Van den Oord, Li and Vinyals, "Representation learning with contrastive predictive coding", 2018
(InfoNCE). What belongs together, and how near two rows are, is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

Similarity = Callable[[Tensor, Tensor], Tensor]
"""Two matrices of rows, shapes (n, d) and (m, d), to their similarities, shape (n, m)."""


def inner_products(rows: Tensor, columns: Tensor) -> Tensor:
    """`rows @ columns.T`, shape (n, m)."""
    return rows @ columns.T


def contrast_views(
    first: Tensor,
    second: Tensor,
    *,
    temperature: float,
    group: Tensor | None = None,
    similarity: Similarity = inner_products,
) -> Tensor:
    """InfoNCE between two views of the same things, each the other's positive.

    For the view `a` of thing i, `-log(exp(s(a_i, b_i)) / (exp(s(a_i, b_i)) + sum exp(s(a_i, x))))`,
    where `s` is the similarity over the temperature and x runs through both views of all things of
    other groups; the mean over all 2n views.

    Args:
        first: One view of each thing, shape (n, d).
        second: The other, row for row.
        temperature: Positive; what similarities are divided by.
        group: int64, shape (n,). Things of one group are never held against each other (a "false
            negative mask"). By default each is its own.
        similarity: Between rows.
    """
    n = len(first)
    rows = torch.cat([first, second])
    group = torch.arange(n) if group is None else group
    return _info_nce(
        similarity(rows, rows) / temperature,
        positive=torch.arange(2 * n).roll(n),
        alike=_alike(group.repeat(2)),
    )


def contrast_prototypes(
    rows: Tensor, prototypes: Tensor, assigned: Tensor, *, temperature: float
) -> Tensor:
    """InfoNCE between rows and their prototypes, the batch's other prototypes being negatives.

    For row i, `-log(exp(s(h_i, c_i)) / (exp(s(h_i, c_i)) + sum exp(s(h_i, c_v))))`, where v runs
    through the batch's rows with another prototype than i's, so that a prototype weighs as much as
    the batch has rows of it; the mean over rows.

    Args:
        rows: h, shape (n, d).
        prototypes: shape (k, d).
        assigned: Which prototype is whose, int64, shape (n,).
        temperature: Positive; what inner products are divided by.
    """
    return _info_nce(
        inner_products(rows, prototypes[assigned]) / temperature,
        positive=torch.arange(len(rows)),
        alike=_alike(assigned),
    )


def _alike(group: Tensor) -> Tensor:
    return group[:, None] == group[None]


def _info_nce(similarity: Tensor, *, positive: Tensor, alike: Tensor) -> Tensor:
    """Cross-entropy of each row's positive column; columns that are alike otherwise stay out."""
    is_positive = positive[:, None] == torch.arange(similarity.shape[1])
    return cross_entropy(similarity.masked_fill(alike & ~is_positive, -torch.inf), positive)
