"""What a template says about itself, in YAML between two `---` lines at its head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from prompts.yaml_text import parse_yaml
from simulator.errors import PromptError, excerpt

Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$")]
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class Labels(BaseModel):
    """The two answers, as the model is asked to write them.

    Attributes:
        click: Says that the user clicks, such as "yes".
        skip: Says that the user does not, such as "no".
    """

    model_config = _STRICT

    click: Word
    skip: Word

    @property
    def pair(self) -> tuple[str, str]:
        """(click, skip)."""
        return self.click, self.skip

    @model_validator(mode="after")
    def _differ(self) -> Labels:
        if self.click == self.skip:
            raise ValueError("click and skip must be different words")
        return self


class HistoryWindow(BaseModel):
    """How much history a prompt shows; see `prompts.window`.

    Attributes:
        window: The most items shown, at least 1.
        drop: How many old items leave together, 1 to `window`.
    """

    model_config = _STRICT

    window: int = Field(ge=1)
    drop: int = Field(ge=1)

    @model_validator(mode="after")
    def _fits(self) -> HistoryWindow:
        if self.drop > self.window:
            raise ValueError("drop must not be larger than window")
        return self


class FrontMatter(BaseModel):
    """A template's own description; every field is required where nothing else is said.

    Attributes:
        task: "click" (the default) asks whether one item is clicked, "path" for a path of items
            that leads a user to a target.
        name: "movies/click-en" for a shipped template, anything for a user's own.
        version: Raised whenever the text changes.
        language: A language code such as "en" or "zh".
        domain: What the items are.
        description: One line for `nudgesim prompts list`.
        labels: The two answers of a click template; a path template has none.
        history: The history window.
        categories: Whether items are shown with their categories; "candidate" shows those of the
            candidate alone.
    """

    model_config = _STRICT

    task: Literal["click", "path"] = "click"
    name: Word
    version: int = Field(ge=1)
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z]+)?$")]
    domain: Literal["movies", "music", "games", "news", "general"]
    description: Word
    labels: Labels | None = None
    history: HistoryWindow
    categories: bool | Literal["candidate"] = True

    @model_validator(mode="after")
    def _labels_are_for_clicks(self) -> FrontMatter:
        if (self.task == "click") != (self.labels is not None):
            raise ValueError(
                "the field 'labels' is missing: a click template names its two answers"
                if self.labels is None
                else "a path template is answered by titles, so that it has no field 'labels'"
            )
        return self


def first_fault(error: ValidationError) -> str:
    """Which field is wrong, and how, for the first fault that pydantic found."""
    fault = error.errors()[0]
    field = ".".join(str(part) for part in fault["loc"])
    text = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        text = "the field is missing"
    elif fault["type"] == "extra_forbidden":
        text = "there is no such field"
    elif fault["type"] == "string_type":
        text = (
            f"{excerpt(fault['input'])} is not a text; YAML needs quotes around yes, no and numbers"
        )
    return f"field {excerpt(field)}: {text}" if field else text


def split_front_matter(text: str, place: str) -> tuple[FrontMatter, str]:
    """The front matter, and the template's body.

    Args:
        text: The whole file.
        place: The file's name, for errors.

    Returns:
        The body keeps the file's line numbers: blank lines stand where the front matter stood.

    Raises:
        PromptError: Without a front matter, or with a faulty one; names the file and the field.
    """
    lines = text.split("\n")
    ends = [k for k, line in enumerate(lines) if k > 0 and line.rstrip() == "---"]
    if lines[0].rstrip() != "---" or not ends:
        raise PromptError(
            f"{place}: no front matter. Begin the file with `---`, the fields "
            f"{', '.join(FrontMatter.model_fields)}, and another `---`; "
            "`nudgesim prompts show general/click-en` is an example."
        )
    head, body = lines[1 : ends[0]], lines[ends[0] + 1 :]
    try:
        fields = parse_yaml("\n".join(head), place, first_line=2)
        front_matter = FrontMatter.model_validate(fields)
    except ValidationError as error:
        raise PromptError(f"{place}: front matter, {first_fault(error)}.") from error
    return front_matter, "\n" * (ends[0] + 1) + "\n".join(body)


def with_fields(front_matter: FrontMatter, fields: Mapping[str, Any], body: str) -> str:
    """A template file's text with some of its front matter's fields changed, not yet checked."""
    whole = {**front_matter.model_dump(exclude_defaults=True), **fields}
    head = yaml.safe_dump(whole, allow_unicode=True, sort_keys=False, width=10_000)
    return f"---\n{head}---\n{body.lstrip()}"
