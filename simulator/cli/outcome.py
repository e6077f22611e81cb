"""What a run says in the terminal: before it is played, and when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.markup import escape

from evals.bootstrap import Bootstrap
from evals.cascade import cascade_figures
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
    _show_asked(run)
    failed = rows[rows["failure"] != ""]
    for (reason, source), group in failed.groupby(["failure", "source"], observed=True):
        console.print(
            f"[red]{len(group):,} failed[/] and were decided by {source}: {escape(str(reason))}",
            highlight=False,
        )


def _show_asked(run: Run) -> None:
    """What the model was asked, what the cache knew, and what a cascade spared."""
    if "requests" in run.cost:
        asked, known = run.cost["requests"], run.cost.get("decisions_from_cache", 0)
        console.print(
            f"The model was asked {asked:,.0f} prompts; {known:,.0f} answers were in the decision "
            "cache.",
            highlight=False,
        )
    cascade = cascade_figures(run, Bootstrap())
    if cascade is not None:
        inside, outside = cascade["in_band"], cascade["outside_band"]
        console.print(
            f"The agent decided {cascade['share_asked']:.1%}. It and the distribution model agree "
            f"in {_agreement(inside)} inside the band, and in {_agreement(outside)} outside.",
            highlight=False,
        )


def _agreement(figures: Mapping[str, float]) -> str:
    if not figures["exposures"]:
        return "none (0 audited)"
    low, high = figures["agreement_low"], figures["agreement_high"]
    return f"{figures['agreement']:.1%} [{low:.1%}, {high:.1%}] of {figures['exposures']:,.0f}"


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
