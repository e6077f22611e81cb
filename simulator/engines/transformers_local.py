"""A model run by transformers in this process: it runs everywhere, and needs nothing more."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.domain import FloatArray, IntArray
from simulator.engines.batches import batches_by_length, pad_left
from simulator.engines.hub import checkpoint_folder, load_causal_model, load_encoder, revision_of
from simulator.engines.local_answers import LocalEngine
from simulator.engines.models import default_model, resolve_model
from simulator.engines.token_tree import common_beginning, shared_by_all
from simulator.interfaces import Prompt

if TYPE_CHECKING:
    import torch


_BATCH_TOKENS = {"cpu": 4_096, "cuda": 32_768}
_BATCH_TOKENS_ELSEWHERE = 16_384
_WORTH_KEEPING = 16
"""Tokens; below that a pass of their own costs more than it saves."""


class TransformersEngine(LocalEngine):
    """Label probabilities and text from a causal language model, through transformers.

    What prompts have in common is computed once: the static part as long as it stays the same, and
    within a call a history for all its candidates (`simulator.engines.token_tree`). Networks that
    cannot do that (sliding windows, masks of their own) get whole prompts in padded batches; both
    ways agree to about 1e-6, since they differ in rounding only. The vocabulary's scores are
    computed where an answer is read and nowhere else.

    Args:
        model: Preset name, folder, or Hugging Face id; weights must be safetensors.
        device: "cpu", "cuda", "cuda:1"; the accelerator by default where there is one.
        dtype: "float32", "bfloat16" or "float16"; by default float32 on a CPU, else bfloat16.
        batch_tokens: Tokens a batch, padding included, which bounds memory.
        trust_remote_code: Run code from the model's repository; only for those you trust.

    Raises:
        EngineError: If the model cannot be found or loaded.
    """

    name = "transformers"

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str | None = None,
        dtype: str | None = None,
        batch_tokens: int | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__()
        import torch

        from simulator.engines.tree_pass import tree_pass

        resolved = resolve_model(model or default_model())
        self.model = resolved.name
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.precision = dtype or ("float32" if self._device.type == "cpu" else "bfloat16")
        self.encoder = load_encoder(resolved, trust_remote_code=trust_remote_code)
        self._network: Any = load_causal_model(
            resolved, dtype=getattr(torch, self.precision), trust_remote_code=trust_remote_code
        )
        self.revision = revision_of(checkpoint_folder(resolved, weights=False))
        self._network.to(self._device).eval()
        self._batch_tokens = batch_tokens or _BATCH_TOKENS.get(
            self._device.type, _BATCH_TOKENS_ELSEWHERE
        )
        self._trees = tree_pass(self._network, self._batch_tokens, self._usage)
        accepted = inspect.signature(self._network.forward).parameters
        # Scores for the whole vocabulary at the last position alone.
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        self.settings = {
            "device": str(self._device),
            "threads": torch.get_num_threads(),
            "batch_tokens": self._batch_tokens,
            "token_trees": self._trees is not None,
        }
        self.why = f"{self.model} through transformers on {self._device.type}, {self.precision}."

    def close(self) -> None:
        """Let go of the model; the engine cannot be used afterwards."""
        self._network = self._trees = None
        super().close()

    def _next_token(
        self, prompts: list[Prompt], encoded: list[list[int]], token_ids: list[int]
    ) -> FloatArray:
        if self._trees is None:
            return self._one_by_one(encoded, token_ids)
        before = self._trees.computed_tokens
        beginning = encoded[0][: self._static_tokens(prompts[0], encoded)]
        logs = self._trees.scores(encoded, token_ids, beginning)
        computed = self._trees.computed_tokens - before
        self._usage.cached_tokens += sum(map(len, encoded)) - computed
        return logs

    def _with_less_memory(self) -> str:
        return (
            f"Free some on {self._device}, or choose a smaller model or the engine vllm; in Python "
            f"a TransformersEngine takes fewer tokens at a time (batch_tokens, now "
            f"{self._batch_tokens:,})."
        )

    def _static_tokens(self, prompt: Prompt, encoded: list[list[int]]) -> int:
        """Tokens that all prompts have in common before the first of them names its user."""
        userless = self.encoder.encode([Prompt(prompt.static, "", prompt.candidate)])[0]
        shared = common_beginning(userless, encoded[0][: shared_by_all(encoded)])
        return shared if shared >= _WORTH_KEEPING else 0

    def _one_by_one(self, encoded: list[list[int]], token_ids: list[int]) -> FloatArray:
        """Log-probabilities after whole prompts in padded batches."""
        import torch

        logs = np.empty((len(encoded), len(token_ids)))
        for batch in self._batches(encoded):
            ids, mask = self._padded([encoded[row] for row in batch])
            # Padding stands on the left, so positions are counted over the real tokens.
            positions = (mask.cumsum(-1) - 1).clamp(min=0)
            with torch.inference_mode():
                scores = self._network(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=positions,
                    use_cache=False,
                    **self._last_only,
                ).logits[:, -1]
                chosen = torch.log_softmax(scores.float(), dim=-1)[:, token_ids]
            logs[batch] = chosen.cpu().numpy()
        return logs

    def _continue(self, encoded: list[list[int]], max_tokens: int) -> list[list[int]]:
        import torch
        from transformers import GenerationConfig

        ends = self._network.generation_config.eos_token_id
        stops = set(ends if isinstance(ends, list) else [ends])
        config = GenerationConfig(
            max_new_tokens=max_tokens, do_sample=False, eos_token_id=ends, pad_token_id=0
        )
        written: list[list[int]] = [[] for _ in encoded]
        for batch in self._batches(encoded):
            ids, mask = self._padded([encoded[row] for row in batch])
            with torch.inference_mode():
                out = self._network.generate(
                    input_ids=ids, attention_mask=mask, generation_config=config
                )
            for row, tokens in zip(batch, out[:, ids.shape[1] :].tolist(), strict=True):
                end = next((k for k, token in enumerate(tokens) if token in stops), None)
                written[row] = tokens[:end]
        return written

    def _batches(self, encoded: list[list[int]]) -> Iterator[IntArray]:
        lengths = np.asarray([len(ids) for ids in encoded], dtype=np.int64)
        return batches_by_length(lengths, self._batch_tokens)

    def _padded(self, encoded: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        ids, mask = pad_left(encoded)
        return torch.from_numpy(ids).to(self._device), torch.from_numpy(mask).to(self._device)
