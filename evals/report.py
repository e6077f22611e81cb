"""A comparison as one HTML file that needs no network: to read, to print, to put into a talk."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evals import plots
from evals.agreement import beside, flipped, on_shared_exposures
from evals.compare import Comparison
from evals.tables import (
    agreement_table,
    cost_table,
    decision_table,
    metric_table,
    number,
    position_table,
    records,
)
from evals.wording import findings, headline, lead
from simulator.clicks.examination import EXAMINATION
from simulator.files import write_text
from simulator.runlog import Run

_LONG_NUMBER = re.compile(r"\d+\.\d{5,}(e[+-]?\d+)?")

EXAMPLES = 12
"""Flipped decisions shown."""


def write_report(
    comparison: Comparison, path: Path | str, titles: Sequence[str] | None = None
) -> Path:
    """Write the report.

    Args:
        comparison: What to report.
        path: The HTML file; its folder is made where it is missing.
        titles: The catalogue's titles by row, so that examples name what was shown.

    Returns:
        The file's path.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, render_report(comparison, titles))
    return target


def render_report(comparison: Comparison, titles: Sequence[str] | None = None) -> str:
    """The report's HTML; the same text each time for the same comparison."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("evals"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("report.html.j2").render(
        headline=headline(comparison),
        lead=lead(comparison),
        findings=findings(comparison),
        cautions=comparison.cautions,
        facts=_facts(comparison),
        cards=_cards(comparison),
        curves=[Markup(svg) for svg in _curves(comparison)],
        metrics=metric_table(comparison),
        positions=position_table(comparison),
        agreement=agreement_table(comparison),
        examined=(comparison.sources["source"] == EXAMINATION).any(),
        probabilities=[Markup(svg) for svg in _probabilities(comparison)],
        examples=_examples(comparison, titles),
        decisions=decision_table(comparison),
        cost=cost_table(comparison),
        level=f"{comparison.level:.0%}",
        manifests=[
            (name, json.dumps(run.manifest, indent=2, ensure_ascii=False, default=str))
            for name, run in zip(comparison.names, comparison.runs, strict=True)
        ],
        version=_version(),
    )
    return str(text)


def _facts(comparison: Comparison) -> list[str]:
    """What all runs have in common, in a few words each."""
    run = comparison.runs[0]
    config = run.manifest.get("config", {})
    users, targets = run.episodes["user"].nunique(), (run.episodes["target"] >= 0)
    n_targets = int(run.episodes["target"][targets].nunique())
    known = [
        str(config["data"]) if "data" in config else "",
        f"{users:,} user{'s' * (users != 1)}",
        f"{n_targets} target{'s' * (n_targets != 1)}" if n_targets else "",
        f"{comparison.rounds} round{'s' * (comparison.rounds != 1)}",
        f"seed {config['seed']}" if "seed" in config else "",
    ]
    return [fact for fact in known if fact]


def _cards(comparison: Comparison) -> list[dict[str, Any]]:
    """For each run its colour, what it was, and its figures after the last measured round."""
    cards = []
    for place, (name, run) in enumerate(zip(comparison.names, comparison.runs, strict=True)):
        rows = records(comparison.levels[comparison.levels["run"] == name])
        last = {row["metric"].partition("@")[0]: row for row in rows if "@" in row["metric"]}
        figures = [
            (row["metric"], _level(row), meaning)
            for metric, meaning in (
                ("IoI", "closer to the target"),
                ("IoR", "places climbed"),
                ("HR", "of exposures clicked"),
            )
            if (row := last.get(metric)) is not None
        ]
        cards.append(
            {
                "name": name,
                "series": place % plots.SERIES + 1,
                "figures": figures,
                "parts": _parts(run),
            }
        )
    return cards


def _level(row: dict[str, Any]) -> tuple[str, str]:
    """A figure and its interval."""
    digits = 1 if row["metric"].startswith("IoR") else 3
    low, high = number(row["low"], digits), number(row["high"], digits)
    return number(row["mean"], digits), f"{low} to {high}"


def _parts(run: Run) -> list[tuple[str, str]]:
    """What the run was made of, as far as its configuration says."""
    config = run.manifest.get("config", {})
    names = ("recommender", "clicks", "evolution", "protocol")
    return [
        (name, _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.4g}", str(config[name])))
        for name in names
        if config.get(name)
    ]


def _curves(comparison: Comparison) -> list[str]:
    known = set(comparison.curves["metric"])
    return [
        plots.curve(comparison.curves, metric, comparison.names, comparison.level)
        for metric in ("IoI", "IoR", "HR")
        if metric in known and comparison.rounds > 1
    ]


def _probabilities(comparison: Comparison) -> list[str]:
    """Plots of the first pair of models that gave probabilities for the same exposures."""
    for row in records(comparison.agreement):
        decisions = _pair(comparison, row)
        both = decisions[["probability", "probability_other"]].dropna().to_numpy(dtype=float)
        if len(both):
            return plots.probabilities(both[:, 0], both[:, 1], row["model"], row["other"])
    return []


def _pair(comparison: Comparison, row: dict[str, Any]) -> pd.DataFrame:
    """The decisions behind a row of the agreement table."""
    run = comparison.runs[comparison.names.index(row["run"])]
    if row["kind"] == "beside":
        return beside(run, row["other"])
    return on_shared_exposures(run, comparison.runs[comparison.names.index(row["other"])])


def _examples(comparison: Comparison, titles: Sequence[str] | None) -> dict[str, Any] | None:
    """Flipped decisions of the first run that asked another model beside."""
    for row in records(comparison.agreement):
        if row["kind"] != "beside":
            continue
        run = comparison.runs[comparison.names.index(row["run"])]
        # An item shown to a user for several targets would fill the table: one row an item.
        table = flipped(run, row["other"], 100 * EXAMPLES, titles)
        table = table.drop_duplicates("item").head(EXAMPLES)
        if len(table):
            return {
                "run": row["run"],
                "model": row["model"],
                "other": row["other"],
                "rows": records(table),
                "titled": titles is not None,
                "reasons": bool((table["reason"].astype(str) != "").any()),
            }
    return None


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("nudgesim")
    except metadata.PackageNotFoundError:
        return ""
