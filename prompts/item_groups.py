"""Groups of items that the same people take, each called by the title of it that is known best."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from prompts.quoting import ShownItem
from simulator.domain import Catalogue, FloatArray, IntArray
from simulator.errors import DataError
from simulator.files import write_text
from simulator.reading import parse_json, read_text

_KEY = "groups"


@dataclass(frozen=True)
class ItemGroups:
    """Items by their titles, so that a group means the same in every catalogue that has them.

    Attributes:
        titles: Of each group, as prompts show them, the best known first. A title is in one group.
    """

    titles: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, group: IntArray, catalogue: Catalogue, shown: FloatArray) -> Self:
        """Groups of a catalogue's items.

        Args:
            group: Of each item, shape (n_items,); negative for none. Of items that share a title
                the best known decides.
            catalogue: Their titles.
            shown: How often each item was shown, shape (n_items,).
        """
        kept: dict[str, int] = {}
        for row in np.argsort(-shown, kind="stable").tolist():
            if group[row] >= 0:
                kept.setdefault(ShownItem(catalogue.titles[row]).title, int(group[row]))
        members: dict[int, list[str]] = {}
        for title, number in kept.items():
            members.setdefault(number, []).append(title)
        return cls(tuple(map(tuple, members.values())))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: If the file cannot be read or holds something else.
        """
        try:
            titles = _titles(parse_json(read_text(path)))
        except (OSError, ValueError) as error:
            raise DataError(
                f"cannot be read as groups of items ({error}); train the model anew, or set "
                "agent.personas to none.",
                path=path,
            ) from error
        return cls(titles)

    def save(self, path: Path) -> None:
        """Write them as JSON, in whole or not at all."""
        write_text(path, json.dumps({_KEY: self.titles}, ensure_ascii=False, indent=1) + "\n")

    @property
    def names(self) -> list[str]:
        """What prompts call each group: its best known title, quoted."""
        return [ShownItem(titles[0]).text for titles in self.titles]

    def of_items(self, titles: Sequence[str]) -> IntArray:
        """The group of each title, int64, shape (n,); -1 for none."""
        found = [self._number.get(ShownItem(title).title, -1) for title in titles]
        return np.array(found, dtype=np.int64)

    @cached_property
    def _number(self) -> dict[str, int]:
        return {title: number for number, one in enumerate(self.titles) for title in one}


def _titles(content: Any) -> tuple[tuple[str, ...], ...]:
    groups = content.get(_KEY) if isinstance(content, dict) else None
    if not isinstance(groups, list) or not all(isinstance(one, list) and one for one in groups):
        raise ValueError(f"no {_KEY!r}, a list of lists of titles")
    if not all(isinstance(title, str) for one in groups for title in one):
        raise ValueError("a title that is no text")
    return tuple(map(tuple, groups))
