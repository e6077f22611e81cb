"""Checkpoints in the Hugging Face format, read from a folder or fetched from the model hub."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from simulator.engines.chat_template_trial import try_chat_template
from simulator.engines.checkpoint_checks import refuse_strange
from simulator.engines.encoding import Encoder
from simulator.engines.models import ResolvedModel
from simulator.errors import EngineError
from simulator.keys import hide

_SMALL_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.py", "*.tiktoken")
_WEIGHTS = ("*.safetensors",)
_ANSWERING_FILES = (*_WEIGHTS, "config.json", "tokenizer*", "*.jinja", "*.model")
"""What a model's answers depend on."""

_FAULTS = (
    OSError,
    ValueError,
    ImportError,
    LookupError,
    RuntimeError,
    MemoryError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    httpx.HTTPError,
)
"""What a damaged or made-up checkpoint raises in the libraries that read it."""
_LONGEST_MESSAGE = 500

_WINDOW_FIELDS = ("max_position_embeddings", "seq_length", "n_positions")
_PROBE_SECONDS = 5.0


def checkpoint_folder(model: ResolvedModel, *, weights: bool = True) -> Path:
    """The folder that holds the checkpoint, fetched from the hub and cached where needed.

    Args:
        model: A folder or a hub id.
        weights: False for the configuration and the tokenizer alone.

    Raises:
        EngineError: If the hub cannot be reached and the files are not in its cache.
    """
    if Path(model.location).is_dir():
        return Path(model.location)
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    patterns = [*_SMALL_FILES, *(_WEIGHTS if weights else ())]
    with loading(model):
        try:
            folder = snapshot_download(
                model.location,
                revision=model.revision,
                allow_patterns=patterns,
                local_files_only=not _hub_answers(),
            )
        except LocalEntryNotFoundError as error:
            raise OSError(
                f"it is not in the local cache, and {hide(constants.ENDPOINT)} does not answer."
            ) from error
    return Path(folder)


def revision_of(folder: Path) -> str:
    """Which version of a model a folder holds.

    Returns:
        The commit of a hub snapshot; for any other folder "sha256:" and the digest of its weights,
        configuration, tokenizer and chat template.
    """
    if folder.parent.name == "snapshots":
        return folder.name
    digest = hashlib.sha256()
    for path in sorted({p for pattern in _ANSWERING_FILES for p in folder.glob(pattern)}):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


def dtype_of(folder: Path) -> str:
    """The precision a checkpoint was saved in, such as "bfloat16"; "" if it does not say."""
    from transformers import PretrainedConfig

    config, _ = PretrainedConfig.get_config_dict(folder)
    return str(config.get("dtype") or config.get("torch_dtype") or "")


def load_encoder(model: ResolvedModel, *, trust_remote_code: bool = False) -> Encoder:
    """The model's tokenizer, chat template and window, without its weights.

    Raises:
        EngineError: If they cannot be read, or the chat template does not end or fails.
    """
    from transformers import AutoTokenizer, PretrainedConfig

    folder = checkpoint_folder(model, weights=False)
    with loading(model), quiet():
        refuse_strange(folder, weights=False, trust_remote_code=trust_remote_code)
        # The bare file, since transformers has no class for some architectures that vLLM serves.
        config, _ = PretrainedConfig.get_config_dict(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
        if tokenizer.chat_template:
            try_chat_template(tokenizer)
        return Encoder(tokenizer, window_of(config))


def load_causal_model(model: ResolvedModel, *, dtype: Any, trust_remote_code: bool = False) -> Any:
    """The model itself, on the CPU, from safetensors only.

    Raises:
        EngineError: If it cannot be read.
    """
    from transformers import AutoModelForCausalLM

    folder = checkpoint_folder(model)
    with loading(model), quiet():
        refuse_strange(folder, weights=True, trust_remote_code=trust_remote_code)
        return AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, trust_remote_code=trust_remote_code, use_safetensors=True
        )


def window_of(config: Mapping[str, Any]) -> int:
    """Tokens that fit into a model, from its `config.json`.

    Raises:
        ValueError: If the configuration does not say.
    """
    for part in (config, config.get("text_config") or {}):
        for name in _WINDOW_FIELDS:
            if isinstance(part.get(name), int):
                return int(part[name])
    raise ValueError(f"config.json has none of {', '.join(_WINDOW_FIELDS)}.")


@contextmanager
def loading(model: ResolvedModel) -> Iterator[None]:
    """Turn what goes wrong while a checkpoint is read into an error with a cure."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except EngineError:
        raise
    except (*_FAULTS, SafetensorError, StrictDataclassError) as error:
        lines = [line.strip() for line in hide(str(error)).splitlines() if line.strip()]
        if "trust_remote_code" in str(error):
            raise EngineError(
                f"Model {model.name!r} brings Python code of its own, which could do here whatever "
                "you can: read and delete files, use the network. It was not run. Read it; if you "
                "trust whoever wrote it, set agent.trust_remote_code = true in the settings "
                "(`nudgesim run --trust-remote-code`). Else take a model that transformers or vLLM "
                "knows by itself."
            ) from error
        if Path(model.location).is_dir():
            cure = "Check that the folder holds a complete Hugging Face checkpoint (safetensors)."
        else:
            cure = (
                "If the model hub cannot be reached from here, download the model elsewhere "
                f"(`hf download {model.location} --local-dir FOLDER`), copy the folder here and "
                "pass it: --model FOLDER."
            )
        what = (lines[0] if lines else hide(repr(error)))[:_LONGEST_MESSAGE]
        raise EngineError(f"Cannot load model {model.name!r}: {what} {cure}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' loading bars and notices off the terminal, and restore its settings."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def _hub_answers() -> bool:
    """Whether the hub can be reached; asked once, since its own client retries for a minute."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        httpx.head(constants.ENDPOINT, timeout=_PROBE_SECONDS)
    except httpx.TransportError:
        return False
    return True
