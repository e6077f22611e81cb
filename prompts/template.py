"""Templates: found by name, read, checked, and rendered part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from prompts.blocks import PATH_VARIABLES, VARIABLES, Blocks
from prompts.examples import Example
from prompts.front_matter import FrontMatter, HistoryWindow, Labels, split_front_matter
from prompts.quoting import ShownItem
from simulator.errors import PromptError, UnknownNameError

_FOLDER = Path(__file__).parent / "templates"
_SUFFIX = ".j2"

Task: TypeAlias = Literal["click", "path"]


@dataclass(frozen=True, eq=False)
class Template:
    """A prompt template; get one from `load_template`.

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

    @property
    def _everywhere(self) -> dict[str, object]:
        """What every block gets: plain data, so that a sandboxed template meets no methods."""
        if self.steps is not None:
            return {"steps": self.steps}
        return {"labels": {"click": self.labels.click, "skip": self.labels.skip}}

    def render_static(self, examples: Sequence[Example] = ()) -> str:
        """The part that is the same for all decisions of a run."""
        return self.blocks.render("static", examples=tuple(examples), **self._everywhere)

    def render_user(self, history: Sequence[ShownItem]) -> str:
        """The part that is the same for all candidates of a history (oldest first, windowed)."""
        return self.blocks.render("user", history=tuple(history), **self._everywhere)

    def render_candidate(self, item: ShownItem) -> str:
        """The item and the question, without white space at the end.

        For a path template the item is the target.
        """
        return self.blocks.render("candidate", item=item, **self._everywhere).rstrip()


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
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PromptError(f"{path}: cannot read the template ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path}: the template is not UTF-8; save it as UTF-8.") from error
    front_matter, body = split_front_matter(text, str(path))
    if (front_matter.task == "path") != (steps is not None):
        raise PromptError(
            f"{path}: this template's task is {front_matter.task!r}; a path template is loaded "
            "with the number of `steps` to ask for, a click template without."
        )
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    variables = VARIABLES if steps is None else PATH_VARIABLES
    return Template(front_matter, text, digest, path, Blocks(body, str(path), variables), steps)
