"""How a network reads the prompts of a batch while it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from simulator.engines.read_places import lent_cache
from simulator.engines.token_tree import Tokens
from simulator.training import attention
from simulator.training.branches import Tree, grow_tree, pack_trees

_PROBE = [[3, 5, 4, 6], [3, 5, 7, 8], [3, 5, 7, 6, 5, 4], [3, 5, 7, 6, 4]]
"""Prompts that leave a trunk at different places."""
_TAILS = [[5]] * len(_PROBE)
_AGAIN = range(2 * len(_PROBE) - 1)
_TOLERANCE = 1e-3


class Reader:
    """The next token's scores after each prompt of a batch, with gradients.

    Two ways give the same numbers. *Packed*: users' prompts as trees (`branches`), whose beginning
    goes through the network once for all. *Rows*: one padded row a prompt, for networks that know
    no other attention than their own (sliding windows, states that fold the past together).

    Args:
        network: A causal language model of transformers, on its device.
        packed: Whether to pack; None finds out which way is right.
        precision: Of the arithmetic where it is not that of the weights.
    """

    def __init__(
        self, network: Any, *, packed: bool | None = None, precision: torch.dtype | None = None
    ) -> None:
        self.network = network
        self.device: torch.device = next(network.parameters()).device
        self._precision = precision
        self._own_attention = network.config._attn_implementation
        self._layers = network.config.get_text_config().num_hidden_layers
        self.packed = self._packs_truly() if packed is None else packed
        self._choose(self.packed)

    def next_token_scores(
        self,
        beginning: Tokens,
        trees: Sequence[Tree],
        before: int = 0,
        again: Sequence[int] = (),
    ) -> torch.Tensor:
        """Unnormalised scores of the vocabulary, float32, shape (n_branches + n_again, vocabulary).

        A vocabulary may be large; what needs no normalising should not pay for it.

        Args:
            beginning: Token ids in front of every tree, possibly none.
            trees: The prompts.
            before: How many tokens before each branch's last one to read.
            again: Branches of which the last token itself is read as well; their rows come last.
        """
        with self._autocast():
            if self.packed:
                logits = self._read_packed(beginning, trees, before, again)
            else:
                logits = self._read_rows(beginning, trees, before, again)
        return logits.float()

    def tokens(self, beginning: Tokens, trees: Sequence[Tree]) -> int:
        """How many tokens go through the network for these trees, padding left out."""
        if self.packed:
            return len(beginning) + sum(tree.size() for tree in trees)
        return sum(len(beginning) + len(ids) for tree in trees for ids in tree.prompts())

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._precision is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self._precision)

    def _read_packed(
        self, beginning: Tokens, trees: Sequence[Tree], before: int, again: Sequence[int]
    ) -> torch.Tensor:
        packed = pack_trees(trees, self.device)
        cache = self._begin(beginning)
        with _scored_at(self.network, *_places(*packed.last, before, again)):
            out = self.network(
                input_ids=packed.tokens,
                # Unused by the tree's attention; given so that no mask is made.
                attention_mask=torch.zeros(1, 1, 1, 1, device=self.device),
                position_ids=packed.positions + len(beginning),
                past_key_values=lent_cache(cache, self._layers, stop_early=False),
                use_cache=True,
                trees=packed,
            )
        logits: torch.Tensor = out.logits[0]
        return logits

    def _begin(self, beginning: Tokens) -> Any:
        """Keys and values of the beginning, through which gradients flow back."""
        if not beginning:
            return None
        cache = DynamicCache(config=self.network.config)
        nowhere = torch.zeros(0, dtype=torch.int64, device=self.device)
        with _scored_at(self.network, nowhere, nowhere):
            self.network(
                input_ids=torch.tensor([beginning], device=self.device),
                past_key_values=cache,
                use_cache=True,
            )
        return cache

    def _read_rows(
        self, beginning: Tokens, trees: Sequence[Tree], before: int, again: Sequence[int]
    ) -> torch.Tensor:
        prompts = [beginning + ids for tree in trees for ids in tree.prompts()]
        lengths = torch.tensor([len(ids) for ids in prompts], device=self.device)
        longest = int(lengths.max())
        # Padding stands at the end, where a causal network's real tokens never look.
        ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids in prompts])
        rows = torch.arange(len(prompts), device=self.device)
        with _scored_at(self.network, *_places(rows, lengths - 1, before, again)):
            mask = torch.arange(longest, device=self.device) < lengths[:, None]
            out = self.network(
                input_ids=ids.to(self.device), attention_mask=mask.long(), use_cache=False
            )
        logits: torch.Tensor = out.logits[0]
        return logits

    def give_back(self) -> None:
        """Leave the network with the attention that it came with."""
        self._choose(False)

    def _choose(self, packed: bool) -> None:
        self.network.set_attn_implementation(attention.NAME if packed else self._own_attention)

    def _packs_truly(self) -> bool:
        """Whether packed prompts get the scores that the network gives them row by row."""
        trees = [grow_tree(_PROBE, _TAILS), grow_tree(_PROBE[1:], _TAILS[1:])]
        was_training = self.network.training
        self.network.eval()
        try:
            with torch.no_grad():
                self._choose(False)
                if not self._keeps_all():
                    return False
                rows = self._read_rows([2, 7], trees, 1, _AGAIN).float()
                self._choose(True)
                packed = self._read_packed([2, 7], trees, 1, _AGAIN).float()
        except (TypeError, ValueError, RuntimeError, AttributeError, LookupError):
            return False  # a network that does not know such positions, layers or cache
        finally:
            self.network.train(was_training)
        scale = float(rows.abs().max())
        loose = _TOLERANCE if rows.dtype == self.network.dtype == torch.float32 else 0.05
        return bool((rows - packed).abs().max() <= loose * max(scale, 1.0))

    def _keeps_all(self) -> bool:
        """Whether the network's cache is plain keys and values for every token."""
        out = self.network(input_ids=torch.tensor([_PROBE[0]], device=self.device), use_cache=True)
        cache = getattr(out, "past_key_values", None)
        return isinstance(cache, DynamicCache) and all(
            type(layer) is DynamicLayer for layer in cache.layers
        )


def _places(
    rows: torch.Tensor, ends: torch.Tensor, before: int, again: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The places to read: those `before` the last tokens, and the last ones of some branches."""
    more = torch.tensor(list(again), dtype=torch.int64, device=rows.device)
    return torch.cat([rows, rows[more]]), torch.cat([ends - before, ends[more]])


@contextmanager
def _scored_at(network: Any, rows: torch.Tensor, columns: torch.Tensor) -> Iterator[None]:
    """Let a network compute the vocabulary's scores at these places alone, as one row."""

    def choose(_: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (inputs[0][rows, columns][None], *inputs[1:])

    hook = network.get_output_embeddings().register_forward_pre_hook(choose)
    try:
        yield
    finally:
        hook.remove()
