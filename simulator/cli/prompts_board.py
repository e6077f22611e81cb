"""`nudgesim prompts board`: the lab book."""

from __future__ import annotations

from typing import Annotated

import typer

from simulator.cli.console import console, say
from simulator.cli.prompts_options import BookFile, Export, print_table, times, write_export


def board(
    sort: Annotated[str, typer.Option(help="A column, such as auc, log_loss, made.")] = "log_loss",
    data: Annotated[str | None, typer.Option(help="Only of this data set.")] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    split: Annotated[str | None, typer.Option(help="development or test.")] = None,
    n: Annotated[int, typer.Option("--n", help="How many rows.", min=1)] = 30,
    everything: Annotated[
        bool, typer.Option("--all", help="Repeats and the rungs of races too.")
    ] = False,
    book: BookFile = None,
    export: Export = None,
) -> None:
    """Show the lab book: every evaluation ever made, and how often test users were looked at.

    Examples:
        nudgesim prompts board

        nudgesim prompts board --data demo --sort auc --export board.csv
    """
    from simulator.lab import Book
    from simulator.lab.tables import board_table

    opened = Book(book)
    rows = opened.board(data=data, model=model, split=split, sort=sort, everything=everything)
    if rows.empty:
        say(f"{opened.path} holds no such evaluation; `nudgesim prompts eval` makes one")
        return
    print_table(board_table(rows.head(n)))
    if len(rows) > n:
        say(f"{len(rows) - n:,} more; --n {len(rows)} shows them")
    for name, looks in opened.test_looks().items():
        console.print(f"The test users of {name} have been looked at {times(looks)}.")
    write_export(rows, [board_table(rows)], export)
