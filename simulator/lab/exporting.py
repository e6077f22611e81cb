"""A board as a file: all columns as CSV or Parquet, the table as Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from evals.tables import Table, latex_table, markdown_table
from simulator.errors import UnknownNameError
from simulator.files import atomic_write, write_text

_KINDS = (".csv", ".md", ".parquet", ".tex")


def check_kind(path: Path) -> None:
    """Refuse a file of another kind, before a model is asked for what goes into it.

    Raises:
        UnknownNameError: If it ends in none of .csv, .md, .tex and .parquet.
    """
    if path.suffix not in _KINDS:
        raise UnknownNameError("kind of file", path.suffix or path.name, _KINDS)


def write_board(board: pd.DataFrame, tables: Sequence[Table], path: Path) -> None:
    """Write a board.

    Args:
        board: All columns, for CSV and Parquet.
        tables: The same as text, for Markdown and LaTeX.
        path: Its end says which: .csv, .md, .tex or .parquet.

    Raises:
        UnknownNameError: If it ends otherwise.
    """
    check_kind(path)
    match path.suffix:
        case ".csv":
            write_text(path, board.to_csv(lineterminator="\n"))
        case ".parquet":
            with atomic_write(path) as file:
                board.to_parquet(file)
        case ".md":
            write_text(path, "\n".join(map(markdown_table, tables)))
        case ".tex":
            write_text(path, "\n".join(map(latex_table, tables)))
