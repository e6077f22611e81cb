"""What some methods' runs measured, figure by figure beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from evals.tables import records
from evals.targets import estimate, paired_estimate
from simulator.reproduction.methods import Method

DIGITS = {"HR": 3, "IoI": 3, "IoR": 1}
"""Decimal places that each metric is shown with."""

BASE = Method("itmprec").label
"""The method that the others are held against."""

NOTHING = float("nan")


def figures(
    tables: Mapping[tuple[str, str], Sequence[pd.DataFrame]], published: pd.DataFrame
) -> pd.DataFrame:
    """All figures of some methods under some protocols, unrounded.

    Args:
        tables: `per_target` of each seed's run, by protocol and method's label.
        published: See `published_table`.

    Returns:
        One row a figure: protocol, method, metric, P; published; ours with se, low, high and the
        targets and seeds it is a mean over; difference, ours less the published; to_itmprec with
        low and high, the method less ITMPRec paired by target, NaN where their targets differ.
    """
    rows = []
    for (protocol, label), ours in tables.items():
        gaps = _less_base(tables.get((protocol, BASE), ()), ours) if label != BASE else {}
        for name, row in _by_name(estimate(ours)).items():
            metric, _, p = name.partition("@")
            printed = printed_figure(published, label, name)
            gap = gaps.get(name, {})
            rows.append(
                {
                    "protocol": protocol,
                    "method": label,
                    "metric": metric,
                    "P": int(p),
                    "published": printed,
                    "ours": row["mean"],
                    "se": row["se"],
                    "low": row["low"],
                    "high": row["high"],
                    "difference": row["mean"] - printed,
                    "targets": int(row["targets"]),
                    "seeds": len(ours),
                    "to_itmprec": gap.get("mean", NOTHING),
                    "to_itmprec_low": gap.get("low", NOTHING),
                    "to_itmprec_high": gap.get("high", NOTHING),
                }
            )
    return pd.DataFrame(rows)


def printed_figure(published: pd.DataFrame, label: str, name: str) -> float:
    """One figure of the paper; NaN where it has none."""
    if label not in published.index or name not in published.columns:
        return NOTHING
    return float(published.loc[[label], name].iloc[0])


def _less_base(
    base: Sequence[pd.DataFrame], ours: Sequence[pd.DataFrame]
) -> Mapping[str, Mapping[str, float]]:
    """A method less ITMPRec by metric; nothing where they had other targets."""
    if len(base) != len(ours):
        return {}
    if any(set(a.index) != set(b.index) for a, b in zip(ours, base, strict=True)):
        return {}
    return _by_name(paired_estimate(ours, base))


def _by_name(table: pd.DataFrame) -> Mapping[str, Mapping[str, float]]:
    return dict(zip(map(str, table.index), records(table), strict=True))
