"""Prompts in batches: every part is rendered once for each distinct thing that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from prompts.examples import Example
from prompts.personas import Personas
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
_NOBODY = -1


class PromptRenderer:
    """Turns histories and shown items into prompts.

    The static part is rendered when the renderer is made, the user part once for each distinct
    windowed history (who does not click keeps it), the candidate part once for each distinct item,
    whose text is cleaned when it is first shown. Parts are remembered as long as there is room.
    Users with equal histories share a user part, unless the template shows personas.

    Args:
        template: What to say.
        catalogue: The items that rows number.
        examples: Few-shot examples for the static part.
        personas: Of the users, where the template shows them; None shows none.

    Attributes:
        template: As given.
        static: The first part of every prompt.

    Raises:
        PromptError: If the static part cannot be rendered.
    """

    def __init__(
        self,
        template: Template,
        catalogue: Catalogue,
        examples: Sequence[Example] = (),
        *,
        personas: Personas | None = None,
    ) -> None:
        self.template = template
        self._personas = personas if template.mentions_persona else None
        self._catalogue = catalogue
        self._items: dict[int, ShownItem] = {}
        self.static = template.render_static(examples)
        self._candidates: dict[int, str] = {}
        self._histories: dict[tuple[int, ...], str] = {}
        self._remembered = 0

    def render(self, history: Ragged, item: IntArray, user: IntArray | None = None) -> list[Prompt]:
        """One prompt a row.

        Args:
            history: n rows of catalogue rows, oldest first, not windowed.
            item: The shown catalogue rows, shape (n,).
            user: User rows of the personas' data set, shape (n,); needed where personas are shown.

        Raises:
            DataError: If the lengths differ, a row number is outside the catalogue, or there is no
                persona of a user.
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
        users = self._user_parts(windowed(history, *self._window), self._owners(user, len(item)))
        return [
            Prompt(self.static, part, self._candidate(row))
            for part, row in zip(users, item.tolist(), strict=True)
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

    def _owners(self, user: IntArray | None, n: int) -> list[int]:
        """Whose persona each row shows; one owner for all where none is shown."""
        if self._personas is None:
            return [_NOBODY] * n
        if user is None or len(user) != n:
            raise DataError(
                f"{self.template.name} shows personas: give a user for each of the {n} items.",
                column="user",
            )
        owners: list[int] = user.tolist()
        return owners

    def _user_parts(self, kept: Ragged, owners: Sequence[int]) -> list[str]:
        """The user part of each row; rows of equal owners and histories share one string."""
        rendered = self._histories
        values, offsets = kept.values.tolist(), kept.offsets.tolist()
        out = []
        for (start, end), owner in zip(pairwise(offsets), owners, strict=True):
            key = (owner, *values[start:end])
            if key not in rendered:
                persona = None if self._personas is None else self._personas.of(owner)
                items = [self._item(row) for row in key[1:]]
                rendered[key] = self._counted(self.template.render_user(items, persona))
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
