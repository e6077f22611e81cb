"""Axis one: click models against logged users."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evals import plots
from evals.judgement import Judgement
from evals.report.contents import Contents
from evals.report.pivots import cell, pivot
from evals.report.section import Block, Figures, Section, Sheet, Words, cautions
from evals.tables import Table, number, records
from evals.wording.listing import listed

NAMES = {
    "auc": "AUC",
    "user_auc": "AUC by user",
    "pr_auc": "PR-AUC",
    "log_loss": "log-loss",
    "brier": "Brier",
    "calibration_error": "calibration error",
    "click_rate_ratio": "clicks, expected / logged",
    "kappa": "κ at the logged rate",
    "f1": "F1 at the logged rate",
    "total_variation": "total variation",
    "jensen_shannon": "Jensen-Shannon",
    "possible_auc": "best possible AUC",
    "auc_reached": "share of the way to it",
    "truth_gap": "gap to the true P",
    "click_rate": "click rate",
    "expected_click_rate": "expected click rate",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
}
"""What measures are called."""

_DRAWN = {
    "auc": ("higher is better", None),
    "user_auc": ("higher is better", None),
    "log_loss": ("lower is better", None),
    "calibration_error": ("lower is better", None),
    "click_rate_ratio": ("1 is right", 1.0),
    "kappa": ("higher is better", None),
}
_OF_TRUTH = ("possible_auc", "auc_reached", "truth_gap")
_COMPARED = ("auc", "log_loss", "calibration_error", "brier", "user_auc")
_MAPPED = ("click_rate_ratio", "calibration_error", "auc")
_MOST_SEGMENTS = 12


def section(contents: Contents) -> Section | None:
    """The models' measures, calibration, segments and alignment; None without a judgement."""
    judgement = contents.judgement
    if judgement is None:
        return None
    level = f"{judgement.bootstrap.level:.0%}"
    return Section(
        "click-models",
        "How true is each click model?",
        "Click models",
        (
            Words(_log(judgement, contents.baselines, level)),
            *cautions(judgement.cautions),
            Figures((_dots(judgement),)),
            *_measures(judgement),
            *_differences(judgement),
            Words("Calibration", "heading"),
            Words(
                "Of what a model gave probability p, what share did users click? A dot is a bin of "
                "exposures, the larger the more of them; on the dashed line a model is calibrated, "
                "below it the model expects more clicks than there were."
            ),
            Figures(
                (
                    plots.reliability(
                        judgement.calibration, judgement.models, judgement.bootstrap.level
                    ),
                )
            ),
            *_segments(judgement),
            *_alignment(judgement),
        ),
        {
            "measures": judgement.measures,
            "differences": judgement.differences,
            "calibration": judgement.calibration,
            "segments": judgement.segments,
            "alignment": judgement.alignment,
            "failures": judgement.failures,
        },
    )


def _log(judgement: Judgement, baselines: Sequence[str], level: str) -> str:
    log = judgement.log
    text = (
        f"Every model answered the same {len(log):,} logged exposures of {log.n_users:,} users "
        f"with the same draws; {log.clicked.mean():.1%} were clicked. {log.rule} Intervals are "
        f"{level}, from resampling users with all their exposures."
    )
    if baselines:
        text += f" Baselines, which anything better must beat: {listed(list(baselines))}."
    return text


def _dots(judgement: Judgement) -> plots.Drawing:
    table = judgement.measures.rename(columns={"model": "row"}).assign(series="")
    known = table[table["value"].notna()]["measure"].unique()
    shown = [
        plots.Panel(NAMES[measure], table[table["measure"] == measure], reference, axis)
        for measure, (axis, reference) in _DRAWN.items()
        if measure in known
    ]
    told = f"Measures with intervals, a row each for {listed(judgement.models)}"
    return plots.dots("measures", shown, judgement.models, told, one_hue=False)


def _measures(judgement: Judgement) -> tuple[Sheet, ...]:
    """The measures, a row a model, in tables of what belongs together."""
    present = [str(m) for m in judgement.measures["measure"].unique()]
    spread = [m for m in present if ":" in m]
    truth = [m for m in _OF_TRUTH if m in present]
    usual = [m for m in present if m not in spread and m not in truth]
    made = (
        ("measures", "Against logged users", usual),
        ("truth", "Against the true probability of a click", truth),
        ("spread", "How clicks spread over segments: distance of expected from logged", spread),
    )
    return tuple(
        Sheet(_measure_table(judgement, title, chosen), name, folded=name == "spread")
        for name, title, chosen in made
        if chosen
    )


def _measure_table(judgement: Judgement, title: str, measures: Sequence[str]) -> Table:
    names = {m: _called(m) for m in measures}
    keys = ("model", judgement.models), ("measure", measures)
    table = pivot(title, judgement.measures, *keys, names=names)
    first = judgement.measures.drop_duplicates("measure").set_index("measure")
    users = ("users behind it", *(f"{first.loc[m]['users']:,.0f}" for m in measures))
    return Table(title, table.columns, (*table.rows, users))


def _called(measure: str) -> str:
    name, _, kind = measure.partition(":")
    return f"{NAMES.get(name, name)}{f', {kind}' if kind else ''}"


def _differences(judgement: Judgement) -> tuple[Block, ...]:
    """Differences to each base, a table a measure; those of the first measure unfolded."""
    table = judgement.differences
    bases = [str(base) for base in table["base"].unique()]
    sheets: list[Sheet] = []
    for measure in (m for m in _COMPARED if (table["measure"] == m).any()):
        found = {(r["model"], r["base"]): r for r in records(table[table["measure"] == measure])}
        rows = tuple(
            (model, *(_difference(found.get((model, base))) for base in bases))
            for model in judgement.models
            if any((model, base) in found for base in bases)
        )
        title = f"{_called(measure)}: each model less each baseline (* p < 0.05, Holm-corrected)"
        columns = ("model", *(f"− {base}" for base in bases))
        name = f"differences-{measure.replace('_', '-')}"
        sheets.append(Sheet(Table(title, columns, rows), name, folded=bool(sheets)))
    if not sheets:
        return ()
    text = (
        "Differences are paired user by user. With a star they can be told from zero after "
        "correction for all that were looked at."
    )
    return Words("Does it beat the baselines?", "heading"), Words(text), *sheets


def _difference(row: dict[str, Any] | None) -> str:
    text = cell(row, "difference", 3, signed=True)
    return text.replace(" [", "* [") if row is not None and row["p_corrected"] < 0.05 else text


def _segments(judgement: Judgement) -> tuple[Block, ...]:
    table = judgement.segments
    if table.empty:
        return ()
    drawings = []
    for measure in _MAPPED:
        grids = [
            grid
            for kind, rows in table[table["measure"] == measure].groupby("kind", sort=False)
            if (grid := _grid(str(kind), rows, judgement.models, measure)) is not None
        ]
        if grids:
            told = f"{NAMES[measure]} by segment for {listed(judgement.models)}"
            name = f"segments-{measure.replace('_', '-')}"
            drawings.append((measure, plots.cells(name, grids, told)))
    blocks: list[Block] = [
        Words("Segment by segment", "heading"),
        Words(
            "Where does a model err? Hatched cells rest on too few exposures, users or clicks to "
            "tell, and nothing is averaged over them."
        ),
    ]
    explained = {
        "click_rate_ratio": "Expected over logged clicks: blue where a model expects too many, "
        "orange where too few; at full shade twice or half.",
        "calibration_error": "Calibration error; at full shade 0.2 or more.",
        "auc": "AUC: blue above one half, orange below, where the order is turned round.",
    }
    for measure, drawing in drawings:
        blocks += [Words(explained[measure]), Figures((drawing,))]
    notes = table[table["note"].astype(str) != ""].drop_duplicates(["kind", "segment", "note"])
    rows = tuple(
        (str(r["kind"]), str(r["segment"]), str(r["note"]), f"{r['exposures']:,.0f}")
        for r in records(notes)
    )
    if rows:
        sheet = Table(
            "Segments too small to tell", ("kind", "segment", "why", "exposures"), rows, 3
        )
        blocks.append(Sheet(sheet, "small-segments", folded=True))
    return tuple(blocks)


def _grid(kind: str, rows: pd.DataFrame, models: Sequence[str], measure: str) -> plots.Grid | None:
    sizes = rows.groupby("segment", sort=False)["exposures"].max()
    names = list(sizes.index)
    title = kind
    if len(names) > _MOST_SEGMENTS:
        largest = set(sizes.sort_values(ascending=False, kind="stable").index[:_MOST_SEGMENTS])
        title = f"{kind} (the {_MOST_SEGMENTS} largest of {len(names)})"
        names = [name for name in names if name in largest]
    wide = rows.pivot(index="model", columns="segment", values="value")
    values = wide.reindex(index=list(models), columns=names).to_numpy(dtype=float)
    if not np.isfinite(values).any():
        return None
    texts = [[number(v, 2) if math.isfinite(v) else "" for v in row] for row in values]
    return plots.Grid(
        title, models, [str(n) for n in names], values, _shades(values, measure), texts
    )


def _shades(values: Any, measure: str) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        if measure == "click_rate_ratio":
            return np.clip(np.log2(values), -1, 1)
        if measure == "calibration_error":
            return -np.clip(values / 0.2, 0, 1)
        return np.clip((values - 0.5) / 0.35, -1, 1)


def _alignment(judgement: Judgement) -> tuple[Block, ...]:
    table = judgement.alignment
    if table.empty:
        return ()
    keyed = table.assign(key=table["ratio"].astype(str) + " " + table["measure"].astype(str))
    keys = [str(key) for key in keyed["key"].unique()]
    sheet = pivot("Agent4Rec's alignment", keyed, ("model", judgement.models), ("key", keys))
    return (
        Words("Agent4Rec's alignment protocol", "heading"),
        Words(
            "Each user is shown clicked and not-clicked items at 1:1, 1:3 and 1:9; a model says "
            "which it would click. Accuracy alone flatters who never clicks."
        ),
        Sheet(sheet, "alignment"),
    )
