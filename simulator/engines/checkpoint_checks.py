"""What is looked at in a stranger's checkpoint before any library reads it.

Weights in other formats than safetensors are programs, an index may point at them, an adapter at
another model, a configuration at code on a hub; and sizes are allocated before they are compared
with the weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

_INDEX = "model.safetensors.index.json"
_SIZES: Mapping[str, tuple[str, ...]] = {
    "vocabulary": ("vocab_size", "padded_vocab_size"),
    "width": ("hidden_size", "n_embd", "d_model"),
    "layers": ("num_hidden_layers", "num_layers", "n_layer"),
    "inner": ("intermediate_size", "ffn_hidden_size", "n_inner"),
}
"""Names of what multiplies in a network, in the configurations of several families."""
_COUNTED = (
    "size",
    "dim",
    "layer",
    "head",
    "expert",
    "rank",
    "channels",
    "num_",
    "n_embd",
    "n_inner",
)
_NOT_ALLOCATED = ("position", "length", "token", "window", "context", "theta", "multiple_of")
_MOST_LAYERS = 2_000
_ALWAYS_FINE = 2**16
_PACKED = 8
"""Numbers that a byte of a file may hold, and times that a packed tensor may be narrower."""


def refuse_strange(folder: Path, *, weights: bool, trust_remote_code: bool) -> None:
    """Look at a checkpoint's files.

    Args:
        folder: Which.
        weights: Whether its weights will be read.
        trust_remote_code: Whether it may bring code.

    Raises:
        ValueError: If it would load pickles, another model or foreign code, or its configuration
            asks for more memory than its weights can fill.
        OSError: If a file cannot be read.
    """
    config = _object(folder / "config.json")
    if (folder / "adapter_config.json").exists():
        raise ValueError(
            "adapter_config.json makes it an adapter of another model; merge it into that one "
            "(peft's merge_and_unload) and save the whole."
        )
    kernel = config.get("attn_implementation") or config.get("_attn_implementation")
    if "/" in str(kernel or "") and not trust_remote_code:
        raise ValueError(f"config.json asks for code from the hub, {kernel!r}; take that out.")
    if not weights:
        return
    _refuse_pickles(folder)
    _refuse_giants(config, list(_shapes(folder)), sum(f.stat().st_size for f in _files(folder)))


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not JSON ({error}).") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no JSON object.")
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _refuse_pickles(folder: Path) -> None:
    if not _files(folder):
        raise ValueError(
            "it has no *.safetensors file. Other formats can run code when they are read and are "
            "refused; convert the weights with save_pretrained()."
        )
    if not (folder / _INDEX).exists():
        return
    parts = _object(folder / _INDEX).get("weight_map")
    names = parts.values() if isinstance(parts, dict) else [parts]
    for name in {str(name) for name in names}:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ValueError(
                f"{_INDEX} names {name[:100]!r}; only *.safetensors in the same folder are read."
            )


def _shapes(folder: Path) -> Iterator[list[int]]:
    from safetensors import safe_open

    for path in _files(folder):
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - it is no dict
                yield file.get_slice(name).get_shape()


def _refuse_giants(config: dict[str, Any], shapes: list[list[int]], stored: int) -> None:
    widest = max((side for shape in shapes for side in shape), default=0)
    most = max(_ALWAYS_FINE, _PACKED * widest)
    for name, number in _numbers(config):
        of_layers = name in _SIZES["layers"] and number > _MOST_LAYERS
        nothing = number < 1 and any(name in names for names in _SIZES.values())
        if of_layers or nothing or number > most:
            raise ValueError(
                f"config.json says {name} = {number}, and its largest tensor is {widest:,} wide; "
                "the configuration is not that of these weights."
            )
    sizes = {of: _first(config, names) for of, names in _SIZES.items()}
    numbers = sizes["width"] * (
        sizes["vocabulary"] + sizes["layers"] * (sizes["width"] + sizes["inner"])
    )
    if numbers > _PACKED * stored:
        raise ValueError(
            f"config.json describes at least {numbers:,} weights, and the files hold {stored:,} "
            "bytes; the configuration is not that of these weights."
        )


def _numbers(config: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Whatever counts something that is allocated, by its name; nested settings included."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif _is_number(value) and _is_allocated(name):
            yield name, value


def _is_allocated(name: str) -> bool:
    """Whether what a setting counts takes memory, by the words in its name."""
    counted = any(word in name for word in _COUNTED)
    return counted and not any(word in name for word in _NOT_ALLOCATED)


def _first(config: dict[str, Any], names: tuple[str, ...]) -> float:
    """The first of these that the configuration has, or its part on text; 0 without."""
    for part in (config, config.get("text_config")):
        for name in names:
            if isinstance(part, dict) and _is_number(number := part.get(name)):
                return number
    return 0


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
