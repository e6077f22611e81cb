"""The columns of a text file, and errors that point at one value in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.domain import FloatArray, IntArray
from simulator.errors import DataError, UnknownNameError, excerpt

_LARGEST = float(np.finfo(np.float32).max)
"""Numbers are kept as float32."""


@dataclass(frozen=True, eq=False)
class Fields:
    """A table of text, whatever the format of its file.

    Attributes:
        path: The file.
        columns: Column name to its values, one a row, all of equal length; "" where missing.
        sha256: Of the file's bytes, in hex.
        line_of: The line, from 1, on which a row, from 0, ends; None for a file without lines.
    """

    path: Path
    columns: Mapping[str, Sequence[str]]
    sha256: str
    line_of: Callable[[int], int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def fault(self, message: str, row: int, column: str) -> DataError:
        """An error that points at one value; `row` counts from 0."""
        if self.line_of is None:
            return DataError(message, path=f"{self.path}, row {row + 1}", column=column)
        return DataError(message, path=self.path, line=self.line_of(row), column=column)

    def texts(self, column: str) -> Sequence[str]:
        """A column's values.

        Raises:
            UnknownNameError: If the file has no such column.
        """
        if column not in self.columns:
            raise UnknownNameError(f"column of {self.path.name}", column, self.columns)
        return self.columns[column]

    def integers(
        self, column: str, low: float = -math.inf, high: float = math.inf, *, cure: str = ""
    ) -> IntArray:
        """A column as int64, shape (n_rows,); `cure` ends the message of an error.

        Raises:
            DataError: If a value is no whole number in [low, high].
        """
        texts = self.texts(column)
        try:
            values = np.fromiter(map(_int, texts), dtype=np.int64, count=len(texts))
        except (ValueError, OverflowError):
            row = next(k for k, text in enumerate(texts) if not _reads(text, _int64))
            raise self.fault(
                f"{excerpt(texts[row])} is not a whole number. {cure}".rstrip(), row, column
            ) from None
        bad = np.flatnonzero((values < low) | (values > high))
        if len(bad):
            row = int(bad[0])
            raise self.fault(f"{excerpt(texts[row])} is not in {low:g}..{high:g}.", row, column)
        return values

    def numbers(self, column: str, low: float = -_LARGEST, high: float = _LARGEST) -> FloatArray:
        """A column as finite float64, shape (n_rows,).

        Raises:
            DataError: If a value is no finite number in [low, high].
        """
        texts = self.texts(column)
        try:
            values = np.fromiter(map(_float, texts), dtype=np.float64, count=len(texts))
        except ValueError:
            row = next(k for k, text in enumerate(texts) if not _reads(text, _float))
            raise self.fault(f"{excerpt(texts[row])} is not a number.", row, column) from None
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            row = int(bad[0])
            raise self.fault(f"{excerpt(texts[row])} is not a finite number.", row, column)
        if len(bad := np.flatnonzero(values < low)):
            row = int(bad[0])
            raise self.fault(f"{excerpt(texts[row])} is less than {low:g}.", row, column)
        if len(bad := np.flatnonzero(values > high)):
            row = int(bad[0])
            raise self.fault(f"{excerpt(texts[row])} is more than {high:g}.", row, column)
        return values

    def require_filled(self, column: str, why: str) -> Sequence[str]:
        """A column's values, none of them blank; `why` ends the message of the error."""
        texts = self.texts(column)
        blank = next((k for k, text in enumerate(texts) if not text.strip()), None)
        if blank is not None:
            raise self.fault(f"Empty; {why}", blank, column)
        return texts

    def require_unique(self, column: str) -> None:
        """Raise a DataError that names the first value to occur a second time."""
        first: dict[str, int] = {}
        for row, text in enumerate(self.texts(column)):
            if first.setdefault(text, row) != row:
                raise self.fault(
                    f"{excerpt(text)} is here a second time (first {self.place(first[text])}); "
                    "drop one of the two.",
                    row,
                    column,
                )

    def place(self, row: int) -> str:
        """Where a row, from 0, is, for a sentence: "on line 7", or "in row 6"."""
        return f"in row {row + 1}" if self.line_of is None else f"on line {self.line_of(row)}"


def whole_number(text: str) -> int:
    """A text as a whole number that an int64 holds.

    Raises:
        ValueError: If it is none.
        OverflowError: If it is too large.
    """
    return int(_int64(text))


def finite_number(text: str) -> float:
    """A text as a number, neither infinite nor "nan".

    Raises:
        ValueError: If it is none.
    """
    value = _float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _int(text: str) -> int:
    """Python's own reading would take "1_0" for ten."""
    if "_" in text:
        raise ValueError
    return int(text)


def _float(text: str) -> float:
    if "_" in text:
        raise ValueError
    return float(text)


def _int64(text: str) -> np.int64:
    return np.int64(_int(text))


def _reads(text: str, parse: Callable[[str], object]) -> bool:
    try:
        parse(text)
    except (ValueError, OverflowError):
        return False
    return True
