"""The file that is edited: saved when its author says so, and inside of one folder only."""

from __future__ import annotations

from pathlib import Path

from prompts import load_template
from simulator.errors import ConfigError
from simulator.files import write_text

_SUFFIX = ".j2"
_SHIPPED = load_template("general/click-en").path.parents[1]


class TemplateFile:
    """A template's file.

    Args:
        path: The file.
        text: What was read there; it may be faulty.
        folder: Where new files may be made; the folder in which the page was started.

    Attributes:
        opened: The text as it was read.
        path: The file; it changes when another name is saved to.
        text: What stands in it, as far as is known here.
    """

    def __init__(self, path: Path, text: str, folder: Path) -> None:
        self.opened = text
        self.path = path.resolve()
        self.text = text
        self.folder = folder.resolve()

    @property
    def shipped(self) -> bool:
        """Whether it comes with nudgesim and is never written."""
        return self.path.is_relative_to(_SHIPPED)

    @property
    def place(self) -> str:
        """What errors call the file: relative to the folder where that is shorter."""
        if self.shipped:
            return self.path.relative_to(_SHIPPED).as_posix()
        inside = self.path.is_relative_to(self.folder)
        return str(self.path.relative_to(self.folder) if inside else self.path)

    def save(self, text: str, name: str = "", *, overwrite: bool = False) -> str:
        """Write the text, to the file itself or to another one, which is the file from then on.

        Args:
            text: The whole file.
            name: A file in the folder; "" for the file itself.
            overwrite: Whether a file that holds something else than was read here is replaced.

        Returns:
            "", or a question that the author must answer with `overwrite` first.

        Raises:
            ConfigError: If the file is shipped, or the name is no file's inside the folder.
        """
        path = self._named(name) if name else self.path
        if path.is_relative_to(_SHIPPED):
            raise ConfigError(
                f"{path.relative_to(_SHIPPED)} comes with nudgesim and is never overwritten; save "
                f"it under a name of your own, in {self.folder}."
            )
        if path.exists() and not overwrite:
            mine = path == self.path and path.read_bytes() == self.text.encode()
            if not mine:
                changed = "was changed by another program" if path == self.path else "exists"
                return f"{path.name} {changed}. Replace what stands in it?"
        write_text(path, text)
        self.path, self.text = path, text
        return ""

    def _named(self, name: str) -> Path:
        name = name if name.endswith(_SUFFIX) else name + _SUFFIX
        if not name.isprintable():
            raise ConfigError("A file's name has visible letters only; choose another one.")
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder):
            raise ConfigError(
                f"{name} lies outside of {self.folder}, where this page was started and where "
                "alone it writes; choose a name without `..`, or start it in another folder."
            )
        if not path.parent.is_dir():
            raise ConfigError(
                f"There is no folder {path.parent}; make it first, or save elsewhere."
            )
        return path
