"""What the lab found, as tables of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evals.tables import Table, number, records
from simulator.lab.evaluation import Evaluation
from simulator.lab.racing import Race
from simulator.lab.spread import Spread


def evaluation_table(evaluation: Evaluation) -> Table:
    """A row a variant, best log-loss first; what could not be judged stands last, with its why."""
    incumbent = evaluation.incumbent
    columns = (
        "prompt",
        "AUC",
        "Δ AUC",
        "log-loss",
        "Δ log-loss",
        "p",
        "calibration",
        "clicks",
        "tokens",
        "new",
        "ms",
        "failed",
    )
    rows = []
    for row in records(evaluation.board().reset_index(names="variant")):
        name = str(row["variant"])
        gaps = ("incumbent", "", "") if name == incumbent else _gaps(row)
        rows.append(
            (
                name,
                _level(row, "auc"),
                gaps[0],
                _level(row, "log_loss"),
                *gaps[1:],
                _level(row, "calibration_error"),
                _level(row, "click_rate_ratio", 2),
                number(_value(row, "tokens"), 0),
                number(_value(row, "new_tokens"), 0),
                number(1000 * _value(row, "seconds"), 1),
                f"{_value(row, 'failures'):.0f}",
            )
        )
    log = evaluation.log
    title = (
        f"{evaluation.data}, {evaluation.split} users: {len(log):,} exposures of {log.n_users:,} "
        f"users, asked of {evaluation.model} (±, [ ]: 95% intervals over users; Δ to "
        f"{incumbent}; p: of Δ log-loss, Holm-corrected; clicks: expected over logged)"
    )
    return Table(title, columns, tuple(rows))


def board_table(board: pd.DataFrame) -> Table:
    """The lab book's rows, as `Book.board` gives them; what all share is in the title."""
    rows = records(board.reset_index())
    cells = [_board_cells(row) for row in rows]
    shared = [
        name for name in _SHAREABLE if len({cell[name] for cell in cells}) == 1 and len(cells) > 1
    ]
    columns = [name for name in cells[0] if name not in shared] if cells else ["#"]
    title = ", ".join(["Lab book", *(f"{name} {cells[0][name]}" for name in shared)])
    return Table(
        title,
        tuple(columns),
        tuple(tuple(cell[name] for name in columns) for cell in cells),
        names=columns.index("AUC") if cells else 1,
    )


_SHAREABLE = ("model", "data", "split", "exposures")


def _board_cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "#": f"#{row['number']}",
        "prompt": f"{row['prompt']} v{row['version']}",
        "variant": str(row["variant"]),
        "sha256": str(row["template_sha256"])[:8],
        "examples": str(row["examples"]),
        "model": str(row["model"]),
        "data": str(row["data"]),
        "split": str(row["split"]),
        "exposures": f"{row['exposures']:,}",
        "AUC": _level(row, "auc"),
        "log-loss": _level(row, "log_loss"),
        "Δ log-loss": _gaps(row)[1],
        "Δ to": "" if row["against"] == row["number"] else f"#{row['against']:.0f}",
        "calibration": number(_value(row, "calibration_error"), 3),
        "clicks": number(_value(row, "click_rate_ratio"), 2),
        "tokens": number(_value(row, "tokens"), 0),
        "failed": "refused" if row["refused"] else number(_value(row, "failures"), 0),
        "made": str(row["made"])[:16].replace("T", " "),
    }


def race_table(race: Race) -> Table:
    """A row a rung."""
    rows = [
        (
            f"{rung.exposures:,}",
            str(len(rung.contenders)),
            str(len(rung.kept)),
            str(rung.doubtful),
            f"{rung.asked:,}",
            f"{rung.from_cache:,}",
            f"{rung.prompt_tokens:,}",
            f"{rung.computed_tokens:,}",
            f"{rung.seconds:.1f}",
        )
        for rung in race.rungs
    ]
    columns = (
        "exposures",
        "variants",
        "kept",
        "dropped in doubt",
        "asked",
        "from cache",
        "prompt tokens",
        "computed",
        "engine s",
    )
    title = (
        f"Race by {race.measure.replace('_', '-')}: {race.tokens:,.0f} prompt tokens, where a full "
        f"sweep takes {race.tokens_of_full_sweep:,.0f}; {race.saving:.0%} saved"
    )
    return Table(title, columns, tuple(rows))


def spread_table(spread: Spread) -> Table:
    """A row a measure: the prompt's own value, and how far rewording moves it."""
    rows = [
        (
            measure.replace("_", "-").replace("auc", "AUC"),
            number(moved.value, 4),
            number(moved.deviation, 4),
            f"{number(moved.lowest, 4)} to {number(moved.highest, 4)}",
        )
        for measure, moved in spread.moved.items()
    ]
    title = f"Spread of {spread.prompt} over {spread.judged} ways of saying the same"
    return Table(title, ("measure", "as is", "standard deviation", "range"), tuple(rows))


def segment_table(segments: pd.DataFrame, title: str) -> Table:
    """Where a prompt is wrong, a row a segment, as of `browser.by_segment`."""
    rows = [
        (
            str(row["kind"]),
            str(row["segment"]),
            *(number(_value(row, m), 3) for m in SEGMENT_MEASURES),
            f"{_value(row, 'exposures'):,.0f}",
            f"{_value(row, 'users'):,.0f}",
            str(row["note"]),
        )
        for row in records(segments)
    ]
    names = tuple(m.replace("_", " ") for m in SEGMENT_MEASURES)
    return Table(title, ("kind", "segment", *names, "exposures", "users", "note"), tuple(rows), 2)


SEGMENT_MEASURES = ("log_loss", "calibration_error", "click_rate", "expected_click_rate", "auc")


def refusals(refused: Mapping[str, str]) -> Sequence[str]:
    """Why variants could not be judged, in sentences; those with one reason together."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in refused.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"Not judged: {', '.join(names)}. {why}" for why, names in by_reason.items()]


def _level(row: Mapping[str, Any], measure: str, digits: int = 3) -> str:
    value = _value(row, measure)
    half = (_value(row, f"{measure}_high") - _value(row, f"{measure}_low")) / 2
    text = number(value, digits)
    return f"{text} ± {number(half, digits)}" if math.isfinite(half) else text


def _gaps(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """The differences in AUC and log-loss with intervals, and the latter's p-value."""
    out = []
    for measure in ("auc", "log_loss"):
        low, high = (_value(row, f"{measure}_difference_{end}") for end in ("low", "high"))
        gap = number(_value(row, f"{measure}_difference"), 4, signed=True)
        whole = math.isfinite(low)
        out.append(f"{gap} [{number(low, 4)}, {number(high, 4)}]" if whole else gap)
    p = _value(row, "log_loss_p")
    return out[0], out[1], "<0.001" if p < 0.001 else number(p, 3)


def _value(row: Mapping[str, Any], name: str) -> float:
    value = row.get(name)
    return math.nan if value is None else float(value)
