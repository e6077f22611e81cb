"""IRN's network: a Transformer that reads a history with the objective it shall lead to.

Zhu, Ge, Gu, Zhao and Lee, "Influential Recommender System", ICDE 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recommender.nudge.irn_settings import IRNSettings
from recommender.sequence.encoder import Block

_INITIAL_DEVIATION = 0.02


class InfluentialNetwork(nn.Module):
    """Items, their distance to the objective, and attention under the impressionability mask.

    A sequence ends with its objective. It is padded on the left, so that a position says how many
    steps the objective is away; at planning time the places of the path are left free. Attention
    tells order from positions and mask only, and the objective is held as column 0: then the
    sequence grows at its end.

    The paper does not say what the objective itself attends to. Were it everything before it, the
    second layer would read through it the very items that are to be predicted; here it sees itself
    alone.

    Args:
        n_users: Users with an impressionability of their own.
        n_items: Catalogue size; item row r has embedding r + 1, embedding 0 stands before the
            first item.
        settings: Of the method.
    """

    def __init__(self, n_users: int, n_items: int, settings: IRNSettings) -> None:
        super().__init__()
        encoder = settings.encoder
        width = encoder.dimension
        self.settings = settings
        self.n_items = n_items
        self.slots = encoder.max_length + settings.rounds - 1
        self.items = nn.Embedding(n_items + 1, width)
        self.positions = nn.Embedding(1 + self.slots, width)
        self.norm = nn.LayerNorm(width, eps=encoder.norm_epsilon)
        self.dropout = nn.Dropout(encoder.dropout)
        self.blocks = nn.ModuleList(Block(encoder) for _ in range(encoder.layers))
        self.users = nn.Embedding(n_users, width)
        self.impression = nn.Linear(width, 1)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=_INITIAL_DEVIATION)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        # Every user starts out as impressionable as the next.
        nn.init.ones_(self.impression.bias)

    def forward(self, user: Tensor, objective: Tensor, window: Tensor) -> Tensor:
        """What the network makes of each position.

        Args:
            user: shape (n,).
            objective: Item ids (row + 1), shape (n,).
            window: Item ids, 0 on the left, shape (n, L), L at most `slots`; the objective comes
                `slots - L + 1` steps after the last of them.

        Returns:
            float, shape (n, L, d); products with `item_vectors` are the next item's logits.
        """
        states = torch.cat([self.embed(objective[:, None], 0), self.embed(window, 1)], dim=1)
        mask = self.mask(user, window)
        for block in self.blocks:
            states = block(states, mask)
        return states[:, 1:]

    def embed(self, ids: Tensor, column: int) -> Tensor:
        """Items at columns `column`, `column + 1`, ..., shape (n, L, d)."""
        positions = self.positions.weight[column : column + ids.shape[1]]
        embedded: Tensor = self.dropout(self.norm(self.items(ids) + positions))
        return embedded

    def mask(self, user: Tensor, window: Tensor) -> Tensor:
        """The impressionability mask of windows, shape (n, 1, 1 + L, 1 + L)."""
        weight = self.settings.objective_weight * self.impressionability(user)
        return impressionability_mask(weight, _present(window))

    def impressionability(self, user: Tensor) -> Tensor:
        """r_u, a linear map of the user's embedding, shape (n,)."""
        return torch.as_tensor(self.impression(self.users(user))[:, 0])

    def item_vectors(self) -> Tensor:
        """Embeddings of the catalogue, shape (n_items, d)."""
        return self.items.weight[1:]


def impressionability_mask(weight: Tensor, present: Tensor) -> Tensor:
    """What is added to attention scores, the objective in row and column 0.

    `weight` towards the objective, 0 towards a present item at the own or an earlier place, and
    minus infinity else. (The paper also gives items of the history a constant weight. A softmax
    does not change when all of its scores are moved by one number, so that only the difference to
    the objective's weight counts: theirs is 0 here.)

    Args:
        weight: w_t r_u, shape (n,).
        present: Where there is an item to attend to, bool, shape (n, L).

    Returns:
        Of the weight's precision, shape (n, 1, 1 + L, 1 + L).
    """
    absent = torch.zeros(present.shape, dtype=weight.dtype).masked_fill(~present, -torch.inf)
    columns = torch.cat([weight[:, None], absent], dim=1)
    later = torch.ones(columns.shape[1], columns.shape[1], dtype=torch.bool).triu(1)
    return columns[:, None, None, :].expand(-1, -1, len(later), -1).masked_fill(later, -torch.inf)


def _present(window: Tensor) -> Tensor:
    """Items, and the place before the first one, from which that one is predicted."""
    present = window > 0
    present[:, -1] = True
    present[:, :-1] |= window[:, 1:] > 0
    return present
