"""What headline tests found, in sentences."""

from __future__ import annotations

from typing import Any

from evals.headlines import CEILING, LONGER, WORDS, HeadlineJudgement
from evals.tables import number, records
from evals.wording.listing import listed


def ordered(found: HeadlineJudgement) -> list[str]:
    """How often each model orders two headlines as readers did, beside luck and the baselines."""
    rows = {
        str(row["model"]): row for row in records(found.measures) if row["measure"] == "ordered"
    }
    gaps = [row for row in records(found.differences) if row["measure"] == "ordered"]
    out = [_of_model(rows[name], gaps) for name in found.models if name not in (LONGER, WORDS)]
    beside = [f"{name} {_share(rows[name])}" for name in (LONGER, WORDS, CEILING) if name in rows]
    return [*out, f"Of the same pairs are ordered right by {listed(beside)}."]


def _of_model(row: dict[str, Any], gaps: list[dict[str, Any]]) -> str:
    name, interval = row["model"], f"[{number(row['low'], 3)}, {number(row['high'], 3)}]"
    text = (
        f"{name} orders {_share(row)} {interval} of {row['pairs']:,.0f} pairs of headlines as "
        f"readers did ({row['tests']:,.0f} tests)"
    )
    if row["low"] <= 0.5 <= row["high"]:
        return f"{text}, which cannot be told from luck."
    beaten = [str(g["base"]) for g in gaps if g["model"] == name and g["low"] > 0]
    worse = "worse" if row["high"] < 0.5 else "better"
    more = f", and more than {listed(beaten)}" if beaten else ", and beats no baseline"
    return f"{text}, {worse} than luck{more}."


def _share(row: dict[str, Any]) -> str:
    return number(row["value"], 3)
