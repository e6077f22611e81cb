"""What the prompt lab's commands share: their options, the lab that they open, what they print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from evals.terminal import TerminalTable
from simulator.cli.console import console, say

if TYPE_CHECKING:
    import pandas as pd

    from evals.tables import Table
    from prompts import Template
    from simulator.lab import Evaluation, Lab


def _known_kind(path: Path | None) -> Path | None:
    """Refuse an export's kind before a model is loaded for it."""
    if path is not None:
        from simulator.lab.exporting import check_kind

        check_kind(path)
    return path


Templates = Annotated[
    list[str] | None,
    typer.Argument(help="Templates' names, .j2 files, or #12 for a prompt in the lab book."),
]
OneTemplate = Annotated[
    str, typer.Argument(help="A template's name, a .j2 file, or #12 for one in the lab book.")
]
Data = Annotated[str, typer.Option(help="A data set with a log, by name, or a TOML file.")]
Model = Annotated[str, typer.Option(help="A name, a hub id, or a folder.")]
Models = Annotated[
    list[str] | None, typer.Option("--model", help="A name, a hub id, or a folder; repeatable.")
]
Engine = Annotated[str, typer.Option(help="auto, vllm, transformers or openai.")]
Urls = Annotated[
    list[str] | None, typer.Option(help="A server's base URL, for --engine openai; repeatable.")
]
Exposures = Annotated[int, typer.Option(help="How many logged exposures.", min=1)]
Examples = Annotated[str, typer.Option(help="auto, shipped, none, log:N, or a YAML file.")]
PersonasOf = Annotated[
    str,
    typer.Option(
        "--personas", help="What prompts say of users: auto, none, log, or a file of words."
    ),
]
Cache = Annotated[str, typer.Option(help="The file that keeps the model's answers, auto or none.")]
Mass = Annotated[
    float, typer.Option(help="Labels' least total probability; below it a decision failed.")
]
BookFile = Annotated[
    Path | None,
    typer.Option("--book", help="The lab book; by default the one in your cache folder."),
]
Seed = Annotated[int, typer.Option(help="Of samples and drawn examples.")]
Export = Annotated[
    Path | None,
    typer.Option(help="Write the table too: .csv, .md, .tex or .parquet.", callback=_known_kind),
]


@contextmanager
def lab_of(data: str, book: Path | None, seed: int, **settings: Any) -> Iterator[Lab]:
    """A lab with a book, closed at the end."""
    from simulator.lab import Book, Lab

    opened = Book(book)  # before the engine: a fault in it should not wait for a model
    with Lab.open(data, seed=seed, book=opened, say=say, **settings) as lab:
        say(f"engine {lab.engine.name}: {getattr(lab.engine, 'why', '')}")
        yield lab


def template_of(name: str, book: Path | None) -> Template | None:
    """A template by name, file or number in the lab book; None for the data set's own.

    Read before an engine is started: a fault in it should not wait for a model.
    """
    from simulator.lab import Book
    from simulator.lab.writing import find_template

    if name == "auto":
        return None
    return find_template(name, Book(book) if name.startswith("#") else None)


def write_export(board: pd.DataFrame, tables: Sequence[Table], path: Path | None) -> None:
    """Write a board to the file that was asked for, if any."""
    from simulator.lab.exporting import write_board

    if path is not None:
        write_board(board, tables, path)
        say(f"written to {path}")


def print_table(table: Table) -> None:
    """Print a table."""
    console.print(TerminalTable(table))


def print_notes(found: Evaluation) -> None:
    """Print what could not be judged, what a reader must know, and the looks at test users."""
    from simulator.lab.tables import refusals

    for line in (*refusals(found.refused), *found.cautions):
        console.print(Text(f"Note: {line}", style="yellow"))
    if found.split == "test" and found.looks is not None:
        console.print(
            f"The test users of {found.data} have been looked at {times(found.looks)}, this time "
            "included.",
            highlight=False,
        )


def times(count: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")
