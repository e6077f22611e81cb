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
        name: What tables call it.
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
    agent's model or the distribution's preset: "agent:pocket", "distribution:paper". In front may
    stand what tables shall call it: "mine=agent:template=my.j2".

    Args:
        text: The name.
        flags: Settings that all models share, by dotted name, as `RunConfig.read` takes them.

    Raises:
        ConfigError: If a value is out of range.
        UnknownNameError: If there is no such kind of model or setting.
    """
    head, colon, rest = text.partition(":")
    alias, _, kind = head.rpartition("=")
    if kind not in _FIELDS:
        raise UnknownNameError("click model", kind, _FIELDS)
    own = {f"{kind}.{name}": value for name, value in _settings(kind, rest).items()}
    config = RunConfig.read(None, {**flags, **own})
    name = alias or f"{kind}{colon}{rest}"
    return Subject(name, "agent" if kind == "agent" else "distribution", config)


def _settings(kind: str, rest: str) -> dict[str, Any]:
    """The settings behind the colon; errors show their names only, since a value may be secret."""
    known = _FIELDS[kind]
    out: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            name, value = _UNNAMED[kind], part
        if name not in known:
            raise UnknownNameError(f"setting of {kind} behind its colon,", name, known)
        if name in out:
            raise ConfigError(f"A click model '{kind}:...' gives {name} twice; give it once.")
        out[name] = (value,) if name == "urls" else value
    return out


def read_subjects(texts: Sequence[str], flags: Mapping[str, Any]) -> tuple[Subject, ...]:
    """Click models from their names, each once.

    Raises:
        ConfigError: If two go by one name.
        UnknownNameError: As of `read_subject`.
    """
    subjects = tuple(read_subject(text, flags) for text in texts)
    names = [subject.name for subject in subjects]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(
            f"Two click models are called {twice!r}; put another name before one of them: "
            "other=agent."
        )
    return subjects
