"""Few-shot examples from YAML files, shipped or a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from prompts.examples import Example
from prompts.front_matter import first_fault
from prompts.quoting import ShownItem
from prompts.template import Template
from prompts.yaml_text import parse_yaml
from simulator.errors import PromptError, UnknownNameError
from simulator.reading import read_text

_FOLDER = Path(__file__).parent / "few_shot"
_SUFFIX = ".yaml"
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Item(BaseModel):
    model_config = _STRICT

    title: _Text
    categories: list[_Text] = Field(default_factory=list)

    def shown(self) -> ShownItem:
        return ShownItem(self.title, tuple(self.categories))


def _as_item(value: object) -> object:
    """A title alone stands for an item without categories."""
    return value if isinstance(value, dict) else {"title": value}


_AnyItem = Annotated[_Item, BeforeValidator(_as_item)]


class _Entry(BaseModel):
    model_config = _STRICT

    history: list[_AnyItem] = Field(min_length=1)
    candidate: _AnyItem
    clicked: bool


def example_names() -> tuple[str, ...]:
    """The shipped example files, such as "movies-en", sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob(f"*{_SUFFIX}")))


def load_examples(name: str | Path) -> tuple[Example, ...]:
    """Read few-shot examples.

    The file is a YAML list; an entry has `history` (a list of items, oldest first), `candidate` (an
    item) and `clicked` (true or false). An item is a title, or `{title: ..., categories: [...]}`.

    Args:
        name: A name from `example_names`, or the path of a file that ends in ".yaml" or ".yml".

    Raises:
        UnknownNameError: If no shipped file has the name.
        PromptError: If the file is missing or faulty; names the file, the entry (from 1) and the
            field.
    """
    path = Path(name)
    if path.suffix not in {_SUFFIX, ".yml"}:
        if str(name) not in example_names():
            raise UnknownNameError("few-shot file", str(name), example_names())
        path = _FOLDER / f"{name}{_SUFFIX}"
    entries = _read(path)
    if not isinstance(entries, list) or not entries:
        raise PromptError(f"{path}: a few-shot file is a list of entries; begin each with `- `.")
    return tuple(_example(entry, f"{path}, entry {k}") for k, entry in enumerate(entries, 1))


def shipped_examples(template: Template) -> tuple[Example, ...]:
    """The shipped examples of a template's domain and language.

    Raises:
        UnknownNameError: If there are none in its language.
    """
    front_matter = template.front_matter
    return load_examples(f"{front_matter.domain}-{front_matter.language}")


def _read(path: Path) -> object:
    try:
        text = read_text(path)
    except OSError as error:
        raise PromptError(f"{path}: cannot read the examples ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path}: the file is not UTF-8; save it as UTF-8.") from error
    return parse_yaml(text, str(path))


def _example(entry: object, place: str) -> Example:
    try:
        valid = _Entry.model_validate(entry)
    except ValidationError as error:
        raise PromptError(f"{place}, {first_fault(error)}.") from error
    return Example(
        tuple(item.shown() for item in valid.history), valid.candidate.shown(), valid.clicked
    )
