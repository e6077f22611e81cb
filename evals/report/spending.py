"""Who decided, what failed, and what it cost."""

from __future__ import annotations

import pandas as pd

from evals.report.contents import Contents
from evals.report.section import Block, Section, Sheet, Words
from evals.tables import Table, cost_table, count, decision_table, percentage, records

_LEAD = (
    "A failure is never a click and never a silent no-click: it is counted here, and decided by "
    "the declared fallback or, without one, left out."
)


def decided(contents: Contents) -> Section | None:
    """Failures of every model and run."""
    blocks: list[Block] = []
    judgement, runs = contents.judgement, contents.runs
    if judgement is not None:
        rows = tuple(
            (
                str(row["model"]),
                str(row["reason"]),
                f"{row['count']:,.0f}",
                percentage(row["share"]),
            )
            for row in records(judgement.failures)
        )
        columns = ("model", "failed", "exposures", "share")
        if rows:
            blocks.append(
                Sheet(Table("Failures on logged exposures", columns, rows, 2), "failures")
            )
        else:
            blocks.append(Words("On the logged exposures no model failed."))
    if runs is not None:
        blocks.append(Sheet(decision_table(runs), "decisions", titled=judgement is not None))
    if not blocks:
        return None
    title = "Who decided, and what failed" if runs is not None else "What failed"
    return Section("failures", title, "Failures", (Words(_LEAD), *blocks))


def cost(contents: Contents) -> Section | None:
    """What the models and runs spent."""
    sheets = []
    if contents.cost is not None and len(contents.cost):
        sheets.append(Sheet(_counted(contents.cost), "cost"))
    if contents.runs is not None:
        table = cost_table(contents.runs)
        if table.rows:
            sheets.append(Sheet(table, "run-cost"))
    return Section("cost", "Cost", "Cost", tuple(sheets)) if sheets else None


def _counted(frame: pd.DataFrame) -> Table:
    rows = tuple(
        (str(name), *(count(value) for value in row))
        for name, row in zip(frame.index, frame.to_numpy(dtype=float), strict=True)
    )
    return Table("Cost", ("model", *(str(c).replace("_", " ") for c in frame.columns)), rows)
