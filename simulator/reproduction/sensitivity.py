"""Figure 4: how much Q of TIAC and the number of intentions matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from evals.tables import records
from evals.targets import estimate, per_target
from simulator.config import NudgeConfig
from simulator.reproduction.captions import how_it_was_made, how_to_read
from simulator.reproduction.cells import with_interval
from simulator.reproduction.drawing import grid, legend, lines
from simulator.reproduction.exhibit import Exhibit, Sheet
from simulator.reproduction.method_figures import DIGITS
from simulator.reproduction.methods import Method
from simulator.reproduction.playing import Play, Player
from simulator.reproduction.settings import ReproductionSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SWEEPS: Mapping[str, Sequence[int]] = {
    "arousal_items": (1, 5, 10, 20, 50),
    "intentions": (8, 16, 32, 64, 128),
}
"""Fields of `NudgeConfig`, and the values tried."""

_AXES = {"arousal_items": "Q, items of TIAC", "intentions": "number of intentions"}
_WORDS = (
    "The paper finds a small Q (5 to 10) best on ML-100k and Last.fm, a larger one on Steam and "
    "Douban; few intentions (about 32) on the small sets, more on the large.",
    "While one setting varies, the other keeps its default.",
)


def figure4(settings: ReproductionSettings, player: Player) -> Exhibit:
    """The paper's figure 4: ITMPRec with other Q and other numbers of intentions."""
    plays = {
        (protocol, field, value, seed): _play(settings, protocol, field, value, seed)
        for protocol in settings.protocols
        for field, values in SWEEPS.items()
        for value in values
        for seed in range(settings.seeds)
    }
    # The defaults stand in both sweeps and are one run.
    distinct = {play.folder: play for play in plays.values()}
    measured = {play.folder: per_target(run) for play, run in player.runs(list(distinct.values()))}
    tables: dict[tuple[str, str, int], list[pd.DataFrame]] = {}
    for (protocol, field, value, _), play in plays.items():
        tables.setdefault((protocol, field, value), []).append(measured[play.folder])
    numbers = _numbers(tables)
    title = f"Sensitivity of ITMPRec on {player.data.name}"
    sheet = _sheet(title, numbers)
    return Exhibit(
        name="figure4",
        caption=(
            *_WORDS,
            *how_it_was_made(settings, player.data),
            *how_to_read(settings, printed=False),
        ),
        summary=sheet,
        sheets=(sheet,),
        numbers={"figure4": numbers},
        figures={f"figure4-{field}": _draw(numbers, field) for field in SWEEPS},
    )


def _play(settings: ReproductionSettings, protocol: str, field: str, value: int, seed: int) -> Play:
    """One run; with a default value it is table 4's."""
    default = value == getattr(NudgeConfig(), field)
    name = f"itmprec{'' if default else f'-{field}{value}'}-seed{seed}"
    changed = {} if default else {f"nudge.{field}": value}
    return Play(
        settings.folder / protocol / name,
        settings.config(Method("itmprec"), protocol, seed, changed),
        f"{protocol} · {name}",
    )


def _numbers(tables: Mapping[tuple[str, str, int], Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """One row a protocol, setting, value and metric, after the last round."""
    rows = []
    for (protocol, field, value), found in tables.items():
        figures = estimate(found)
        last = max(int(str(name).partition("@")[2]) for name in figures.index)
        for metric in (m for m in DIGITS if f"{m}@{last}" in figures.index):
            row = records(figures.loc[[f"{metric}@{last}"]])[0]
            bounds = {key: row[key] for key in ("mean", "se", "low", "high")}
            rows.append(
                {
                    "protocol": protocol, "setting": field, "value": value,
                    "metric": metric, "P": last, **bounds,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _sheet(title: str, numbers: pd.DataFrame) -> Sheet:
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in records(numbers):
        digits = DIGITS[row["metric"]]
        text = with_interval(row["mean"], row["low"], row["high"], digits)
        name = f"{_AXES[row['setting']].partition(',')[0]} = {row['value']}"
        rows.setdefault((row["protocol"], name), {})[f"{row['metric']}@{row['P']}"] = text
    cells = pd.DataFrame.from_dict(rows, orient="index")
    cells.index = pd.MultiIndex.from_tuples(list(rows), names=["protocol", "setting"])
    return Sheet(title, cells)


def _draw(numbers: pd.DataFrame, field: str) -> Figure:
    metrics = list(dict.fromkeys(numbers["metric"]))
    figure, panels = grid(1, len(metrics))
    for axes, metric in zip(panels[0], metrics, strict=True):
        rows = numbers[(numbers["setting"] == field) & (numbers["metric"] == metric)]
        lines(axes, rows.rename(columns={"protocol": "series"}), "value", log=True)
        axes.set(title=f"{metric}@{rows['P'].iloc[0]}", xlabel=_AXES[field])
    legend(panels[0][0])
    return figure
