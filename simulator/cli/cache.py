"""`nudgesim cache`: what models have decided, kept for the next run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.console import console, say, show_table

if TYPE_CHECKING:
    from simulator.engines.decision_cache import DecisionCache

app = typer.Typer(
    help="Kept decisions of language models: look, prune, export.", no_args_is_help=True
)

File = Annotated[
    Path | None,
    typer.Option("--cache", help="The file; by default the one that runs use.", show_default=False),
]
_MEGABYTE = 1_000_000


@app.command()
def stats(cache: File = None) -> None:
    """Show where the file is, how large, and whose decisions it holds.

    Examples: nudgesim cache stats; nudgesim cache stats --cache runs/decisions.sqlite
    """
    from simulator.engines.cache_upkeep import holdings, size

    with _opened(cache) as opened:
        held = holdings(opened)
        total = sum(holding.decisions for holding in held)
        console.print(
            f"{opened.path}: {total:,} decisions, {size(opened) / _MEGABYTE:,.2f} MB",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    show_table(
        "Decisions",
        [
            "model",
            "revision",
            "engine",
            "precision",
            "asked",
            "decisions",
            "first kept",
            "last use",
        ],
        [
            (
                holding.origin.model,
                holding.origin.revision.removeprefix("sha256:")[:12],
                holding.origin.engine,
                holding.origin.precision,
                _in_words(holding.origin.asked),
                f"{holding.decisions:,}",
                holding.first,
                holding.last,
            )
            for holding in held
        ],
    )


@app.command()
def prune(
    older_than: Annotated[
        int | None, typer.Option(metavar="DAYS", help="Those go that were not used for longer.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Only this model's may go; alone, all of them do.")
    ] = None,
    max_size: Annotated[
        float | None,
        typer.Option(metavar="MB", help="The least recently used go until the file fits."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    cache: File = None,
) -> None:
    """Take decisions away and give their room back to the disk.

    Examples: nudgesim cache prune --older-than 90; nudgesim cache prune --max-size 500 --dry-run;
    nudgesim cache prune --model pocket
    """
    from simulator.engines import cache_upkeep

    with _opened(cache) as opened:
        pruned = cache_upkeep.prune(
            opened,
            older_than=older_than,
            model=model,
            max_bytes=None if max_size is None else int(max_size * _MEGABYTE),
            dry_run=dry_run,
        )
    went = "would go" if dry_run else "went"
    console.print(
        f"{pruned.decisions:,} decisions {went}, {pruned.left:,} stay; "
        f"{pruned.bytes_before / _MEGABYTE:,.1f} MB before"
        + ("" if dry_run else f", {pruned.bytes_after / _MEGABYTE:,.1f} MB now"),
        highlight=False,
    )


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A .parquet or .csv file.")], cache: File = None
) -> None:
    """Write all decisions as a table, one row each.

    Examples: nudgesim cache export decisions.parquet; nudgesim cache export decisions.csv
    """
    from simulator.engines import cache_export

    with _opened(cache) as opened:
        written = cache_export.export(opened, out)
    say(f"{written:,} decisions written to {out}")


@contextmanager
def _opened(path: Path | None) -> Iterator[DecisionCache]:
    from simulator.engines.decision_cache import DecisionCache, default_path
    from simulator.errors import CacheError

    file = path or default_path()
    if not file.exists():
        raise CacheError(
            f"There is no decision cache at {file} yet; a run whose clicks the agent decides makes "
            "one. Pass --cache FILE for another."
        )
    with closing(DecisionCache(file)) as opened:
        yield opened


def _in_words(asked: str) -> str:
    """What was asked: "labels yes, no" or "text, 16 tokens"."""
    question = json.loads(asked)
    if "labels" in question:
        return f"labels {', '.join(question['labels'])}"
    return f"text, {question['text']} tokens"
