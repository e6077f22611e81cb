"""Runs side by side: where users were led, the metrics, and whether the click models agree."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evals import plots
from evals.agreement import beside, flipped, on_shared_exposures
from evals.compare import Comparison
from evals.report.contents import Contents
from evals.report.section import Figures, Part, Section, Sheet, Words
from evals.tables import agreement_table, metric_table, number, position_table, records
from simulator.clicks.examination import EXAMINATION
from simulator.protocol import NudgingProtocol
from simulator.runlog import Run

EXAMPLES = 12
"""Flipped decisions shown."""

_PARTS = ("recommender", "clicks", "evolution")
_LONG_NUMBER = re.compile(r"\d+\.\d{5,}(e[+-]?\d+)?")
_EXAMINED = (
    " Where places of a slate may go unexamined, a probability is that of a click before it is "
    "known whether the user looked, and decisions differ also by who looked."
)


def facts(comparison: Comparison) -> list[str]:
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


def sections(contents: Contents) -> list[Section]:
    """Where users were led, the metrics, and whether the click models agree."""
    comparison = contents.runs
    if comparison is None:
        return []
    made = [_led(comparison), _metrics(comparison)]
    if len(comparison.agreement):
        made.append(_agreement(comparison))
    examples = _examples(comparison, contents.names)
    if examples is not None:
        made.append(
            Section(
                "flipped", "Decisions that flip", "", (Part("flipped", {"examples": examples}),)
            )
        )
    return made


def _led(comparison: Comparison) -> Section:
    known = set(comparison.curves["metric"])
    drawings = tuple(
        plots.curve(comparison.curves, metric, comparison.names, comparison.level)
        for metric in ("IoI", "IoR", "HR")
        if metric in known and comparison.rounds > 1
    )
    text = (
        f"Round by round, mean over users. Bands are {comparison.level:.0%} intervals from "
        "resampling users."
    )
    curves = (Words(text), Figures(drawings)) if drawings else ()
    return Section(
        "runs",
        "Where the users were led",
        "Runs",
        (Part("cards", {"cards": _cards(comparison)}), *curves),
        {"curves": comparison.curves},
    )


def _metrics(comparison: Comparison) -> Section:
    text = (
        f"± is half the {comparison.level:.0%} interval over users. Differences are paired user by "
        "user, with their interval in brackets; p is Holm-corrected over the whole table."
    )
    positions = position_table(comparison)
    by_position = (
        (
            Words(f"{positions.title}; position 0 is the top of the slate."),
            Sheet(positions, "positions", titled=False),
        )
        if positions.rows
        else ()
    )
    return Section(
        "metrics",
        "Metrics",
        "Metrics",
        (
            Words(text),
            Sheet(metric_table(comparison), "metrics", groups=True, titled=False),
            *by_position,
        ),
        {"metrics": comparison.levels, "metric-differences": comparison.differences},
    )


def _agreement(comparison: Comparison) -> Section:
    text = (
        "Both models answered the very same exposures with the same random draws, so a sampled "
        "decision differs only where the draw falls between their probabilities. Exposures shown "
        "in both runs may come after different histories."
    )
    if (comparison.sources["source"] == EXAMINATION).any():
        text += _EXAMINED
    return Section(
        "agreement",
        "Do the click models agree?",
        "Agreement",
        (
            Words(text),
            Sheet(agreement_table(comparison), "agreement", titled=False),
            Figures(tuple(_probabilities(comparison))),
        ),
        {"agreement": comparison.agreement},
    )


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
        series = place % plots.SERIES + 1
        cards.append({"name": name, "series": series, "figures": figures, "parts": _parts(run)})
    return cards


def _level(row: dict[str, Any]) -> tuple[str, str]:
    """A figure and its interval."""
    digits = 1 if row["metric"].startswith("IoR") else 3
    low, high = number(row["low"], digits), number(row["high"], digits)
    return number(row["mean"], digits), f"{low} to {high}"


def _parts(run: Run) -> list[tuple[str, str]]:
    """What the run was made of, as far as its configuration says."""
    config = run.manifest.get("config", {})
    parts = {name: str(config[name]) for name in _PARTS if config.get(name)}
    if isinstance(config.get("protocol"), Mapping):
        parts["protocol"] = NudgingProtocol.model_validate(config["protocol"]).describe()
    return [
        (name, _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.4g}", text))
        for name, text in parts.items()
    ]


def _probabilities(comparison: Comparison) -> list[plots.Drawing]:
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
