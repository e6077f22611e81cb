"""What all commands print with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from evals.judgement import Judgement
from simulator.domain import Clicks
from simulator.session import Progress as Advance

console = Console()
errors = Console(stderr=True)


def say(line: str) -> None:
    """Tell what is going on, on the error stream, so that output can be piped."""
    errors.print(f"[dim]·[/] {escape(line)}", highlight=False)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a plain table."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    console.print(table)


@contextmanager
def decisions_bar(title: str, total: int | None) -> Iterator[Advance]:
    """A progress bar with decisions a second, failures and, where the total is known, time left."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}{task.fields[of]} decisions"),
        TextColumn("{task.fields[rate]} {task.fields[failed]}"),
        TimeRemainingColumn(),
        console=errors,
    )
    failed = 0
    with bar:
        of = "" if total is None else f"/{total:,}"
        task = bar.add_task(title, total=total, of=of, rate="", failed="")

        def advance(clicks: Clicks) -> None:
            nonlocal failed
            failed += int(np.count_nonzero(clicks.failure != ""))
            speed = bar.tasks[task].speed
            bar.update(
                task,
                advance=len(clicks),
                rate=f"{speed:,.0f}/s" if speed else "",
                failed=f"[red]{failed:,} failed[/]" if failed else "",
            )

        yield advance


@contextmanager
def steps_bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar told (step, steps, note)."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} steps {task.fields[note]}"),
        TimeRemainingColumn(),
        console=errors,
    )
    with bar:
        task = bar.add_task(title, total=1, note="")
        yield lambda step, steps, note: bar.update(task, completed=step, total=steps, note=note)


def show_judgement(title: str, judged: Judgement) -> None:
    """Print how true click models are, ± half the interval over users, and the differences."""
    known = [name for name in _SHOWN if name in set(judged.measures["measure"])]
    levels = judged.measures.set_index(["measure", "model"])
    failed = judged.failures.groupby("model")["count"].sum()

    def cell(measure: str, model: str) -> str:
        row = levels.loc[[(measure, model)]].iloc[0]
        return f"{row['value']:.3f} ± {(row['high'] - row['low']) / 2:.3f}"

    rows, users = judged.measures.iloc[0][["exposures", "users"]]
    show_table(
        f"{title} ({users:,} users, {rows:,} exposures)",
        ["", *judged.models],
        [
            *((m.replace("_", " "), *(cell(m, name) for name in judged.models)) for m in known),
            ("failed decisions", *(int(failed.get(name, 0)) for name in judged.models)),
        ],
    )
    for name in judged.models:
        if name not in (judged.base, "truth"):
            gaps = judged.differences[judged.differences["model"] == name].set_index("measure")
            words = ", ".join(_signed(measure, gaps) for measure in ("auc", "log_loss"))
            console.print(f"{name} − {judged.base}, paired by user: {words}", highlight=False)


_SHOWN = ("auc", "auc_reached", "log_loss", "calibration_error", "click_rate_ratio")
"""The measures that fit a terminal."""


def _signed(measure: str, gaps: pd.DataFrame) -> str:
    row = gaps.loc[[measure]].iloc[0]
    interval = f"[{row['low']:+.3f}, {row['high']:+.3f}]"
    return f"{measure.replace('_', ' ')} {row['difference']:+.3f} {interval}"
