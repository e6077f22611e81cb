"""What a run says in the terminal: before it is played, and when it is done."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from simulator.cli.console import console, show_table
from simulator.experiment import Forecast
from simulator.runlog import Run


def show_outcome(run: Run, out: Path) -> None:
    """Print how much was decided and clicked, and every failure by its reason."""
    rows = run.exposures
    clicked = rows["clicked"].mean()
    place = escape(str(out))
    console.print(
        f"{len(rows):,} decisions, {clicked:.1%} clicked. Written to {place}.", highlight=False
    )
    failed = rows[rows["failure"] != ""]
    for (reason, source), group in failed.groupby(["failure", "source"], observed=True):
        console.print(
            f"[red]{len(group):,} failed[/] and were decided by {source}: {escape(str(reason))}",
            highlight=False,
        )


def show_forecast(expected: Forecast, price: float | None, cached_price: float | None) -> None:
    """Print what a run will take, with its price where prices are given."""
    new = expected.prompt_tokens - expected.cached_tokens
    rows: list[tuple[str, str]] = [
        ("decisions", f"{expected.decisions:,}"),
        ("distinct prompts", f"{expected.asked:,}"),
        ("prompt tokens", f"{expected.prompt_tokens:,}"),
        ("from the prefix cache", f"{expected.cached_tokens:,}"),
        ("to compute", f"{new:,}"),
        ("time", _duration(expected.seconds)),
    ]
    if price is not None:
        rows.append(("price", f"{expected.price(price, cached_price):,.2f}"))
    show_table(f"Forecast, timed on {expected.timed:,} prompts", ["", "expected"], rows)
    console.print("Answers that the decision cache holds will cost nothing.", highlight=False)


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
