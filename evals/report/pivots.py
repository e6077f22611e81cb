"""Long tables of values with intervals, made wide for readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from evals.tables import Table, interval, records


def pivot(
    title: str,
    frame: pd.DataFrame,
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    *,
    value: str = "value",
    digits: int | Callable[[str], int] = 3,
    names: Mapping[str, str] | None = None,
    signed: bool = False,
) -> Table:
    """`value [low, high]` for every row and column; a dash where there is none.

    Args:
        title: Of the table.
        frame: Columns `value`, low, high, and the two keys.
        rows: The key down the side, and its values in order.
        columns: The key along the top, and its values in order.
        value: The column of values.
        digits: After the point; by column's key where it is a function.
        names: What keys are called; themselves by default.
        signed: Whether values above zero have a plus.
    """
    called = names or {}
    found = {
        (str(row[rows[0]]), str(row[columns[0]])): row
        for row in records(frame.astype({rows[0]: str, columns[0]: str}))
    }
    places = {c: digits(c) if callable(digits) else digits for c in columns[1]}
    body = tuple(
        (
            called.get(r, r),
            *(interval(found.get((r, c)), value, places[c], signed=signed) for c in columns[1]),
        )
        for r in rows[1]
    )
    return Table(title, (rows[0], *(called.get(c, c) for c in columns[1])), body)
