"""Figure 8: which intention users are nearest to, round by round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evals.tables import records
from evals.targets import estimate
from evals.trajectories import preferences
from recommender.nudge import Intentions
from simulator.domain import IntArray
from simulator.reproduction.captions import how_it_was_made, how_to_read
from simulator.reproduction.cells import with_interval
from simulator.reproduction.drawing import areas, grid, legend, lines
from simulator.reproduction.exhibit import Exhibit, Sheet
from simulator.reproduction.method_tables import method_plays
from simulator.reproduction.methods import Method
from simulator.reproduction.playing import Player
from simulator.reproduction.settings import ReproductionSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METHODS = ("itmprec", "ipg")
_NAMED = 6
"""Intentions that the areas tell apart; the others are one area."""

_READ = (
    "An intention is the nearest of the k-means prototypes of the vectors in which users live, "
    "whatever prototypes a protocol's ITMPRec works with; a user's vector after each round is "
    "computed anew from the run's log.",
    "Areas: of the first target's users, seed 0, under the first method; * is the target's own "
    "intention.",
)


def figure8(settings: ReproductionSettings, player: Player) -> Exhibit:
    """The paper's figure 8: users' intentions over rounds."""
    methods = [Method.named(name) for name in settings.methods or _METHODS]
    plays = method_plays(settings, methods)
    arrived: dict[tuple[str, str], list[pd.DataFrame]] = {}
    shares = []
    for (protocol, method, seed), (play, run) in zip(
        plays, player.runs(list(plays.values())), strict=True
    ):
        vectors = player.world(play.config).vectors
        intentions = Intentions.fit(
            vectors.item,
            vectors.user,
            n_intentions=min(play.config.nudge.intentions, len(vectors.item)),
            seed=seed,
        )
        nearest = [intentions.nearest(step) for step in preferences(run, vectors)]
        target = run.episodes["target"].to_numpy()
        wanted = intentions.nearest(vectors.item[target])
        there = pd.DataFrame({step: near == wanted for step, near in enumerate(nearest)})
        by_target = there.astype(float).groupby(target, sort=False).mean().rename_axis("target")
        arrived.setdefault((protocol, method.label), []).append(by_target)
        if seed == 0 and method == methods[0]:
            first = target == target[0]
            table = _shares([near[first] for near in nearest], int(wanted[0]))
            shares.append(table.assign(protocol=protocol, method=method.label))
    numbers = _numbers(arrived)
    parts = pd.concat(shares, ignore_index=True)
    sheet = _sheet(f"Share of users nearest to the target's intention, {player.data.name}", numbers)
    return Exhibit(
        name="figure8",
        caption=(
            *_READ,
            *how_it_was_made(settings, player.data),
            *how_to_read(settings, printed=False),
        ),
        summary=sheet,
        sheets=(sheet,),
        numbers={"figure8": numbers, "figure8-shares": parts},
        figures={"figure8": _draw(numbers, parts)},
    )


def _shares(nearest: list[IntArray], wanted: int) -> pd.DataFrame:
    """Share of users at each intention in each round: intention, round, share."""
    size = 1 + max(wanted, *(int(near.max()) for near in nearest))
    counts = np.stack([np.bincount(near, minlength=size) for near in nearest])
    most = [int(k) for k in np.argsort(-counts.sum(axis=0), kind="stable") if k != wanted]
    named = [wanted, *most[: _NAMED - 1]]
    columns = {f"{k}{'*' if k == wanted else ''}": counts[:, k] for k in named}
    columns["others"] = counts.sum(axis=1) - counts[:, named].sum(axis=1)
    table = pd.DataFrame(columns, index=pd.RangeIndex(len(nearest), name="round"))
    shares = table.div(table.sum(axis=1), axis=0)
    return shares.reset_index().melt("round", var_name="intention", value_name="share")


def _numbers(arrived: dict[tuple[str, str], list[pd.DataFrame]]) -> pd.DataFrame:
    rows = []
    for (protocol, method), tables in arrived.items():
        estimates = estimate(tables)
        for step, row in zip(estimates.index, records(estimates), strict=True):
            rows.append({"protocol": protocol, "method": method, "round": step, **row})
    return pd.DataFrame(rows)


def _sheet(title: str, numbers: pd.DataFrame) -> Sheet:
    last = int(numbers["round"].max())
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in records(numbers[numbers["round"].isin([*range(0, last, 5), last])]):
        text = with_interval(row["mean"], row["low"], row["high"], 3)
        key = (row["protocol"], row["method"])
        rows.setdefault(key, {})[f"round {row['round']}"] = text
    index = pd.MultiIndex.from_tuples(list(rows), names=["protocol", "method"])
    return Sheet(title, pd.DataFrame(list(rows.values()), index=index))


def _draw(numbers: pd.DataFrame, parts: pd.DataFrame) -> Figure:
    protocols = list(dict.fromkeys(numbers["protocol"]))
    figure, panels = grid(2, len(protocols))
    for place, protocol in enumerate(protocols):
        upper, lower = panels[0][place], panels[1][place]
        here = numbers[numbers["protocol"] == protocol]
        lines(upper, here.rename(columns={"method": "series"}), "round")
        upper.set(title=protocol, xlabel="round", ylabel="share at the target's intention")
        table = parts[parts["protocol"] == protocol]
        wide = table.pivot(index="round", columns="intention", values="share")
        areas(lower, wide[list(dict.fromkeys(table["intention"]))])
        lower.set(title=f"{protocol}: {table['method'].iloc[0]}", xlabel="round")
        lower.set_ylabel("share of users")
        lower.legend(
            fontsize=7,
            title="intention",
            title_fontsize=7,
            loc="upper left",
            bbox_to_anchor=(1, 1),
        )
    legend(panels[0][0])
    return figure
