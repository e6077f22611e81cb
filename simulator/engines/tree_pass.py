"""Token trees through a network of transformers: one pass answers all prompts of a tree.

A tree's tokens are one row, with a mask that shows each token its ancestors alone and positions
that count them (`simulator.engines.token_tree`). What stands before all trees, the *beginning*,
goes through the network once, and its keys and values are lent to every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch  # noqa: TID253  # this module is imported where a network is there to be run
from transformers import DynamicCache  # noqa: TID253  # likewise
from transformers.cache_utils import Cache, DynamicLayer  # noqa: TID253  # likewise

from simulator.domain import FloatArray
from simulator.engines.batches import batches_by_length
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
    """

    def __init__(self, network: Any, batch_tokens: int, usage: Usage) -> None:
        self._network = network
        self._usage = usage
        self._batch_tokens = batch_tokens
        self._hidden_size = int(network.config.get_text_config().hidden_size)
        self._beginning: list[int] = []
        self._cache: Any = None
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
        first = _at_places(self._network, torch.tensor([0]), torch.tensor([0]))
        with self._usage.model(), torch.inference_mode(), first:
            out = self._network(input_ids=ids, use_cache=True)
        self._cache = _lent(out.past_key_values)
        self.computed_tokens += len(beginning)

    def _batch(self, trees: Sequence[TokenTree], token_ids: list[int]) -> FloatArray:
        device = self._network.device
        longest = max(len(tree) for tree in trees)
        rows = np.repeat(np.arange(len(trees)), [len(tree.ends) for tree in trees])
        ends = np.concatenate([tree.ends for tree in trees])
        tokens = torch.from_numpy(_padded([tree.tokens for tree in trees], longest)).to(device)
        depth = torch.from_numpy(_padded([tree.depth for tree in trees], longest)).to(device)
        until = torch.from_numpy(_padded([tree.until for tree in trees], longest)).to(device)
        with self._usage.model(), torch.inference_mode():
            mask = _visible(until, len(self._beginning), self._network.dtype)
            where = (torch.from_numpy(rows).to(device), torch.from_numpy(ends).to(device))
            with _at_places(self._network, *where):
                scores = self._network(
                    input_ids=tokens,
                    attention_mask=mask,
                    position_ids=depth + len(self._beginning),
                    past_key_values=self._cache,
                    use_cache=self._cache is not None,
                ).logits[0]
            chosen = torch.log_softmax(scores.float(), dim=-1)[:, token_ids].cpu()
        return np.asarray(chosen.numpy(), dtype=np.float64)


def reads_trees(network: Any) -> bool:
    """Whether a network gives a tree's prompts the scores that it gives each prompt alone.

    Found by trying: masks of a tree's shape, positions and lent keys are handed on unchanged by
    most networks of transformers, but not by all. Windows that slide would pass the trial, which
    is shorter than they are, so the cache is looked at too.
    """
    with torch.inference_mode():
        ids = [torch.tensor([prompt], device=network.device) for prompt in _PROBE]
        plain = [network(input_ids=row, use_cache=True) for row in ids]
    if not _can_be_lent(getattr(plain[0], "past_key_values", None)):
        return False
    labels = list(range(int(plain[0].logits.shape[-1])))
    expected = [torch.log_softmax(out.logits[0, -1].float(), -1).cpu().numpy() for out in plain]
    try:
        found = [
            TreePass(network, 64, Usage()).scores(_PROBE, labels, []),
            TreePass(network, 64, Usage()).scores(_PROBE[:2], labels, _PROBE[0][:2]),
        ]
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError):
        return False  # a network that does not know a mask, positions or a cache of this kind
    tolerance = _PROBE_TOLERANCE.get(network.dtype, _PROBE_TOLERANCE_HALVED)
    return all(np.allclose(np.stack(expected[: len(x)]), x, atol=tolerance) for x in found)


class _LentLayer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """Keys and values of one row that stand before the rows of any batch, and stay as they are."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Those of the beginning and the batch's own; none are kept."""
        rows = (key_states.shape[0], -1, -1, -1)
        return (
            torch.cat([self.keys.expand(rows), key_states], dim=-2),
            torch.cat([self.values.expand(rows), value_states], dim=-2),
        )


def _lent(cache: Any) -> Cache:
    """A one-row cache as it stands before the rows of any batch, without a copy."""
    layers = []
    for kept in cache.layers:
        layer = _LentLayer()
        layer.lazy_initialization(kept.keys, kept.values)
        layer.keys, layer.values = kept.keys, kept.values
        layers.append(layer)
    return Cache(layers=layers)


def _can_be_lent(cache: Any) -> bool:
    """Whether a network's cache is plain keys and values for every token.

    Sliding windows and states that fold the past together cannot be lent.
    """
    return isinstance(cache, DynamicCache) and all(type(x) is DynamicLayer for x in cache.layers)


@contextmanager
def _at_places(network: Any, rows: torch.Tensor, columns: torch.Tensor) -> Iterator[None]:
    """Let a network compute its vocabulary's scores at these places alone, as one row.

    The places are chosen where the hidden states enter the last matrix, so whatever a network does
    to its scores afterwards is still done.
    """

    def choose(_: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (inputs[0][rows, columns][None], *inputs[1:])

    hook = network.get_output_embeddings().register_forward_pre_hook(choose)
    try:
        yield
    finally:
        hook.remove()


def _padded(rows: Sequence[np.ndarray], longest: int) -> np.ndarray:
    """Rows filled up with 0, shape (n, longest)."""
    filled = np.zeros((len(rows), longest), dtype=np.int64)
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
