"""What a comparison found, in sentences computed from its figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from evals.compare import Comparison
from evals.tables import number, records


@dataclass(frozen=True)
class _Saying:
    """How a metric is put into words."""

    before: str
    """The sentence up to the first figure; {} is P."""
    after: str
    """What follows the first figure."""
    further: tuple[str, str, str]
    """What a run does more than another, most of all, and no more than another."""
    digits: int
    scale: float = 1.0
    unit: str = ""


_SAYINGS = {
    "IoI": _Saying(
        "Within {} rounds users come closer to their targets (IoI@{}) by",
        "",
        (
            "moves users further towards their targets",
            "moves users furthest towards their targets",
            "move users equally far towards their targets",
        ),
        3,
    ),
    "IoR": _Saying(
        "Within {} rounds targets climb in their users' ranking (IoR@{}) by",
        " places",
        ("lifts targets further", "lifts targets furthest", "lift targets equally far"),
        1,
    ),
    "HR": _Saying(
        "Within {} rounds users click (HR@{})",
        " of what they are shown",
        ("gets more clicks", "gets the most clicks", "get equally many clicks"),
        1,
        100.0,
        "%",
    ),
}


def headline(comparison: Comparison) -> str:
    """The one sentence to remember: which run leads users further, or that none can be told."""
    name, metric = _main(comparison)
    saying, order = _SAYINGS[name], _ranking(comparison, metric)
    if len(order) == 1:
        level = comparison.values[0][metric].mean()
        return f"{_before(name, metric)} {_figure(level, saying)}{saying.after}"
    best, second = order[:2]
    of_many = f"Of {len(order)} runs, " if len(order) > 2 else ""
    if not _tells(_paired(comparison, metric, best, second)):
        both = sorted((best, second), key=comparison.names.index)
        verb = saying.further[2]
        return (
            f"{of_many}{' and '.join(both)} {verb}, as far as {_users(comparison)} users can tell"
        )
    return (
        f"{of_many}{best} {saying.further[1] if of_many else f'{saying.further[0]} than {second}'}"
    )


def lead(comparison: Comparison) -> str:
    """The headline's figures with their interval, and how far the click models agree."""
    name, metric = _main(comparison)
    saying, order = _SAYINGS[name], _ranking(comparison, metric)
    out = []
    if len(order) > 1:
        level = dict(
            zip(comparison.names, (v[metric].mean() for v in comparison.values), strict=True)
        )
        each = [f"{_figure(level[run], saying)} under {run}" for run in order]
        row = _paired(comparison, metric, *order[:2])
        between = "" if len(order) == 2 else f" between {order[0]} and {order[1]}"
        out.append(
            f"{metric} is {', '.join(each[:-1])} and {each[-1]}; the difference{between} is "
            f"{_amount(row, saying)}{_between(comparison, row, saying)}, paired over "
            f"{_users(comparison)} users."
        )
    pairs = [row for row in records(comparison.agreement) if row["kind"] == "beside"]
    if pairs:
        row = pairs[0]
        out.append(
            f"Asked about the same {row['exposures']:,.0f} exposures with the same luck, "
            f"{row['model']} and {row['other']} make the same decision in "
            f"{row['agreement']:.1%}{_kappa(row)}."
        )
    return " ".join(out)


def findings(comparison: Comparison) -> list[str]:
    """A sentence each: interest, rank and clicks with differences; agreement; failures."""
    out = []
    for name in _SAYINGS:
        metric = _last(comparison, name)
        if metric is not None:
            out.append(_levels(comparison, name, metric))
    pairs = records(comparison.agreement)
    told = [row for row in pairs if row["kind"] == "beside" or len(comparison.names) == 2]
    out += [_agreement(row) for row in told]
    return [*out, _failures(comparison)]


def _levels(comparison: Comparison, name: str, metric: str) -> str:
    """Each run's level, and in brackets how it differs from the first run's."""
    saying = _SAYINGS[name]
    table = comparison.levels[comparison.levels["metric"] == metric]
    clauses = []
    for place, level in enumerate(records(table)):
        after = saying.after if place == 0 else ""
        clause = f"{_figure(level['mean'], saying)}{after} under {level['run']}"
        row = _difference(comparison, metric, level["run"])
        if row is not None:
            clause += f" ({_size(row, saying)}{_between(comparison, row, saying)})"
        clauses.append(clause)
    return f"{_before(name, metric)} {'; '.join(clauses)}."


def _size(row: dict[str, Any], saying: _Saying) -> str:
    """How much a run differs from the first, such as "0.055 less"."""
    return f"{_amount(row, saying)} {'more' if row['difference'] > 0 else 'less'}"


def _amount(row: dict[str, Any], saying: _Saying) -> str:
    unit = " points" if saying.unit == "%" else ""
    return f"{number(abs(row['difference']) * saying.scale, saying.digits)}{unit}"


def _between(comparison: Comparison, row: dict[str, Any], saying: _Saying) -> str:
    """The interval of a difference, turned to the sign that `_size` speaks of."""
    if not math.isfinite(row["low"]):
        return ""
    sign = 1 if row["difference"] > 0 else -1
    low, high = sorted(sign * saying.scale * row[bound] for bound in ("low", "high"))
    text = (
        f", {comparison.level:.0%} interval {number(low, saying.digits)} to "
        f"{number(high, saying.digits)}"
    )
    return text if _tells(row) else f"{text}, so none that can be told"


def _agreement(row: dict[str, Any]) -> str:
    where = (
        f"On the {row['exposures']:,.0f} exposures of {row['run']}"
        if row["kind"] == "beside"
        else f"On the {row['exposures']:,.0f} exposures that {row['model']} and {row['other']} "
        "both made"
    )
    return (
        f"{where}, with the same draws, {row['model']} and {row['other']} make the same decision "
        f"in {row['agreement']:.1%}{_kappa(row)}; {row['model']} clicks {row['click_rate']:.1%}, "
        f"{row['other']} {row['click_rate_other']:.1%}."
    )


def _kappa(row: dict[str, Any]) -> str:
    return f" (Cohen's κ {number(row['kappa'], 2)})" if math.isfinite(row["kappa"]) else ""


def _failures(comparison: Comparison) -> str:
    if comparison.failures.empty:
        return "No decision failed."
    each = [
        f"{int(rows['count'].sum()):,} of {name}'s decisions ({rows['share'].sum():.2%}) failed"
        for name, rows in comparison.failures.groupby("run", sort=False)
    ]
    return f"{' and '.join(each)}; the declared fallback decided them."


def _main(comparison: Comparison) -> tuple[str, str]:
    """The metric of the headline: interest where it is known, else clicks."""
    for name in ("IoI", "HR"):
        metric = _last(comparison, name)
        if metric is not None:
            return name, metric
    raise AssertionError("every run has a hit rate")


def _last(comparison: Comparison, name: str) -> str | None:
    """The metric of a name with the largest P that every run has."""
    counts = comparison.levels["metric"].value_counts()
    whole = [
        str(metric)
        for metric, runs in counts.items()
        if str(metric).startswith(f"{name}@") and runs == len(comparison.names)
    ]
    return max(whole, key=_rounds, default=None)


def _before(name: str, metric: str) -> str:
    rounds = _rounds(metric)
    text = _SAYINGS[name].before.format(rounds, rounds)
    return text.replace("Within 1 rounds", "Within one round")


def _figure(value: float, saying: _Saying) -> str:
    return f"{number(value * saying.scale, saying.digits)}{saying.unit}"


def _rounds(metric: str) -> int:
    return int(metric.partition("@")[2])


def _users(comparison: Comparison) -> str:
    return f"{comparison.runs[0].episodes['user'].nunique():,}"


def _ranking(comparison: Comparison, metric: str) -> list[str]:
    """The runs, highest first."""
    level = [values[metric].mean() for values in comparison.values]
    return [comparison.names[k] for k in sorted(range(len(level)), key=lambda k: -level[k])]


def _paired(comparison: Comparison, metric: str, run: str, other: str) -> dict[str, Any]:
    """How one run differs from another, whichever is the first."""
    values, base = (comparison.values[comparison.names.index(r)][[metric]] for r in (run, other))
    return records(comparison.bootstrap.differences(values, base))[0]


def _difference(comparison: Comparison, metric: str, other: str) -> dict[str, Any] | None:
    table = comparison.differences
    rows = records(table[(table["metric"] == metric) & (table["run"] == other)])
    return rows[0] if rows else None


def _tells(row: dict[str, Any]) -> bool:
    """Whether the interval leaves zero out."""
    return bool(row["low"] > 0 or row["high"] < 0)
