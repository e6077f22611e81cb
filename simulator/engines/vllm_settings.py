"""How vLLM is set up for this machine, and what a caller may set instead."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import logging
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from simulator.errors import EngineError

CPU_BLOCK_TOKENS = 32
"""Cache blocks on a CPU: the smallest its attention is fast with, so that most of a prefix is
reused."""
CPU_CACHE_GIB = 2.0
CPU_BATCHED_TOKENS = 1_024
"""Tokens a step on a CPU: with a 24-million-parameter model 1,024 took 9% less time a decision
than vLLM's own 4,096, since what a layer hands on stays in the processor's cache."""

_PICKLED = ("pt", "npcache")
"""Load formats that read other files than safetensors."""

_BINDING = "VLLM_CPU_OMP_THREADS_BIND"
_GIB = 2**30


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


def chosen_options(
    options: Mapping[str, Any], *, on_cpu: bool, cache_gib: float | None, compiled: bool | None
) -> dict[str, Any]:
    """Arguments of `vllm.LLM` for this machine, the caller's own over them.

    Raises:
        EngineError: If vLLM knows no such option, or it would read pickles or run foreign code.
    """
    _refuse_risky(options)
    _refuse_unknown(options)
    if cache_gib is None and on_cpu:
        cache_gib = CPU_CACHE_GIB
    ours = {
        "enable_prefix_caching": True,
        "block_size": CPU_BLOCK_TOKENS if on_cpu else None,
        "max_num_batched_tokens": CPU_BATCHED_TOKENS if on_cpu else None,
        "kv_cache_memory_bytes": None if cache_gib is None else int(cache_gib * _GIB),
        "enforce_eager": on_cpu if compiled is None else not compiled,
        "load_format": "safetensors",
        "use_tqdm_on_load": False,
        "seed": 0,
    }
    return {**ours, **options}


def bind_threads(options: Mapping[str, Any]) -> None:
    """Give vLLM one thread for each core; left to itself it runs one thread on a small machine.

    A model in several pieces has a set of cores for each of them, which vLLM finds by itself.
    """
    pieces = (options.get("tensor_parallel_size", 1), options.get("pipeline_parallel_size", 1))
    if pieces == (1, 1) and _cores():
        os.environ.setdefault(_BINDING, ",".join(map(str, _cores())))


def settings_in_use(llm: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a started `vllm.LLM` runs with, as plain values; what the caller set stands last."""
    import torch

    config = llm.llm_engine.vllm_config
    found = {
        "threads": torch.get_num_threads(),
        "thread_binding": os.environ.get(_BINDING, ""),
        "block_size": config.cache_config.block_size,
        "cache_bytes": config.cache_config.kv_cache_memory_bytes,
        "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
        "max_num_seqs": config.scheduler_config.max_num_seqs,
        "enforce_eager": config.model_config.enforce_eager,
    }
    own = {name: value if _is_plain(value) else str(value) for name, value in options.items()}
    return {**found, **own}


def let_vllm_look_at_llvmlite() -> None:
    """Keep vLLM's start from stumbling over numba's library, where that is loaded already.

    On a CPU vLLM searches the dictionaries of all objects in all modules for its kernels. The
    object through which llvmlite calls its C library takes `__dict__` for the name of a C function
    and answers with something that is no dictionary; it is told an empty one here.
    """
    llvmlite = sys.modules.get("llvmlite.binding.ffi")
    if llvmlite is not None:
        llvmlite.lib._fntab["__dict__"] = {}


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    if not options:
        return
    from vllm import LLM
    from vllm.engine.arg_utils import EngineArgs

    known = {field.name for field in dataclasses.fields(EngineArgs)}
    known |= set(inspect.signature(LLM.__init__).parameters)
    known -= {"self", "kwargs", "model"}
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise EngineError(f"vLLM has no option {name!r}; take it out.{hint}")


def _refuse_risky(options: Mapping[str, Any]) -> None:
    if options.get("load_format") in _PICKLED:
        raise EngineError(
            f"load_format={options['load_format']!r} reads files that can run code; only "
            "safetensors are read. Convert the weights with save_pretrained()."
        )
    if "hf_token" in options:
        raise EngineError(
            "Options are written into the run; set the environment variable HF_TOKEN in place of "
            "the option hf_token."
        )
    if options.get("trust_remote_code"):
        raise EngineError(
            "trust_remote_code is no option of vLLM's here; set agent.trust_remote_code, which "
            "goes for the tokenizer too. It runs the model's own Python code: only for models "
            "whose authors you trust."
        )


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _set_environment() -> None:
    defaults = {
        "VLLM_LOGGING_LEVEL": "ERROR",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "OMP_NUM_THREADS": str(len(_cores()) or os.cpu_count() or 1),
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    # vLLM also speaks before it has read its own logging level.
    logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"])
