"""Many decisions of a user in one row: a tree of tokens instead of a prompt for each decision.

The prompts of a user's decisions begin alike and part at the candidate; with every click the next
ones are a line of history longer. So a row holds the longest history once (the trunk), and from the
place where a prompt leaves it, the rest of that prompt (a branch). A branch sees the trunk up to
where it leaves and itself, never another branch, and its positions go on from there; so each branch
gets exactly the probabilities that its own prompt would. What all prompts of a batch begin with
stands in front of the rows once (`simulator.training.reading`).

At inference a tree of any depth is read (`simulator.engines.token_tree`) through a mask of the
whole row. Trees of one trunk need no such mask: that is what makes training on a CPU twice as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from simulator.engines.token_tree import Tokens, common_beginning


@dataclass(frozen=True)
class Tree:
    """Token ids of one row: a trunk, and what leaves it.

    Attributes:
        trunk: What at least one prompt goes along, not empty.
        branches: The rest of each prompt, not empty.
        seen: How many of the trunk's tokens each branch comes after, 1 to all of them.
    """

    trunk: Tokens
    branches: tuple[Tokens, ...]
    seen: tuple[int, ...]

    def size(self) -> int:
        """Its tokens, each counted once."""
        return len(self.trunk) + sum(map(len, self.branches))

    def prompts(self) -> list[Tokens]:
        """Each branch as the whole prompt that it stands for."""
        return [self.trunk[:k] + branch for k, branch in zip(self.seen, self.branches, strict=True)]


def grow_tree(prompts: Sequence[Tokens], tails: Sequence[Tokens] = ()) -> Tree:
    """The tree of prompts that share most of what they say.

    Args:
        prompts: Token ids of at least two tokens each, with a first token in common; the last one
            has the longest history.
        tails: What to put after each prompt, such as its answer; nothing by default.
    """
    longest = prompts[-1]
    shared = [min(common_beginning(longest, ids), len(ids) - 1) for ids in prompts[:-1]]
    # The last prompt leaves where the latest of the others does, or before its own last token.
    shared.append(max(shared, default=len(longest) - 1))
    ends = tails or [[]] * len(prompts)
    branches = tuple([*ids[k:], *end] for ids, k, end in zip(prompts, shared, ends, strict=True))
    return Tree(longest[: max(shared)], branches, tuple(shared))


def without_beginning(trees: Sequence[Tree]) -> tuple[Tokens, list[Tree]]:
    """What all branches of all trees begin with, and the trees without it."""
    first = trees[0].trunk
    shared = min(min(common_beginning(first, tree.trunk), min(tree.seen) - 1) for tree in trees)
    shared = max(shared, 0)
    return first[:shared], [
        Tree(tree.trunk[shared:], tree.branches, tuple(k - shared for k in tree.seen))
        for tree in trees
    ]


@dataclass(frozen=True, eq=False)
class PackedTrees:
    """Trees side by side: all trunks padded to one length, and behind them all branches to another.

    Row r holds its trunk in columns 0 .. trunk - 1, then its branches one after the other.

    Attributes:
        tokens: int64, shape (n, trunk + rest).
        positions: Of each token in its own prompt without the beginning, of the same shape.
        trunk: Columns of the trunk.
        sees: Which columns each token of a branch sees, bool, shape (n, rest, trunk + rest).
        last: Row and column of each branch's last token, tree after tree, each int64 of shape
            (n_branches,).
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    trunk: int
    sees: torch.Tensor
    last: tuple[torch.Tensor, torch.Tensor]


def pack_trees(trees: Sequence[Tree], device: torch.device | None = None) -> PackedTrees:
    """Lay each tree out as one row.

    Args:
        trees: At least one.
        device: Where the rows are to be.
    """
    trunk = max(len(tree.trunk) for tree in trees)
    rest = max(sum(map(len, tree.branches)) for tree in trees)
    tokens = np.zeros((len(trees), trunk + rest), dtype=np.int64)
    # Of each column behind the trunk: how much of the trunk it sees, its branch, its place there.
    seen, branch, place = np.zeros((3, len(trees), rest), dtype=np.int64)
    rows: list[int] = []
    columns: list[int] = []
    for row, tree in enumerate(trees):
        sizes = np.asarray([len(ids) for ids in tree.branches])
        starts = np.cumsum(sizes) - sizes
        size = int(sizes.sum())
        tokens[row, : len(tree.trunk)] = tree.trunk
        tokens[row, trunk : trunk + size] = [token for ids in tree.branches for token in ids]
        seen[row, :size] = np.repeat(tree.seen, sizes)
        branch[row, :size] = np.repeat(np.arange(1, len(sizes) + 1), sizes)
        place[row, :size] = np.arange(size) - np.repeat(starts, sizes)
        rows += [row] * len(sizes)
        columns += (trunk + starts + sizes - 1).tolist()
    positions = np.concatenate(
        [np.broadcast_to(np.arange(trunk), (len(trees), trunk)), seen + place], axis=1
    )
    made = [torch.from_numpy(x).to(device) for x in (tokens, positions, seen, branch)]
    return PackedTrees(
        made[0],
        made[1],
        trunk,
        _sees(trunk, made[2], made[3]),
        (torch.tensor(rows, device=device), torch.tensor(columns, device=device)),
    )


def _sees(trunk: int, seen: torch.Tensor, branch: torch.Tensor) -> torch.Tensor:
    """`PackedTrees.sees`; padding, of branch 0, sees itself and other padding."""
    place = torch.arange(trunk, device=seen.device)
    number = torch.arange(seen.shape[1], device=seen.device)
    before = place < seen[:, :, None]
    own = (branch[:, :, None] == branch[:, None]) & (number <= number[:, None])
    return torch.cat([before, own], dim=2)
