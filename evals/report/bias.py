"""Bias probes: what moves an agent's answers though it should not."""

from __future__ import annotations

import math

import pandas as pd

from evals import plots
from evals.probes import Probes
from evals.report.contents import Contents
from evals.report.section import Block, Figures, Section, Sheet, Words, cautions
from evals.tables import Table, number, p_value, records
from evals.wording.listing import listed

_MOST_WORST = 12


def section(contents: Contents) -> Section | None:
    """Shifts with intervals, a row a variant; None without probes."""
    if not contents.probes:
        return None
    blocks: list[Block] = [
        Words(
            "The agent is asked again about the same exposures with something changed that should "
            "not matter, and its answers are held against the log. A shift is how much the mean "
            "P(click) moves, or what the note says; p is Holm-corrected over all rows of an agent."
        )
    ]
    for probes in contents.probes:
        blocks += cautions(probes.cautions)
    again = _forest(contents.probes, "probes", "shift of P(click)", "variant − as is")
    against = _forest(contents.probes, "probes-log", "shift against the log", "see the notes")
    blocks.append(Figures(tuple(d for d in (again, against) if d is not None)))
    for place, probes in enumerate(contents.probes):
        blocks += _sheets(probes, contents, place)
    data = {
        f"probes{f'-{place + 1}' if place else ''}": probes.table
        for place, probes in enumerate(contents.probes)
    }
    return Section("bias", "What moves an answer that should not?", "Bias", tuple(blocks), data)


def _forest(every: tuple[Probes, ...], name: str, title: str, axis: str) -> plots.Drawing | None:
    """A row a variant: those asked again ("probes"), or those held against the log."""
    parts = [
        pd.DataFrame(
            {
                "row": _rows(p.table),
                "series": p.agent,
                "value": p.table["shift"],
                "low": p.table["shift_low"],
                "high": p.table["shift_high"],
            }
        )[p.table["moved"].notna() == (name == "probes")]
        for p in every
    ]
    whole = pd.concat(parts, ignore_index=True)
    known = whole[whole["value"].notna()]
    if known.empty:
        return None
    agents = [p.agent for p in every]
    panel = plots.Panel(title, known, 0.0, axis)
    told = f"{title}, a row a variant, for {listed(agents)}"
    return plots.dots(name, [panel], list(known["row"].unique()), told, series=agents)


def _rows(table: pd.DataFrame) -> list[str]:
    return [
        f"{probe}: {variant}" if variant and variant != probe else str(probe)
        for probe, variant in zip(table["probe"], table["variant"], strict=True)
    ]


def _sheets(probes: Probes, contents: Contents, place: int) -> list[Block]:
    rows = tuple(
        (
            str(row["probe"]),
            str(row["variant"]),
            _between(row, "shift", "shift"),
            p_value({"p_corrected": row["p_corrected"]}),
            number(row["moved"], 3),
            _share(row["flipped"]),
            _between(row, "auc_difference", "auc"),
            f"{row['exposures']:,.0f}",
            f"{row['users']:,.0f}",
            f"{row['failures']:,.0f}" if math.isfinite(row["failures"]) else "–",
            str(row["note"]),
        )
        for row in records(probes.table)
    )
    columns = (
        "probe",
        "variant",
        "shift of P",
        "p",
        "mean |shift|",
        "flipped",
        "change of AUC",
        "exposures",
        "users",
        "failures",
        "note",
    )
    name = f"probes{f'-{place + 1}' if place else ''}"
    blocks: list[Block] = [
        Words(probes.agent, "heading"),
        Sheet(Table(f"Bias probes of {probes.agent}", columns, rows, names=2), name),
    ]
    if len(probes.worst) and contents.judgement is not None and contents.names is not None:
        items = contents.judgement.log.shown.item
        worst = probes.worst.head(_MOST_WORST)
        moved = tuple(
            (
                contents.names[items[int(row["row"])]],
                f"{row['probe']}: {row['variant']}",
                number(row["probability"], 2),
                number(row["probability_variant"], 2),
            )
            for row in records(worst)
        )
        head = ("shown", "probe", "P as is", "P of the variant")
        blocks.append(
            Sheet(Table("Moved most", head, moved, names=2), f"{name}-worst", folded=True)
        )
    return blocks


def _between(row: dict[str, float], name: str, bounds: str) -> str:
    low, high = row[f"{bounds}_low"], row[f"{bounds}_high"]
    text = number(row[name], 3, signed=True)
    return f"{text} [{number(low, 3)}, {number(high, 3)}]" if math.isfinite(low) else text


def _share(share: float) -> str:
    return f"{share:.1%}" if math.isfinite(share) else "–"
