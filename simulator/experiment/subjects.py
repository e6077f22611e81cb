"""The click models of a comparison as a command line names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simulator.config import AgentConfig, DistributionConfig, RunConfig
from simulator.errors import ConfigError, UnknownNameError

Kind = Literal["agent", "distribution"]
_FIELDS = {"agent": AgentConfig.model_fields, "distribution": DistributionConfig.model_fields}
_UNNAMED = {"agent": "model", "distribution": "preset"}
"""The setting that a value without a name is of."""


@dataclass(frozen=True)
class Subject:
    """A click model to be compared.

    Attributes:
        name: What tables call it: the text it was named by.
        kind: Which part of `config` describes it.
        config: The comparison's settings with this model's own over them.
    """

    name: str
    kind: Kind
    config: RunConfig


def read_subject(text: str, flags: Mapping[str, Any]) -> Subject:
    """A click model from its name.

    The name is "agent" or "distribution", and behind a colon its own settings, parted by commas:
    "agent:model=qwen3-4b,template=my.j2", "distribution:w=5,b=0.2". A value without a name is the
    agent's model or the distribution's preset: "agent:pocket", "distribution:paper".

    Args:
        text: The name.
        flags: Settings that all models share, by dotted name, as `RunConfig.read` takes them.

    Raises:
        ConfigError: If a value is out of range.
        UnknownNameError: If there is no such kind of model or setting.
    """
    kind, _, rest = text.partition(":")
    if kind not in _FIELDS:
        raise UnknownNameError("click model", kind, _FIELDS)
    own = {f"{kind}.{name}": value for name, value in _settings(kind, rest, text).items()}
    config = RunConfig.read(None, {**flags, **own})
    return Subject(text, "agent" if kind == "agent" else "distribution", config)


def _settings(kind: str, rest: str, text: str) -> dict[str, Any]:
    known = _FIELDS[kind]
    out: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            name, value = _UNNAMED[kind], part
        if name not in known:
            raise UnknownNameError(f"setting of {kind} in {text!r},", name, known)
        if name in out:
            raise ConfigError(f"{text!r} gives {name} twice; give it once.")
        out[name] = (value,) if name == "urls" else value
    return out


def read_subjects(texts: Sequence[str], flags: Mapping[str, Any]) -> tuple[Subject, ...]:
    """Click models from their names, each once.

    Raises:
        ConfigError: If a name is given twice.
    """
    if twice := next((text for text in texts if texts.count(text) > 1), None):
        raise ConfigError(f"{twice!r} is named twice; name each click model once.")
    return tuple(read_subject(text, flags) for text in texts)
