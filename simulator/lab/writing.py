"""A template of one's own, from one that is there; and what two templates differ in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from prompts import PromptRenderer, Template, load_template
from prompts.front_matter import FrontMatter, split_front_matter, with_fields
from simulator.config import AgentConfig
from simulator.domain import Dataset
from simulator.errors import ConfigError
from simulator.experiment.agents import choose_examples
from simulator.lab.book import Book


def find_template(name: str, book: Book | None = None) -> Template:
    """A template by name or file, or from the lab book by its number, such as "#12".

    Raises:
        ConfigError: If the book has no such evaluation, or there is no book.
        PromptError: If the file is missing or faulty.
        UnknownNameError: If no template has the name.
    """
    if not name.startswith("#"):
        return load_template(name)
    if book is None or not name[1:].isdigit():
        raise ConfigError(f"{name!r}: write # and the number of an evaluation in the lab book.")
    return Template.parse(book.text(int(name[1:])), Path(f"{name}.j2"))


def new_template(name: str, base: Template, folder: Path) -> Path:
    """Copy a template to a file of one's own.

    Args:
        name: Of the template; its file is called so too.
        base: What is copied; the name is changed, and the version is 1.
        folder: Where.

    Returns:
        The file.

    Raises:
        ConfigError: If the name is no file's name, or the file is there already.
    """
    stem = name.removesuffix(".j2")
    if not re.fullmatch(r"[\w][\w.-]*", stem):
        raise ConfigError(
            f"{name!r} is no name for a template's file: take letters, digits, '-', '_' and '.', "
            "such as my-prompt."
        )
    path = folder / f"{stem}.j2"
    _, body = split_front_matter(base.text, str(base.path))
    text = with_fields(base.front_matter, {"name": stem, "version": 1}, body)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigError(
            f"{path} is there already; choose another name, or delete it first."
        ) from error
    return path


def front_matter_changes(one: Template, other: Template) -> list[tuple[str, str, str]]:
    """The fields in which two front matters differ: name of the field, and both values."""
    before, after = one.front_matter.model_dump(), other.front_matter.model_dump()
    return [
        (field, _plain(before[field]), _plain(after[field]))
        for field in FrontMatter.model_fields
        if before[field] != after[field]
    ]


def text_changes(one: Template, other: Template) -> list[str]:
    """The bodies' differences as lines of a unified diff; none where they are equal."""
    return _changes(_body(one), _body(other), one.name, other.name)


def prompt_changes(
    one: Template, other: Template, data: Dataset, *, user: int, item: int, examples: str, seed: int
) -> list[str]:
    """The differences of the prompts for one user and item, as lines of a unified diff."""
    first, second = (
        _prompt(template, data, user, item, examples, seed) for template in (one, other)
    )
    return _changes(first, second, one.name, other.name)


def _prompt(
    template: Template, data: Dataset, user: int, item: int, examples: str, seed: int
) -> str:
    chosen = choose_examples(AgentConfig(examples=examples), template, data, seed)
    renderer = PromptRenderer(template, data.catalogue, chosen)
    history = data.interactions.histories.take(np.array([user]))
    return renderer.render(history, np.array([item]))[0].text


def _body(template: Template) -> str:
    return split_front_matter(template.text, str(template.path))[1].lstrip("\n")


def _changes(before: str, after: str, name: str, other: str) -> list[str]:
    lines: Iterator[str] = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name, other, lineterm=""
    )
    return list(lines)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {part}" for key, part in value.items())
    return str(value)
