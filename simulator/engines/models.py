"""From a model's name to something that can be loaded: preset, folder or Hugging Face id."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from simulator.engines.presets import PRESETS
from simulator.errors import EngineError, UnknownNameError

POCKET = "pocket"
FIRST_CHOICE_WITH_ACCELERATOR = "qwen3-4b"


@dataclass(frozen=True)
class ResolvedModel:
    """Where a model is.

    Attributes:
        name: What the user called it; goes into manifests and tables.
        location: A folder, or an id on the model hub.
        revision: Branch, tag or commit on the hub; None for the newest, or for a folder.
    """

    name: str
    location: str
    revision: str | None = None


def resolve_model(name: str | Path, *, weights: bool = True) -> ResolvedModel:
    """Find a model by preset name, folder or Hugging Face id ("owner/name").

    Args:
        name: Which.
        weights: Whether a folder must hold safetensors; an engine may be told to read others.

    Raises:
        EngineError: If a folder holds no model, or the pocket model was not shipped.
        UnknownNameError: If the name is neither a preset, nor a folder, nor an id.
    """
    text = str(name)
    if text == POCKET:
        return ResolvedModel(text, str(_pocket_folder()))
    if text in PRESETS:
        return ResolvedModel(text, PRESETS[text].model, PRESETS[text].revision)
    folder = Path(text).expanduser()
    if folder.is_dir() or isinstance(name, Path) or text.startswith((".", "/", "~")):
        _check_folder(folder, weights=weights)
        return ResolvedModel(text, str(folder))
    if text.count("/") != 1:
        raise UnknownNameError("model (preset, folder, or hub id 'owner/name')", text, PRESETS)
    return ResolvedModel(text, text)


def default_model() -> str:
    """The preset used where nobody names a model: a small real one where it can run fast."""
    return FIRST_CHOICE_WITH_ACCELERATOR if has_accelerator() else POCKET


def has_accelerator() -> bool:
    """Whether torch sees a CUDA or ROCm device."""
    import torch

    return bool(torch.cuda.is_available())


def _pocket_folder() -> Path:
    folder = Path(str(resources.files("simulator.engines") / POCKET))
    if not (folder / "config.json").is_file():
        raise EngineError(
            "This installation lacks the pocket model. Make it with `nudgesim agent train`, or "
            "pass another: --model FOLDER."
        )
    return folder


def _check_folder(folder: Path, *, weights: bool) -> None:
    if not folder.is_dir():
        raise EngineError(f"There is no folder {str(folder)!r}; pass a folder that holds a model.")
    if not (folder / "config.json").is_file():
        raise EngineError(
            f"Folder {str(folder)!r} has no config.json, so it holds no Hugging Face model."
        )
    if weights and not any(folder.glob("*.safetensors")):
        raise EngineError(
            f"Folder {str(folder)!r} has no *.safetensors file. Other formats can run code when "
            "they are read and are refused; convert the weights with save_pretrained()."
        )
