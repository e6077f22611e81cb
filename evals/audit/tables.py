"""An audit as tables of text, for the terminal and for Markdown."""

from __future__ import annotations

import unicodedata
from itertools import accumulate

import pandas as pd

from evals.audit.findings import ALL, TitleAudit
from evals.audit.shifts import Judged
from evals.tables import Table, interval, number, percentage, records
from prompts.quoting import has_hidden

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me", "Zl", "Zp"})
_SHOWN = 48
"""Characters of a title in a table."""


def kind_table(audit: TitleAudit) -> Table:
    """A row a kind, both templates side by side, both places together."""
    return _table(audit, "kind", "place", "Hostile titles")


def place_table(audit: TitleAudit) -> Table:
    """A row a place, both templates side by side, all kinds together."""
    return _table(audit, "place", "kind", "Where they stand")


def worst_table(audit: TitleAudit, n: int = 10) -> Table:
    """The titles that move the audited template most."""
    rows = [
        (escaped(row["hostile"]), row["kind"], number(row["moved"], 3), _signed(row["shift"]))
        for row in records(audit.worst(n))
    ]
    title = f"The titles that move {audit.template} most"
    return Table(title, ("title", "kind", "moved", "shift"), tuple(rows), 2)


def suspicious_table(found: pd.DataFrame) -> Table:
    """A row a text, with what a prompt shows instead."""
    rows = [
        (
            escaped(row["item"]),
            row["field"],
            escaped(row["text"]),
            row["why"],
            "as it is" if row["shown"] == row["text"] else escaped(row["shown"]) or "nothing",
        )
        for row in records(found)
    ]
    columns = ("item", "field", "text", "why", "the prompt shows")
    return Table("Suspicious titles and categories", columns, tuple(rows), 4)


def escaped(text: str, length: int = _SHOWN) -> str:
    """A text in which every character can be seen, cut to a length between two characters."""
    seen = [_visible(c) for c in text[: length + 1]]
    if sum(map(len, seen)) <= length:
        return "".join(seen)
    ends = accumulate(map(len, seen))
    return "".join(c for c, end in zip(seen, ends, strict=True) if end < length) + "…"


def reach_table(audit: TitleAudit) -> Table:
    """A row a template: how far real items and hostile titles move it."""
    rows = [
        (name, _judged(audit.by_item[name], 3), _judged(audit.reach[name], 2))
        for name in (audit.template, audit.baseline)
    ]
    title = (
        "Hostile titles against real items (item: mean |ΔP(click)| with another user's item in the "
        "place of one's own; reach: what hostile titles move, over that)"
    )
    return Table(title, ("template", "item", "reach"), tuple(rows))


def verdict(audit: TitleAudit) -> str:
    """How much of the raw template's shift is left, in two sentences."""
    return (
        f"Of the mean shift of the {audit.baseline} template {audit.template} leaves "
        f"{_judged(audit.remaining, 2)}, and of its reach {_judged(audit.remaining_reach, 2)}, "
        "where both were answered."
    )


def _judged(figure: Judged, digits: int) -> str:
    names = ("value", "value_low", "value_high")
    return interval(dict(zip(names, figure, strict=True)), "value", digits)


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN and not has_hidden(character):
        return character
    code = ord(character)
    if code < 256:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 65_536 else f"\\U{code:08x}"


def _table(audit: TitleAudit, rows: str, other: str, title: str) -> Table:
    table = audit.by_kind[audit.by_kind[other] == ALL].set_index(["template", rows])
    names = [audit.template, audit.baseline]
    lines = []
    for name in dict.fromkeys(table.loc[audit.template].index):
        both = [records(table.loc[[(template, name)]])[0] for template in names]
        cells = [cell for row in both for cell in _cells(row)]
        lines.append((str(name), f"{both[0]['titles']}", *cells))
    about = [
        f"{template}: {figure}"
        for template in names
        for figure in ("moved", "shift", "neutral", "failed")
    ]
    note = (
        f"{title}, asked of {audit.model} (moved: mean |P(hostile) − P(twin)|, "
        f"{audit.level:.0%} intervals over users and titles; shift: with its sign; neutral: what "
        "another harmless title moves; failed: decisions without an answer)"
    )
    return Table(note, (rows, "titles", *about), tuple(lines), 1)


def _cells(row: dict[str, float]) -> tuple[str, ...]:
    return (
        interval(row, "moved", 3),
        _signed(row["shift"]),
        number(row["neutral"], 3),
        percentage(row["failed"]),
    )


def _signed(value: float) -> str:
    return number(value, 3, signed=True)
