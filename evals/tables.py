"""A comparison as tables of text: for the terminal, for Markdown, for LaTeX, for the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from evals import metrics as m
from evals.compare import Comparison
from simulator.clicks.examination import EXAMINATION

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable

DISPLAY = {
    "click_rate": "click rate",
    "mean_probability": "mean P(click)",
    "failure_rate": "failure rate",
}
_COST = {
    "decisions_per_second": "decisions/s",
    "prompt_tokens": "prompt tokens",
    "cached_tokens": "cached",
}
_LATEX = {
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "–": "--",
    "±": r"$\pm$",
    "κ": r"$\kappa$",
    "Δ": r"$\Delta$",
    "×": r"$\times$",
    "<": "$<$",
    "|": "$|$",
}


@dataclass(frozen=True)
class Table:
    """A title, column names and rows, all text.

    Attributes:
        title: What it shows.
        columns: Names of the columns.
        rows: As many cells a row as there are columns.
        names: How many columns at the left name the row; the others hold figures.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1


def tables(comparison: Comparison) -> list[Table]:
    """Metrics, click rates by position, agreement, decisions, cost; a table without rows is out."""
    made = [
        metric_table(comparison),
        position_table(comparison),
        agreement_table(comparison),
        decision_table(comparison),
        cost_table(comparison),
    ]
    return [table for table in made if table.rows]


def metric_table(comparison: Comparison) -> Table:
    """A row a metric; a column a run, and for each further run the difference to the first."""
    names, others = comparison.names, comparison.names[1:]
    levels = comparison.levels.set_index(["metric", "run"])
    differences = comparison.differences.set_index(["metric", "run"])
    rows = []
    for metric in comparison.levels["metric"].unique():
        digits = _digits(levels.loc[metric]["mean"])
        cells = [_level(_row(levels, (metric, name)), digits) for name in names]
        for name in others:
            row = _row(differences, (metric, name))
            cells += [_interval(row, "difference", digits, signed=True), p_value(row)]
        rows.append((DISPLAY.get(metric, metric.replace("_", " ")), *cells))
    difference = [text for name in others for text in (f"{name} − {names[0]}", "p")]
    title = f"Metrics (±, [ ]: {comparison.level:.0%} intervals over users; p: Holm-corrected)"
    return Table(title, ("metric", *names, *difference), tuple(rows))


def position_table(comparison: Comparison) -> Table:
    """A row a place of the slate, a column a run; no rows where no run shows slates."""
    by_run = [
        comparison.bootstrap.intervals(m.click_rate_by_position(run)) for run in comparison.runs
    ]
    places = max(len(levels) for levels in by_run)
    rows = [
        (
            f"{place} (top)" if place == 0 else str(place),
            *(
                _level(records(levels)[place] if place < len(levels) else None, 3)
                for levels in by_run
            ),
        )
        for place in range(places)
        if places > 1
    ]
    title = f"Click rate by position (±: {comparison.level:.0%} intervals over users)"
    return Table(title, ("position", *comparison.names), tuple(rows))


def agreement_table(comparison: Comparison) -> Table:
    """A row a measure; a column a pair of models on the same exposures with the same draws."""
    found = records(comparison.agreement)
    pairs = [
        f"{row['model']} | {row['other']} ({'in ' + row['run'] if beside else 'shown in both'})"
        for row in found
        for beside in [row["kind"] == "beside"]
    ]
    measures = {
        "exposures": [f"{row['exposures']:,.0f} ({row['share']:.0%})" for row in found],
        "same decision": [_interval(row, "agreement", 3) for row in found],
        "Cohen's κ": [_interval(row, "kappa", 3) for row in found],
        "click rates": [
            f"{number(row['click_rate'], 3)} | {number(row['click_rate_other'], 3)}"
            for row in found
        ],
        "mean |ΔP(click)|": [number(row["mean_gap"], 3) for row in found],
        "correlation of P(click)": [number(row["correlation"], 3) for row in found],
    }
    rows = tuple((name, *cells) for name, cells in measures.items() if found)
    return Table("Agreement on the same exposures and draws", ("measure", *pairs), rows)


def decision_table(comparison: Comparison) -> Table:
    """Who decided, and why the first choice did not."""
    decided = [
        (row["run"], _decided_by(row["source"]), f"{row['decisions']:,}", _share(row["share"]))
        for row in records(comparison.sources)
    ]
    failed = [
        (row["run"], f"failed: {row['reason']}", f"{row['count']:,}", _share(row["share"]))
        for row in records(comparison.failures)
    ]
    rows = [row for name in comparison.names for row in (*decided, *failed) if row[0] == name]
    return Table("Decisions and failures", ("run", "what", "exposures", "share"), tuple(rows), 2)


def cost_table(comparison: Comparison) -> Table:
    """A row a run: decisions, seconds, decisions a second, tokens."""
    columns = ("run", *(_COST.get(c, c) for c in comparison.cost.columns))
    rows = [
        (str(name), *(_count(value) for value in row))
        for name, row in zip(comparison.cost.index, comparison.cost.to_numpy(), strict=True)
    ]
    return Table("Cost", columns, tuple(rows) if len(columns) > 1 else ())


def render_table(comparison: Comparison) -> list[RenderableType]:
    """Rich renderables for the terminal: `console.print(*render_table(comparison))`."""
    from rich.text import Text

    out: list[RenderableType] = [rich_table(table) for table in tables(comparison)]
    out.extend(Text(f"Note: {caution}", style="yellow") for caution in comparison.cautions)
    return out


def rich_table(table: Table) -> RichTable:
    """A table for the terminal."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    rich = RichTable(
        title=Text(f"\n{table.title}"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    for place, column in enumerate(table.columns):
        rich.add_column(Text(column), justify="left" if place < table.names else "right")
    for row in table.rows:
        rich.add_row(*(Text(cell) for cell in row))
    return rich


def to_markdown(comparison: Comparison) -> str:
    """The tables in GitHub's Markdown."""
    return "\n".join(
        [markdown_table(table) for table in tables(comparison)]
        + [f"> {_escape_markdown(caution)}\n" for caution in comparison.cautions]
    )


def to_latex(comparison: Comparison) -> str:
    r"""The tables for a paper: `tabular` with booktabs rules (`\usepackage{booktabs}`)."""
    return "\n".join(latex_table(table) for table in tables(comparison))


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """A number with a real minus sign; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    rounded = round(float(value), digits) + 0.0  # adding 0.0 takes the sign off a zero
    text = f"{rounded:+.{digits}f}" if signed and rounded else f"{rounded:.{digits}f}"
    return text.replace("-", "−")


def p_value(row: dict[str, Any] | None) -> str:
    """The corrected p-value of a difference."""
    p = math.nan if row is None else row["p_corrected"]
    return "<0.001" if p < 0.001 else number(p, 3)


def _row(table: pd.DataFrame, key: tuple[str, str]) -> dict[str, Any] | None:
    return records(table.loc[[key]])[0] if key in table.index else None


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dicts."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _level(row: dict[str, Any] | None, digits: int) -> str:
    """`mean ± half the interval's width`."""
    if row is None:
        return "–"
    text = number(row["mean"], digits)
    half = (row["high"] - row["low"]) / 2
    return f"{text} ± {number(half, digits)}" if math.isfinite(half) else text


def _interval(row: dict[str, Any] | None, name: str, digits: int, *, signed: bool = False) -> str:
    """`mean [low, high]`."""
    if row is None:
        return "–"
    prefix = f"{name}_" if f"{name}_low" in row else ""
    low, high = row[f"{prefix}low"], row[f"{prefix}high"]
    text = number(row[name], digits, signed=signed)
    if not math.isfinite(low):
        return text
    return f"{text} [{number(low, digits)}, {number(high, digits)}]"


def _digits(values: pd.Series[float]) -> int:
    return 1 if values.abs().max() >= 10 else 3


def _decided_by(source: str) -> str:
    return "not examined, so not clicked" if source == EXAMINATION else f"decided by {source}"


def _share(share: float) -> str:
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def _count(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:,.1f}"


def markdown_table(table: Table) -> str:
    """A table in GitHub's Markdown, its title above it."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_escape_markdown(cell) for cell in cells) + " |"

    rule = "|---" * table.names + "|---:" * (len(table.columns) - table.names) + "|"
    body = [line(row) for row in table.rows]
    return "\n".join([f"**{table.title}**", "", line(table.columns), rule, *body, ""])


def _escape_markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def latex_table(table: Table) -> str:
    """A table as LaTeX `tabular` with booktabs rules, its title as a comment."""

    def line(cells: Sequence[str]) -> str:
        return " & ".join("".join(_LATEX.get(c, c) for c in cell) for cell in cells) + r" \\"

    shape = "l" * table.names + "r" * (len(table.columns) - table.names)
    return "\n".join(
        [
            f"% {table.title}",
            rf"\begin{{tabular}}{{{shape}}}",
            r"\toprule",
            line(table.columns),
            r"\midrule",
            *(line(row) for row in table.rows),
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )
