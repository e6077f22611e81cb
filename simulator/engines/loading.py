"""Open an engine by kind and model, and say which one it is and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from simulator.engines.encoding import Encoder
from simulator.engines.hub import load_encoder
from simulator.engines.models import default_model, resolve_model
from simulator.engines.openai_server import OpenAIServerEngine
from simulator.engines.transformers_local import TransformersEngine
from simulator.engines.vllm_local import VllmEngine
from simulator.engines.vllm_settings import import_vllm, vllm_installed
from simulator.errors import EngineError, UnknownNameError
from simulator.interfaces import Engine, Metered

EngineKind = Literal["auto", "vllm", "transformers", "openai"]

AUTO = "auto"


class RunningEngine(Engine, Metered, Protocol):
    """An engine with a name tag, to be closed after use.

    Attributes:
        name: "vllm", "transformers", "openai" or "scripted".
        model: What the user called the model.
        revision: Which version of it, where that is known.
        precision: Of weights and arithmetic, such as "float32"; "" where a server does not tell.
        settings: What was chosen for this machine, plain values by name.
        why: One line on what runs, where, and why this engine was taken.
    """

    name: str
    model: str
    revision: str | None
    precision: str
    settings: Mapping[str, Any]
    why: str

    def close(self) -> None:
        """Free what the engine holds."""
        ...


def open_engine(
    kind: EngineKind | str = AUTO,
    *,
    model: str | Path = AUTO,
    urls: Sequence[str] = ("http://localhost:8000",),
    options: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
) -> RunningEngine:
    """Start an engine; the settings of a single engine are its own constructor's.

    Args:
        kind: "vllm", "transformers", "openai", or "auto": vLLM where it imports, else
            transformers.
        model: Preset name, folder or Hugging Face id; "auto" is the pocket agent where there is
            no accelerator and qwen3-4b where there is one, and for "openai" whatever the server
            serves first.
        urls: Base URLs of the servers, for "openai" only.
        options: Arguments of `vllm.LLM`, for vLLM in this process only.
        trust_remote_code: Run code from the model's repository; only for those you trust.

    Raises:
        EngineError: If the model cannot be loaded, no server answers, or the engine has no
            options.
        UnknownNameError: If there is no such kind or model.
    """
    kinds = ("auto", "vllm", "transformers", "openai")
    if kind not in kinds:
        raise UnknownNameError("engine", kind, kinds)
    obstacle = _vllm_obstacle() if kind == AUTO else ""
    taken = ("transformers" if obstacle else "vllm") if kind == AUTO else kind
    if options and taken != "vllm":
        because = f" ({obstacle})" if obstacle else ""
        raise EngineError(
            f"Options are vLLM's, and the engine is {taken!r}{because}: take out "
            f"{', '.join(map(repr, options))}, or use the engine 'vllm'."
        )
    engine: RunningEngine
    if taken == "openai":
        return OpenAIServerEngine(urls, model=None if model == AUTO else str(model))
    chosen = default_model() if model == AUTO else model
    if taken == "vllm":
        engine = VllmEngine(chosen, options=options, trust_remote_code=trust_remote_code)
    else:
        engine = TransformersEngine(chosen, trust_remote_code=trust_remote_code)
    if kind == AUTO:
        engine.why += f" Taken because {obstacle or 'vLLM imports here'}."
    return engine


def load_prompt_encoder(model: str | Path = AUTO, *, trust_remote_code: bool = False) -> Encoder:
    """The tokenizer, chat template and window of a model, without its weights.

    Raises:
        EngineError: If they cannot be read.
        UnknownNameError: If there is no such model.
    """
    resolved = resolve_model(default_model() if model == AUTO else model, weights=False)
    return load_encoder(resolved, trust_remote_code=trust_remote_code)


def _vllm_obstacle() -> str:
    """Why vLLM cannot be used, or ""."""
    if not vllm_installed():
        return "vLLM is not installed"
    try:
        import_vllm()
    except (ImportError, RuntimeError, OSError) as error:
        # A broken installation (another package's CUDA build, say) shows only on import.
        return f"vLLM is installed but does not import ({str(error).splitlines()[0]})"
    return ""
