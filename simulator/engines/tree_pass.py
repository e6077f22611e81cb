"""Token trees through a network of transformers: one pass answers all prompts of a tree.

A tree's tokens are one row, with a mask that shows each token its ancestors alone and positions
that count them (`simulator.engines.token_tree`). What stands before all trees, the *beginning*,
goes through the network once, and its keys and values are lent to every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from simulator.domain import FloatArray, IntArray
from simulator.engines.batches import batches_by_length
from simulator.engines.read_places import Places, lent_cache, reading_at
from simulator.engines.token_tree import Tokens, TokenTree, grow_trees
from simulator.engines.usage import Usage

_PROBE = [[3, 5, 4, 6], [3, 5, 7], [3, 8, 6, 5, 4], [9, 4]]
"""Prompts that share a beginning of one token, and of two, and of none."""
_PROBE_TOLERANCE = {torch.float32: 1e-4}
_PROBE_TOLERANCE_HALVED = 0.1


class TreePass:
    """Label scores of prompts through a network that can read trees.

    Args:
        network: A causal language model of transformers, on its device.
        batch_tokens: Tokens a batch, those before it and padding included; bounds memory.
        usage: Told the seconds that the network takes.
        stop_early: Whether the last layer is run where scores are read and nowhere else.
    """

    def __init__(self, network: Any, batch_tokens: int, usage: Usage, *, stop_early: bool) -> None:
        self._network = network
        self._stop_early = stop_early
        self._usage = usage
        self._batch_tokens = batch_tokens
        config = network.config.get_text_config()
        self._hidden_size, self._n_layers = config.hidden_size, config.num_hidden_layers
        self._beginning: list[int] = []
        self._cache: Any = None
        self.precision: torch.dtype = network.dtype
        self.computed_tokens = 0

    def scores(
        self, encoded: Sequence[Tokens], token_ids: Sequence[int], beginning: Tokens
    ) -> FloatArray:
        """Log-probabilities of `token_ids` after each prompt, shape (n, len(token_ids)).

        Args:
            encoded: Token ids of prompts, all longer than `beginning`.
            token_ids: Which of the vocabulary's scores to read.
            beginning: What all prompts begin with; kept for the next call.
        """
        self._begin_with(beginning)
        skipped = len(beginning)
        trees = grow_trees(
            [ids[skipped:] for ids in encoded],
            most_tokens=max(1, self._batch_tokens - skipped),
            hidden_size=self._hidden_size,
        )
        lengths = np.asarray([len(tree) for tree in trees])
        logs = np.empty((len(encoded), len(token_ids)))
        for batch in batches_by_length(lengths, self._batch_tokens, skipped):
            together = [trees[row] for row in batch]
            found = self._batch(together, list(token_ids))
            logs[np.concatenate([tree.prompts for tree in together])] = found
        self.computed_tokens += int(lengths.sum())
        return logs

    def _begin_with(self, beginning: list[int]) -> None:
        """Have keys and values of exactly this beginning.

        Never made from those of another one: the last bits of an answer should depend on the
        prompts of its call, and not on what was asked before.
        """
        if beginning == self._beginning:
            return
        self._beginning, self._cache = beginning, None
        if not beginning:
            return
        ids = torch.tensor([beginning], device=self._network.device)
        # One position's scores are computed, since all would fill the memory.
        place = torch.zeros(1, dtype=torch.int64, device=self._network.device)
        first = reading_at(self._network, Places(place[None], (place, place)), stop_early=False)
        with self._usage.model(), torch.inference_mode(), first:
            out = self._network(input_ids=ids, use_cache=True)
        self._cache = out.past_key_values
        self.computed_tokens += len(beginning)

    def _batch(self, trees: Sequence[TokenTree], token_ids: list[int]) -> FloatArray:
        tokens, depth, until, columns = (
            torch.from_numpy(_padded(rows)).to(self._network.device)
            for rows in zip(*((x.tokens, x.depth, x.until, x.ends) for x in trees), strict=True)
        )
        n_read = torch.tensor([len(tree.ends) for tree in trees], device=columns.device)
        read = (torch.arange(columns.shape[1], device=columns.device) < n_read[:, None]).nonzero()
        places = Places(columns, (read[:, 0], read[:, 1]))
        reading = reading_at(self._network, places, stop_early=self._stop_early)
        with self._usage.model(), torch.inference_mode(), reading:
            scores = self._network(
                input_ids=tokens,
                attention_mask=_visible(until, len(self._beginning), self.precision),
                position_ids=depth + len(self._beginning),
                past_key_values=lent_cache(
                    self._cache, self._n_layers, stop_early=self._stop_early
                ),
                use_cache=True,
            ).logits[0]
            chosen = torch.log_softmax(scores.float(), dim=-1)[:, token_ids].cpu()
        return np.asarray(chosen.numpy(), dtype=np.float64)


def tree_pass(network: Any, batch_tokens: int, usage: Usage) -> TreePass | None:
    """The fastest way that gives a tree's prompts the scores that the network gives each alone.

    Found by trying: masks of a tree's shape, positions and lent keys are handed on unchanged by
    most networks of transformers, but not by all. Windows that slide would pass the trial, which
    is shorter than they are, so the cache is looked at too.

    Returns:
        None for a network that can read whole prompts only.
    """
    with torch.inference_mode():
        ids = [torch.tensor([prompt], device=network.device) for prompt in _PROBE]
        plain = [network(input_ids=row, use_cache=True) for row in ids]
    if not _can_be_lent(getattr(plain[0], "past_key_values", None)):
        return None
    scores = [torch.log_softmax(out.logits[0, -1].float(), -1).cpu().numpy() for out in plain]
    for stop_early in (True, False):
        if _agrees(TreePass(network, 64, Usage(), stop_early=stop_early), np.stack(scores)):
            return TreePass(network, batch_tokens, usage, stop_early=stop_early)
    return None


def _agrees(trial: TreePass, expected: FloatArray) -> bool:
    """Whether the probe's prompts get these scores, with and without a beginning."""
    every = list(range(expected.shape[1]))
    try:
        alone = trial.scores(_PROBE, every, [])
        begun = trial.scores(_PROBE[:2], every, _PROBE[0][:2])
    except (TypeError, ValueError, RuntimeError, AttributeError, LookupError):
        return False  # a network that does not know such a mask, positions, layers or cache
    tolerance = _PROBE_TOLERANCE.get(trial.precision, _PROBE_TOLERANCE_HALVED)
    return np.allclose(alone, expected, atol=tolerance) and np.allclose(
        begun, expected[:2], atol=tolerance
    )


def _can_be_lent(cache: Any) -> bool:
    """Whether a network's cache is plain keys and values for every token.

    Sliding windows and states that fold the past together cannot be lent.
    """
    return isinstance(cache, DynamicCache) and all(type(x) is DynamicLayer for x in cache.layers)


def _padded(rows: Sequence[IntArray]) -> IntArray:
    """Rows filled up with 0, int64, shape (n, longest)."""
    filled = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for row, values in enumerate(rows):
        filled[row, : len(values)] = values
    return filled


def _visible(until: torch.Tensor, before: int, dtype: torch.dtype) -> torch.Tensor:
    """What is added to the attention's scores: 0 where a token is seen, else minus infinity.

    Args:
        until: Of each token, as in `TokenTree`; 0 for padding. Shape (n, longest).
        before: Tokens of the beginning, which all see.
        dtype: Of the network, since adding is cheaper than choosing in every layer.

    Returns:
        Shape (n, 1, longest, before + longest).
    """
    n, longest = until.shape
    place = torch.arange(longest, device=until.device)
    seen = (place <= place[:, None]) & (place[:, None] < until[:, None])
    # Everyone sees itself, padding too: a row of nothing would be a division of zero by zero.
    seen |= place == place[:, None]
    mask = torch.zeros(n, 1, longest, before + longest, dtype=dtype, device=until.device)
    mask[:, 0, :, before:].masked_fill_(~seen, -torch.inf)
    return mask
