"""Compute a network's end only where its scores are read.

A prompt's answer is read after its last token. The vocabulary's scores are needed there alone, and
in the last layer all other tokens are needed for their keys and values alone. With three layers
that is nearly a third of the work, with thirty-six a thirtieth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer


@dataclass(frozen=True, eq=False)
class Places:
    """Where scores are read.

    Attributes:
        columns: Of each row of a batch, padded; int64, shape (n, most).
        read: Which of `columns` are no padding, as row and place in it, each int64, shape (m,).
    """

    columns: torch.Tensor
    read: tuple[torch.Tensor, torch.Tensor]

    def of(self, states: torch.Tensor) -> torch.Tensor:
        """The chosen columns of shape (n, most, ...), from states of shape (n, longest, ...)."""
        rows = torch.arange(len(self.columns), device=self.columns.device)
        return states[rows[:, None], self.columns]


class LentLayer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """Keys and values of one row that stand before the rows of any batch, and stay as they are."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Those of the beginning and the batch's own; none are kept."""
        if not self.is_initialized:
            return key_states, value_states
        rows = (key_states.shape[0], -1, -1, -1)
        return (
            torch.cat([self.keys.expand(rows), key_states], dim=-2),
            torch.cat([self.values.expand(rows), value_states], dim=-2),
        )

    def lend(self, kept: Any) -> LentLayer:
        """Lend the keys and values of another layer, without a copy."""
        self.lazy_initialization(kept.keys, kept.values)
        self.keys, self.values = kept.keys, kept.values
        return self


class _KeysKnownError(RuntimeError):
    """Stops the last layer as soon as its keys and values are known."""


class LastLayer(LentLayer):
    """Asked twice: for all tokens' keys and values, and again by the tokens that are read."""

    _held: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Hold all keys and values and stop; the second time give them out.

        Raises:
            _KeysKnownError: The first time.
        """
        if self._held is None:
            self._held = super().update(key_states, value_states)
            raise _KeysKnownError
        held, self._held = self._held, None
        return held


def lent_cache(kept: Any, n_layers: int, *, stop_early: bool) -> Cache:
    """What stands before a batch's rows.

    Args:
        kept: A one-row cache, or None for nothing.
        n_layers: Of the network.
        stop_early: Whether the last layer is run as `reading_at` runs it.
    """
    layers = [LentLayer() for _ in range(n_layers - stop_early)]
    if stop_early:
        layers.append(LastLayer())
    if kept is not None:
        for layer, part in zip(layers, kept.layers, strict=True):
            layer.lend(part)
    return Cache(layers=layers)


@contextmanager
def reading_at(network: Any, places: Places, *, stop_early: bool) -> Iterator[None]:
    """Let a network compute its scores at these places alone, as one row.

    The places are chosen where the hidden states enter the last matrix, or already the last layer;
    whatever a network does to its scores afterwards is still done.
    """

    def choose(_: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        states = inputs[0] if stop_early else places.of(inputs[0])
        return (states[places.read][None], *inputs[1:])

    def choose_early(
        layer: Any, inputs: tuple[torch.Tensor, ...], named: dict[str, Any]
    ) -> tuple[tuple[torch.Tensor, ...], dict[str, Any]]:
        with suppress(_KeysKnownError):
            layer.forward(*inputs, **named)
        chosen = dict(named)
        cosine, sine = named["position_embeddings"]
        chosen["position_embeddings"] = (places.of(cosine), places.of(sine))
        chosen["position_ids"] = places.of(named["position_ids"])
        chosen["attention_mask"] = places.of(named["attention_mask"][:, 0])[:, None]
        return (places.of(inputs[0]), *inputs[1:]), chosen

    with ExitStack() as hooks:
        head = network.get_output_embeddings()
        hooks.callback(head.register_forward_pre_hook(choose).remove)
        if stop_early:
            last = network.get_decoder().layers[-1]
            hook = last.register_forward_pre_hook(choose_early, with_kwargs=True)
            hooks.callback(hook.remove)
        yield
