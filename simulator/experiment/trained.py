"""What a model's own folder says of how it is to be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prompts import Template, load_template, template_names
from simulator.clicks.calibration import load_calibration
from simulator.config import AgentConfig
from simulator.engines.hub import revision_of
from simulator.engines.trained_files import CALIBRATION, REPORT, TEMPLATE
from simulator.errors import DataError
from simulator.experiment.world import Say


@dataclass(frozen=True, eq=False)
class TrainedFolder:
    """What `nudgesim agent train` wrote beside a model.

    Attributes:
        path: The folder.
        template: The one that the model was trained through, by its file.
        personas: Whether it was told of users beside their histories.
        calibration: The file; None where there is none.
    """

    path: Path
    template: Path
    personas: bool
    calibration: Path | None

    @classmethod
    def of(cls, model: str) -> TrainedFolder | None:
        """Of a model's name; None for one that is no such folder.

        Raises:
            DataError: If the folder's report of the training cannot be read.
        """
        folder = Path(model).expanduser()
        report = folder / REPORT
        if not (report.is_file() and (folder / TEMPLATE).is_file()):
            return None
        try:
            settings = json.loads(report.read_text(encoding="utf-8"))["settings"]
            personas = bool(settings.get("personas", False))
        except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
            raise DataError(
                "cannot be read as what `nudgesim agent train` writes; train the model anew, or "
                "delete the file and name template, examples and calibration yourself.",
                path=report,
            ) from error
        calibration = folder / CALIBRATION
        return cls(
            folder,
            folder / TEMPLATE,
            personas,
            calibration if calibration.is_file() else None,
        )


def template_name(settings: AgentConfig, domain: str) -> str:
    """The template that "auto" stands for: the model's own, else the domain's or the general one.

    The shipped ones are those in English.
    """
    if settings.template != "auto":
        return settings.template
    folder = TrainedFolder.of(settings.model)
    if folder is not None:
        return str(folder.template)
    own = f"{domain}/click-en"
    return own if own in template_names() else "general/click-en"


def settled(
    settings: AgentConfig, domain: str, *, has_users: bool = True, say: Say = lambda _: None
) -> AgentConfig:
    """The settings with another value for each "auto" that is about prompts.

    A folder that `nudgesim agent train` wrote says how its model was trained, and is asked so:
    through its template, without examples, with personas where it had them, and calibrated where
    all of this is its own. Else: the domain's template, the shipped examples, no personas and no
    calibration. What is given stays.

    Args:
        settings: As given.
        domain: Of the titles.
        has_users: Whether there is a data set, which can tell of users.
        say: Told what was taken from a folder, and why something was not.

    Raises:
        DataError: If the folder's report of its training cannot be read.
    """
    folder = TrainedFolder.of(settings.model)
    told = folder is not None and folder.personas and has_users
    auto = {
        "template": template_name(settings, domain),
        "examples": "none" if folder is not None else "shipped",
        "personas": "log" if told else "none",
    }
    chosen = settings.model_copy(
        update={name: value for name, value in auto.items() if getattr(settings, name) == "auto"}
    )
    if folder is None:
        return _calibrated(chosen, "none")
    template = load_template(chosen.template)
    if chosen.personas == "log" and settings.personas == "auto" and not template.mentions_persona:
        chosen = chosen.model_copy(update={"personas": "none"})
    taken = [name for name in auto if getattr(settings, name) == "auto"]
    if taken:
        kept = ", ".join(f"{name} {_said(chosen, name, template)}" for name in taken)
        say(f"{folder.path} says how it was trained: {kept}")
    if settings.calibration != "auto" or folder.calibration is None:
        return _calibrated(chosen, "none")
    differs = list(_differences(folder, chosen, template))
    if differs:
        say(f"not calibrated by {folder.calibration}, which is not for {' and '.join(differs)}")
        return _calibrated(chosen, "none")
    say(f"calibrated by {folder.calibration}")
    return _calibrated(chosen, str(folder.calibration))


def _calibrated(settings: AgentConfig, by: str) -> AgentConfig:
    if settings.calibration != "auto":
        return settings
    return settings.model_copy(update={"calibration": by})


def _said(settings: AgentConfig, name: str, template: Template) -> str:
    return f"{template.name} v{template.version}" if name == "template" else getattr(settings, name)


def _differences(folder: TrainedFolder, settings: AgentConfig, template: Template) -> Iterator[str]:
    """In what a calibrated agent must not differ from the trained one, and does."""
    if template.sha256 != load_template(folder.template).sha256:
        yield f"the template {template.name}"
    if settings.examples != "none":
        yield f"examples ({settings.examples})"
    if settings.personas != ("log" if folder.personas else "none"):
        unlike = {"none": "one without personas", "log": "an agent with personas"}
        yield unlike.get(settings.personas, f"personas with words ({settings.personas})")
    if settings.mode == "text":
        yield "answers as text"
    assert folder.calibration is not None
    fitted_on = load_calibration(folder.calibration).fitted_on
    if fitted_on.agent.model_revision not in (None, revision_of(folder.path)):
        yield "weights that have changed since"
