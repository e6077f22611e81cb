"""What axis two and the bias probes found, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evals.conclusions import Conclusions
from evals.probes import Probes
from evals.tables import number, records
from evals.testers import RecommenderRanking
from evals.wording.listing import listed

_DECIDED = 0.05
"""A shift is told from none where its corrected p-value is below this."""


def ranked(ranking: RecommenderRanking) -> list[str]:
    """Which click models rank recommenders as the log does."""
    rows = records(ranking.agreement)
    shown = [r for r in rows if r["low"] > 0]
    order = sorted(shown, key=lambda r: -r["tau"])
    not_shown = [str(r["model"]) for r in rows if not r["low"] > 0]
    out = []
    if order:
        each = [f"{r['model']} (Kendall's τ {_interval(r, 'tau')})" for r in order]
        out.append(f"Recommenders are ranked in the log's direction by {listed(each)}.")
    if not_shown:
        out.append(f"No agreement with the log's ranking can be shown for {listed(not_shown)}.")
    return out


def concluded(found: Conclusions) -> list[str]:
    """Whether the winner of each metric stays, whatever the click model."""
    out = []
    for metric, table in found.winners.groupby("metric", sort=False):
        rows = records(table)
        decided = {str(r["model"]): str(r["winner"]) for r in rows if r["decided"]}
        winners = list(dict.fromkeys(decided.values()))
        if not decided:
            text = f"On {metric} no click model decides which method wins."
        elif len(winners) == 1 and len(decided) == len(rows):
            text = f"{winners[0]} wins {metric} before every click model."
        elif len(winners) == 1:
            text = (
                f"{winners[0]} wins {metric} before {len(decided)} of {len(rows)} click models; "
                "before the others nothing is decided."
            )
        else:
            each = [
                f"{w} before {listed([m for m in decided if decided[m] == w])}" for w in winners
            ]
            text = f"Which method wins {metric} depends on the click model: {'; '.join(each)}."
        out.append(text)
    reversed_pairs = found.pairs[found.pairs["reversed"] > 0]
    if len(found.pairs):
        out.append(
            f"Of {len(found.pairs)} differences that {found.base} decides, "
            f"{len(reversed_pairs)} turn{'s' * (len(reversed_pairs) == 1)} round before some other "
            "click model."
        )
    return out


def moved(probes: Probes) -> str:
    """Which variants move an agent's answers, and where it departs from the log."""
    table = probes.table
    again = records(table[table["moved"].notna()])
    against = records(table[table["moved"].isna() & table["shift"].notna()])
    out = []
    if again:
        out.append(
            f"Of {len(again)} changes that should not matter {_told(again)} can be told to move "
            f"{probes.agent}'s mean P(click){_most(again)}."
        )
    if against:
        out.append(
            f"Of {len(against)} shifts against the log {_told(against)} can be told from "
            f"zero{_most(against)}."
        )
    return " ".join(out) or f"No bias probe of {probes.agent} could be asked."


def _told(rows: Sequence[dict[str, float]]) -> str:
    n = sum(row["p_corrected"] < _DECIDED for row in rows)
    return str(n) if n else "none"


def _most(rows: Sequence[dict[str, float]]) -> str:
    """The largest of the shifts that can be told from none."""
    told = [row for row in rows if row["p_corrected"] < _DECIDED]
    most = sorted(told, key=lambda row: -abs(row["shift"]))[:3]
    each = [
        f"{': '.join(filter(None, (str(row['probe']), str(row['variant']))))} "
        f"({number(row['shift'], 3, signed=True)})"
        for row in most
    ]
    if not each:
        return ""
    return f": {'most of all ' if len(told) > len(most) else ''}{listed(each)}"


def _interval(row: dict[str, float], name: str) -> str:
    text = number(row[name], 2)
    if not math.isfinite(row["low"]):
        return text
    return f"{text} [{number(row['low'], 2)}, {number(row['high'], 2)}]"
