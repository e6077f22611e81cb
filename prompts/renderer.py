"""Prompts in batches: every part is rendered once for each distinct thing that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from prompts.examples import Example
from prompts.quoting import ShownItem
from prompts.template import Template
from prompts.window import windowed
from simulator.domain import Catalogue, IntArray, Ragged
from simulator.errors import DataError, PromptError
from simulator.interfaces import Prompt

_REMEMBERED = 2**26
"""Characters of user and of candidate parts remembered; once past it all are forgotten."""
_PART = 500
"""Characters that remembering a part costs beside its own."""
_MOST_CHARACTERS = 2**29
"""Of the distinct parts of one call: past it a template fills the memory, block after block."""


class PromptRenderer:
    """Turns histories and shown items into prompts.

    The static part is rendered when the renderer is made, the user part once for each distinct
    windowed history (who does not click keeps it), the candidate part once for each distinct item,
    whose text is cleaned when it is first shown. Parts are remembered as long as there is room.

    Args:
        template: What to say.
        catalogue: The items that rows number.
        examples: Few-shot examples for the static part.

    Attributes:
        template: As given.
        static: The first part of every prompt.

    Raises:
        PromptError: If the static part cannot be rendered.
    """

    def __init__(
        self, template: Template, catalogue: Catalogue, examples: Sequence[Example] = ()
    ) -> None:
        self.template = template
        self._catalogue = catalogue
        self._items: dict[int, ShownItem] = {}
        self.static = template.render_static(examples)
        self._candidates: dict[int, str] = {}
        self._histories: dict[tuple[int, ...], str] = {}
        self._remembered = 0

    def render(self, history: Ragged, item: IntArray) -> list[Prompt]:
        """One prompt a row.

        Args:
            history: n rows of catalogue rows, oldest first, not windowed.
            item: The shown catalogue rows, shape (n,).

        Raises:
            DataError: If the lengths differ, or a row number is outside the catalogue.
            PromptError: If a part cannot be rendered, or all together take gigabytes.
        """
        if len(history) != len(item):
            raise DataError(f"{len(history)} histories for {len(item)} items; give one each.")
        self._check_rows(item, "item")
        self._check_rows(history.values, "history")
        if self._remembered > _REMEMBERED:
            self._histories.clear()
            self._candidates.clear()
            self._remembered = 0
        users = self._users(windowed(history, *self._window))
        return [
            Prompt(self.static, user, self._candidate(row))
            for user, row in zip(users, item.tolist(), strict=True)
        ]

    @property
    def _window(self) -> tuple[int, int]:
        return self.template.history.window, self.template.history.drop

    def _check_rows(self, rows: IntArray, column: str) -> None:
        outside = np.flatnonzero((rows < 0) | (rows >= len(self._catalogue)))
        if len(outside):
            raise DataError(
                f"Row {rows[outside[0]]} is outside the catalogue of {len(self._catalogue)} items; "
                "render with the catalogue that the rows were made for.",
                column=column,
            )

    def _users(self, kept: Ragged) -> list[str]:
        """The user part of each row; equal histories share one string."""
        rendered = self._histories
        values, offsets = kept.values.tolist(), kept.offsets.tolist()
        out = []
        for start, end in pairwise(offsets):
            key = tuple(values[start:end])
            if key not in rendered:
                items = [self._item(row) for row in key]
                rendered[key] = self._counted(self.template.render_user(items))
            out.append(rendered[key])
        return out

    def _candidate(self, row: int) -> str:
        if row not in self._candidates:
            said = self.template.render_candidate(self._item(row))
            self._candidates[row] = self._counted(said)
        return self._candidates[row]

    def _counted(self, part: str) -> str:
        """A new part, its characters counted."""
        self._remembered += _PART + len(part)
        if self._remembered > _REMEMBERED + _MOST_CHARACTERS:
            raise PromptError(
                f"{self.template.path}: prompts of more than {_MOST_CHARACTERS:,} characters at "
                "once; show fewer items, shorten the template's loops, or ask for fewer rows."
            )
        return part

    def _item(self, row: int) -> ShownItem:
        if row not in self._items:
            catalogue = self._catalogue
            self._items[row] = ShownItem(catalogue.titles[row], tuple(catalogue.categories[row]))
        return self._items[row]
