"""A calibration and what it was fitted on, in a small JSON file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from simulator.clicks.calibration.batch import Batch
from simulator.clicks.calibration.content_free import ContentFree
from simulator.clicks.calibration.contextual import Contextual
from simulator.clicks.calibration.isotonic import Isotonic
from simulator.clicks.calibration.platt import Platt
from simulator.clicks.calibration.temperature import Temperature
from simulator.errors import ConfigError, DataError, UnknownNameError
from simulator.files import write_text
from simulator.reading import MalformedTextError, parse_json, read_text

AgentCalibration: TypeAlias = Platt | Temperature | Isotonic | Batch | ContentFree | Contextual
"""What an agent's probabilities can be mapped by."""

KINDS = ("platt", "temperature", "isotonic", "batch", "content-free", "contextual")

_SAME = {
    "model": "model",
    "model_revision": "revision of the model",
    "template_sha256": "text of the template (sha256)",
    "static_sha256": "instructions and few-shot examples (sha256)",
    "personas": "whether users are described",
}
"""Facts of an agent that decide its probabilities, and what an error calls them."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AskedAgent:
    """The agent whose probabilities a calibration was fitted to; fields as in its `facts()`.

    Of personas only whether there are any: what they say grows with what is known.
    """

    model: str
    model_revision: str | None
    template: str
    template_version: int
    template_sha256: str
    examples: int
    static_sha256: str
    personas: bool = False

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> AskedAgent:
        """From an agent's `facts()`."""
        asked = {**facts, "personas": "personas" in facts}
        return cls(**{name: asked[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Origin:
    """What a calibration was fitted on.

    Attributes:
        data: The data set's name.
        data_sha256: Its digest, as in a run's manifest.
        split: Which users' exposures.
        exposures: How many; 0 where nothing is fitted.
        users: Of how many users.
        agent: Who was asked.
    """

    data: str
    data_sha256: str
    split: str
    exposures: int
    users: int
    agent: AskedAgent

    def require_same(self, facts: Mapping[str, Any]) -> None:
        """Refuse an agent that other probabilities come from.

        Args:
            facts: Of the agent to be calibrated. Revisions, where both are known, tell whether the
                models are one, else their names.

        Raises:
            ConfigError: If model, template or examples differ; names all that do.
        """
        before, now = asdict(self.agent), asdict(AskedAgent.of(facts))
        # A folder has another name on another machine, and a server tells no revision.
        revised = None not in (before["model_revision"], now["model_revision"])
        different = [
            f"{words} ({_short(before[name])}, now {_short(now[name])})"
            for name, words in _SAME.items()
            if before[name] != now[name] and name != ("model" if revised else "model_revision")
        ]
        if different:
            raise ConfigError(
                f"The calibration was fitted to {self.agent.model} with {self.agent.template} "
                f"v{self.agent.template_version}; other here: {', '.join(different)}. Fit another "
                "with `nudgesim prompts calibrate`, or leave --calibration out."
            )


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FittedCalibration:
    """A calibration and its origin; what a file holds."""

    calibration: Annotated[AgentCalibration, Field(discriminator="kind")]
    fitted_on: Origin


def save_calibration(path: Path | str, fitted: FittedCalibration) -> None:
    """Write a calibration's file and its folder; the same calibration makes the same bytes."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(fitted), indent=2, sort_keys=True, ensure_ascii=False)
    write_text(Path(path), text + "\n")


def load_calibration(path: Path | str) -> FittedCalibration:
    """Read a calibration's file.

    Raises:
        DataError: If it is missing or malformed; names the line or the field.
        UnknownNameError: If it holds a kind of calibration that there is not.
    """
    try:
        content = parse_json(read_text(Path(path)))
    except OSError as error:
        raise DataError(
            f"cannot read the calibration ({error.strerror}); make one with "
            "`nudgesim prompts calibrate`.",
            path=path,
        ) from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8, so no calibration.", path=path) from error
    except MalformedTextError as error:
        raise DataError(f"not valid JSON: {error}.", path=path, line=error.line) from error
    try:
        return TypeAdapter(FittedCalibration).validate_python(content)
    except ValidationError as error:
        raise _explain(error, content, path) from error
    except DataError as error:
        raise DataError(str(error), path=path) from error


def calibration_facts(calibration: AgentCalibration) -> dict[str, str]:
    """What a manifest keeps of a calibration: its kind, and a digest of all its numbers."""
    text = json.dumps(asdict(calibration), sort_keys=True)
    return {"kind": calibration.kind, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _explain(
    error: ValidationError, content: Any, path: Path | str
) -> DataError | UnknownNameError:
    fault = error.errors()[0]
    if fault["type"] == "union_tag_invalid":
        return UnknownNameError(f"kind of calibration in {path},", fault["ctx"]["tag"], KINDS)
    # The discriminator's choice is part of the place that pydantic names, but not of the file.
    place = ".".join(str(part) for part in fault["loc"] if part not in KINDS)
    what = f"{place}: {fault['msg']}" if place else fault["msg"]
    return DataError(f"not a calibration: {what}. Fit it anew.", path=path)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 20 else f"{text[:10]}…"
