"""What an array holder held before somebody else had it in hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from simulator.domain import Ragged


def arrays_of(part: object, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays in a dataclass, by name; a ragged array's values and offsets are two."""
    for field in dataclasses.fields(part):  # type: ignore[arg-type]  # a dataclass: exposures, a view
        value = getattr(part, field.name)
        if isinstance(value, Ragged):
            yield from arrays_of(value, f"{name}.{field.name}")
        elif isinstance(value, np.ndarray):
            yield f"{name}.{field.name}", value


class Snapshot:
    """Copies of the arrays in a dataclass, to compare with later.

    Args:
        part: Exposures, or a view.
        name: What messages call it.
    """

    def __init__(self, part: object, name: str) -> None:
        self._part = part
        self._name = name
        self._copies = {place: array.copy() for place, array in arrays_of(part, name)}

    def changed(self) -> list[str]:
        """Names of the arrays that are not what they were."""
        return [
            place
            for place, array in arrays_of(self._part, self._name)
            if not np.array_equal(array, self._copies[place], equal_nan=array.dtype.kind == "f")
        ]
