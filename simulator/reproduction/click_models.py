"""Figure 6: the same recommender before users who are a language model, and a distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from evals.metrics import failure_rate
from evals.tables import records
from evals.targets import estimate, paired_estimate, per_target, target_curves
from simulator.reproduction.captions import how_it_was_made, how_to_read
from simulator.reproduction.cells import with_interval
from simulator.reproduction.drawing import grid, legend, lines
from simulator.reproduction.exhibit import Exhibit, Sheet
from simulator.reproduction.method_figures import DIGITS
from simulator.reproduction.methods import Method
from simulator.reproduction.playing import Play, Player
from simulator.reproduction.settings import ReproductionSettings
from simulator.runlog import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLICKS = ("agent", "distribution")
"""Click models by `RunConfig`'s names."""

_GAP = "agent − distribution"
_FOUND = (
    "The paper finds its language model (ChatGLM3) ahead of the distribution in IoI and IoR on "
    "Last.fm and Douban.",
    "Both click models meet ITMPRec with the same targets and the same draws; their difference is "
    "paired by target.",
)

Key = tuple[str, str]
"""Protocol and click model."""


def figure6(settings: ReproductionSettings, player: Player) -> Exhibit:
    """The paper's figure 6: language-model against distribution clicks."""
    plays = {
        (protocol, clicks, seed): _play(settings, protocol, clicks, seed)
        for protocol in settings.protocols
        for clicks in CLICKS
        for seed in range(settings.seeds)
    }
    tables: dict[Key, list[pd.DataFrame]] = {}
    curves: dict[Key, list[Mapping[str, pd.DataFrame]]] = {}
    who, failed = "", 0.0
    for (protocol, clicks, _), (_, run) in zip(
        plays, player.runs(list(plays.values())), strict=True
    ):
        tables.setdefault((protocol, clicks), []).append(per_target(run))
        curves.setdefault((protocol, clicks), []).append(target_curves(run))
        if clicks == "agent":
            who = _model(run)
            failed = max(failed, float(failure_rate(run).mean()))
    numbers, over_rounds = _numbers(tables), _curve_numbers(curves)
    sheet = _sheet(f"Click models on {player.data.name}, ITMPRec", numbers)
    told = f"{who} or the distribution model ({settings.distribution})"
    return Exhibit(
        name="figure6",
        caption=(
            *_FOUND,
            *how_it_was_made(settings, player.data, clicks=told),
            f"At most {failed:.1%} of the agent's decisions failed in a run; the distribution "
            "model decided these.",
            *how_to_read(settings, printed=False),
        ),
        summary=sheet,
        sheets=(sheet,),
        numbers={"figure6": over_rounds, "figure6-last": numbers},
        figures={"figure6": _draw(over_rounds)},
    )


def _play(settings: ReproductionSettings, protocol: str, clicks: str, seed: int) -> Play:
    """One run; with the distribution it is table 4's."""
    name = f"itmprec-agent-seed{seed}" if clicks == "agent" else f"itmprec-seed{seed}"
    changed = {"clicks": clicks} if clicks == "agent" else {}
    return Play(
        settings.folder / protocol / name,
        settings.config(Method("itmprec"), protocol, seed, changed),
        f"{protocol} · {name}",
    )


def _model(run: Run) -> str:
    """The language model as the manifest has it."""
    facts: Mapping[str, Any] = run.manifest["config"].get("agent", {})
    return f"the agent ({facts.get('model', 'unnamed')})"


def _numbers(tables: Mapping[Key, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """After the last round: each click model's figures, and the paired difference."""
    rows = []
    for protocol in dict.fromkeys(protocol for protocol, _ in tables):
        agent, distribution = (tables[protocol, clicks] for clicks in CLICKS)
        for name, estimates in {
            CLICKS[0]: estimate(agent),
            CLICKS[1]: estimate(distribution),
            _GAP: paired_estimate(agent, distribution),
        }.items():
            for figure, row in zip(estimates.index, records(estimates), strict=True):
                metric, _, p = str(figure).partition("@")
                rows.append(
                    {"protocol": protocol, "clicks": name, "metric": metric, "P": int(p), **row}
                )
    return pd.DataFrame(rows)


def _curve_numbers(curves: Mapping[Key, Sequence[Mapping[str, pd.DataFrame]]]) -> pd.DataFrame:
    """Every round's figure."""
    rows = []
    for (protocol, clicks), seeds in curves.items():
        for metric in seeds[0]:
            estimates = estimate([frames[metric] for frames in seeds])
            for p, row in zip(estimates.index, records(estimates), strict=True):
                rows.append(
                    {"protocol": protocol, "clicks": clicks, "metric": metric, "P": p, **row}
                )
    return pd.DataFrame(rows)


def _sheet(title: str, numbers: pd.DataFrame) -> Sheet:
    rows: dict[Key, dict[str, str]] = {}
    last = numbers["P"].max()
    for row in records(numbers[numbers["P"] == last]):
        digits = DIGITS[row["metric"]]
        gap = row["clicks"] == _GAP
        text = with_interval(row["mean"], row["low"], row["high"], digits, signed=gap)
        rows.setdefault((row["protocol"], row["clicks"]), {})[f"{row['metric']}@{last}"] = text
    index = pd.MultiIndex.from_tuples(list(rows), names=["protocol", "clicks"])
    return Sheet(title, pd.DataFrame(list(rows.values()), index=index))


def _draw(numbers: pd.DataFrame) -> Figure:
    protocols = list(dict.fromkeys(numbers["protocol"]))
    metrics = list(dict.fromkeys(numbers["metric"]))
    figure, panels = grid(len(protocols), len(metrics))
    for row, protocol in zip(panels, protocols, strict=True):
        for axes, metric in zip(row, metrics, strict=True):
            here = (numbers["protocol"] == protocol) & (numbers["metric"] == metric)
            lines(axes, numbers[here].rename(columns={"clicks": "series"}), "P")
            axes.set(title=f"{protocol}: {metric}@P", xlabel="P, rounds")
    legend(panels[0][0])
    return figure
