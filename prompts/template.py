"""Templates: found by name, read, checked, and rendered part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import jinja2

from prompts.blocks import PATH_VARIABLES, VARIABLES, Blocks
from prompts.examples import Example
from prompts.front_matter import (
    FrontMatter,
    HistoryWindow,
    Labels,
    split_front_matter,
    with_fields,
)
from prompts.persona import Persona
from prompts.quoting import ShownItem
from simulator.errors import PromptError, UnknownNameError
from simulator.reading import read_text

_FOLDER = Path(__file__).parent / "templates"
_SUFFIX = ".j2"

Task: TypeAlias = Literal["click", "path"]


@dataclass(frozen=True, eq=False)
class Template:
    """A prompt template; get one from `load_template`.

    The methods `with_...` make others of it, as if somebody had edited the file: their name says
    what was varied, and their text and its sha256 are those of the edited file.

    Attributes:
        front_matter: What the template says about itself.
        text: The whole file, front matter included.
        sha256: Hexadecimal digest of `text`; goes into a run's manifest.
        path: Where it was read.
        blocks: The compiled blocks.
        steps: The length of the path that a path template asks for; None for a click template.
    """

    front_matter: FrontMatter
    text: str
    sha256: str
    path: Path
    blocks: Blocks
    steps: int | None = None

    @classmethod
    def parse(cls, text: str, path: Path, *, steps: int | None = None, place: str = "") -> Self:
        """A template from a file's text.

        Args:
            text: The whole file.
            path: Where it was read.
            steps: As of `load_template`.
            place: What errors call it; the path by default.

        Raises:
            PromptError: If the text is faulty, or of the other task; names the place, the line and
                the field.
        """
        place = place or str(path)
        front_matter, body = split_front_matter(text, place)
        if (front_matter.task == "path") != (steps is not None):
            raise PromptError(
                f"{place}: this template's task is {front_matter.task!r}; a path template is "
                "loaded with the number of `steps` to ask for, a click template without."
            )
        digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
        variables = VARIABLES if steps is None else PATH_VARIABLES
        return cls(front_matter, text, digest, path, Blocks(body, place, variables), steps)

    def with_labels(self, click: str, skip: str) -> Self:
        """The same question, answered by two other words; examples are answered by them too.

        Raises:
            PromptError: If the words are equal or blank, or the template writes its answers out,
                so that the question would go on asking for the old ones.
        """
        made = self._varied(
            f"labels {click}/{skip}", {"labels": {"click": click, "skip": skip}}, self._body
        )
        if self.labels.pair != made.labels.pair and self.render_static() == made.render_static():
            raise PromptError(
                f"{self.path}: the static part writes its answers out, so that it cannot be asked "
                "with others; write {{ labels.click }} and {{ labels.skip }} in their place."
            )
        return made

    def with_history(self, window: int, drop: int) -> Self:
        """With another history window.

        Raises:
            PromptError: If `window` is below 1, or `drop` not in 1 .. `window`.
        """
        fields = {"history": {"window": window, "drop": drop}}
        return self._varied(f"window {window}, drop {drop}", fields, self._body)

    def without_categories(self) -> Self:
        """With items shown by their titles alone."""
        return self._varied("without categories", {"categories": False}, self._body)

    def with_bare_history(self) -> Self:
        """With past items shown by their titles alone; the candidate keeps its categories."""
        return self._varied("bare history", {"categories": "candidate"}, self._body)

    def with_phrases(self, name: str, phrases: Mapping[str, str]) -> Self:
        """In other words: each key in the template's text replaced by its value.

        Args:
            name: What the wording is called.
            phrases: By phrase what stands in its place; those that do not occur are left.

        Raises:
            PromptError: If no phrase occurs, or what comes of it is no template.
        """
        body = self._body
        for old, new in phrases.items():
            body = body.replace(old, new)
        if body == self._body:
            raise PromptError(
                f"{self.path}: none of the phrases {', '.join(map(repr, phrases))} occurs in it."
            )
        return self._varied(name, {}, body)

    @property
    def _body(self) -> str:
        return split_front_matter(self.text, str(self.path))[1]

    def _varied(self, what: str, fields: Mapping[str, Any], body: str) -> Self:
        """The template as it were after an edit of its file, named by what was varied."""
        name = f"{self.name} [{what}]"
        text = with_fields(self.front_matter, {**fields, "name": name}, body)
        return self.parse(text, self.path, steps=self.steps, place=f"{self.path} [{what}]")

    @property
    def name(self) -> str:
        """The name in the front matter."""
        return self.front_matter.name

    @property
    def version(self) -> int:
        """The version in the front matter."""
        return self.front_matter.version

    @property
    def labels(self) -> Labels:
        """The two answers.

        Raises:
            PromptError: If the template asks for a path.
        """
        labels = self.front_matter.labels
        if labels is None:
            raise PromptError(
                f"{self.path}: this template asks for a path, not for a click; choose a click "
                f"template, such as {self.front_matter.domain}/click-{self.front_matter.language}."
            )
        return labels

    @property
    def history(self) -> HistoryWindow:
        """The history window."""
        return self.front_matter.history

    @cached_property
    def mentions_persona(self) -> bool:
        """Whether prompts differ by who the user is, beside the history."""
        tree = jinja2.Environment().parse(self._body)
        return any(name.name == "persona" for name in tree.find_all(jinja2.nodes.Name))

    @property
    def _everywhere(self) -> dict[str, object]:
        """What every block gets: plain data, so that a sandboxed template meets no methods."""
        if self.steps is not None:
            return {"steps": self.steps}
        return {"labels": {"click": self.labels.click, "skip": self.labels.skip}}

    def render_static(self, examples: Sequence[Example] = ()) -> str:
        """The part that is the same for all decisions of a run."""
        shown = tuple(
            replace(e, history=self._past(e.history), candidate=self._shown(e.candidate))
            for e in examples
        )
        return self.blocks.render("static", examples=shown, **self._everywhere)

    def render_user(self, history: Sequence[ShownItem], persona: Persona | None = None) -> str:
        """The part that is the same for all candidates of a history (oldest first, windowed).

        Path templates are told of no persona.
        """
        told = {"persona": persona} if self.steps is None else {}
        return self.blocks.render("user", history=self._past(history), **told, **self._everywhere)

    def render_candidate(self, item: ShownItem) -> str:
        """The item and the question, without white space at the end.

        For a path template the item is the target.
        """
        shown = self._shown(item)
        return self.blocks.render("candidate", item=shown, **self._everywhere).rstrip()

    def _past(self, items: Sequence[ShownItem]) -> tuple[ShownItem, ...]:
        """A history's items as this template shows them."""
        whole = self.front_matter.categories is True
        return tuple(items if whole else map(_without_categories, items))

    def _shown(self, item: ShownItem) -> ShownItem:
        """A candidate as this template shows it."""
        return item if self.front_matter.categories else _without_categories(item)


def template_names(task: Task = "click") -> tuple[str, ...]:
    """The shipped templates of a task, such as "movies/click-en", sorted."""
    paths = _FOLDER.rglob(f"{task}-*{_SUFFIX}")
    return tuple(sorted(p.relative_to(_FOLDER).with_suffix("").as_posix() for p in paths))


def load_template(name: str | Path, *, steps: int | None = None) -> Template:
    """Read a shipped template by its name, or a user's own by its path.

    Args:
        name: A name from `template_names`, or the path of a file that ends in ".j2".
        steps: Items of the path that a path template asks for, 1 or more; None for a click
            template.

    Raises:
        UnknownNameError: If no template has the name.
        PromptError: If the file is missing or faulty, or of the other task; names the file, the
            line and the field.
    """
    path = Path(name)
    if path.suffix != _SUFFIX:
        known = template_names("click" if steps is None else "path")
        if str(name) not in known:
            raise UnknownNameError("template", str(name), known)
        path = _FOLDER / f"{name}{_SUFFIX}"
    try:
        text = read_text(path)
    except OSError as error:
        raise PromptError(f"{path}: cannot read the template ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path}: the template is not UTF-8; save it as UTF-8.") from error
    return Template.parse(text, path, steps=steps)


@lru_cache(maxsize=65_536)
def _without_categories(item: ShownItem) -> ShownItem:
    return replace(item, categories=())
