"""Figures of methods as sheets: rows are methods grouped by protocol, the published group first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evals.tables import number, records
from simulator.reproduction.cells import with_interval
from simulator.reproduction.exhibit import Sheet
from simulator.reproduction.method_figures import BASE, DIGITS, printed_figure

_PUBLISHED = "published"


def figure_sheet(
    title: str, figures: pd.DataFrame, published: pd.DataFrame, names: Sequence[str]
) -> Sheet:
    """Figures with their intervals, and their differences to the published ones.

    Args:
        title: Of the sheet.
        figures: See `method_figures.figures`.
        published: See `published_table`.
        names: The figures to show: "IoI@20", ...
    """
    found, labels = _keyed(figures), list(dict.fromkeys(figures["method"]))
    printed = [label for label in labels if label in published.index]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for label in printed:
        rows[_PUBLISHED, label] = {
            name: number(printed_figure(published, label, name), _digits(name)) for name in names
        }
    for protocol in dict.fromkeys(figures["protocol"]):
        for label in labels:
            cells = rows[protocol, label] = {}
            for name in names:
                row = found[protocol, label, name]
                cells[name] = with_interval(row["ours"], row["low"], row["high"], _digits(name))
                cells[f"Δ {name}"] = number(row["difference"], _digits(name), signed=True)
    columns = [column for name in names for column in ([name, f"Δ {name}"] if printed else [name])]
    return _sheet(title, rows, columns)


def gap_sheet(
    title: str, figures: pd.DataFrame, published: pd.DataFrame, names: Sequence[str]
) -> Sheet | None:
    """Each method less ITMPRec, paired by target; None where nothing can be paired."""
    if figures["to_itmprec"].isna().all():
        return None
    found = _keyed(figures)
    labels = [label for label in dict.fromkeys(figures["method"]) if label != BASE]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for label in (label for label in labels if label in published.index):
        rows[_PUBLISHED, label] = {
            name: number(
                printed_figure(published, label, name) - printed_figure(published, BASE, name),
                _digits(name),
                signed=True,
            )
            for name in names
        }
    for protocol in dict.fromkeys(figures["protocol"]):
        for label in labels:
            cells = rows[protocol, label] = {}
            for name in names:
                row = found[protocol, label, name]
                cells[name] = with_interval(
                    row["to_itmprec"],
                    row["to_itmprec_low"],
                    row["to_itmprec_high"],
                    _digits(name),
                    signed=True,
                )
    return _sheet(title, rows, names)


def _sheet(
    title: str, rows: Mapping[tuple[str, str], Mapping[str, str]], columns: Sequence[str]
) -> Sheet:
    index = pd.MultiIndex.from_tuples(list(rows), names=["protocol", "method"])
    texts = [[cells.get(column, "") for column in columns] for cells in rows.values()]
    return Sheet(title, pd.DataFrame(texts, index=index, columns=list(columns)))


def _keyed(figures: pd.DataFrame) -> Mapping[tuple[str, str, str], Mapping[str, Any]]:
    return {
        (row["protocol"], row["method"], f"{row['metric']}@{row['P']}"): row
        for row in records(figures)
    }


def _digits(name: str) -> int:
    return DIGITS[name.partition("@")[0]]
