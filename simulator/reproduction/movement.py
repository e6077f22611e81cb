"""Figure 7: where users' vectors go, round by round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evals.tables import records
from evals.targets import estimate
from evals.trajectories import preferences
from simulator.domain import FloatArray
from simulator.reproduction.captions import how_it_was_made, how_to_read
from simulator.reproduction.cells import with_interval
from simulator.reproduction.drawing import grid, legend, lines, paths
from simulator.reproduction.exhibit import Exhibit, Sheet
from simulator.reproduction.method_tables import method_plays
from simulator.reproduction.methods import Method
from simulator.reproduction.playing import Player
from simulator.reproduction.settings import ReproductionSettings
from simulator.runlog import Run
from simulator.scores import paired

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METHODS = ("itmprec", "ipg")
_MEASURES = {"to target": "cosine to the target", "to start": "cosine to the start"}
_READ = (
    "A user's vector after each round is computed anew from the run's log.",
    "The plane is spanned by the first two principal components of the ways drawn and their "
    "target: the first users' of the first target. A way begins at the hollow circle.",
)
_DRAWN = 4
"""Users whose ways are drawn."""


def figure7(settings: ReproductionSettings, player: Player) -> Exhibit:
    """The paper's figure 7: users' vectors over rounds."""
    methods = [Method.named(name) for name in settings.methods or _METHODS]
    plays = method_plays(settings, methods)
    found: dict[tuple[str, str, str], list[pd.DataFrame]] = {}
    ways = []
    for (protocol, method, seed), (play, run) in zip(
        plays, player.runs(list(plays.values())), strict=True
    ):
        vectors = player.world(play.config).vectors
        steps = list(preferences(run, vectors))
        targets = vectors.item[run.episodes["target"].to_numpy()]
        for measure, to in (("to target", targets), ("to start", steps[0])):
            table = _by_target(run, [paired(step, to) for step in steps])
            found.setdefault((protocol, method.label, measure), []).append(table)
        if seed == 0:
            plane = _plane([step[:_DRAWN] for step in steps], targets[0])
            ways.append(plane.assign(protocol=protocol, method=method.label))
    numbers = _numbers(found)
    sheet = _sheet(f"Users' vectors on {player.data.name}", numbers)
    points = pd.concat(ways, ignore_index=True)
    return Exhibit(
        name="figure7",
        caption=(
            *_READ,
            *how_it_was_made(settings, player.data),
            *how_to_read(settings, printed=False),
        ),
        summary=sheet,
        sheets=(sheet,),
        numbers={"figure7": numbers, "figure7-plane": points},
        figures={"figure7": _draw(numbers), "figure7-plane": _draw_plane(points)},
    )


def _by_target(run: Run, values: list[FloatArray]) -> pd.DataFrame:
    """Means over users: one row a target, one column a round from 0."""
    target = run.episodes["target"].to_numpy()
    means = pd.DataFrame(dict(enumerate(values))).groupby(target, sort=False).mean()
    return means.rename_axis("target")


def _plane(steps: list[FloatArray], target: FloatArray) -> pd.DataFrame:
    """Ways in the plane of their first two principal components: path, round, x, y."""
    every = np.stack(steps)
    points = np.concatenate([every.reshape(-1, every.shape[-1]), target[None]]).astype(np.float64)
    points -= points.mean(axis=0)
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    # A component's sign is anybody's choice; ours puts the target to the upper right.
    axes = axes[:2] * np.where(axes[:2] @ points[-1] < 0, -1, 1)[:, None]
    plane = points @ axes.T
    rounds, users = every.shape[:2]
    ways = {
        "path": [f"user {user + 1}" for _ in range(rounds) for user in range(users)],
        "round": np.repeat(np.arange(rounds), users),
    }
    table = pd.DataFrame({**ways, "x": plane[:-1, 0], "y": plane[:-1, 1]})
    end = pd.DataFrame({"path": ["target"], "round": [-1], "x": plane[-1:, 0], "y": plane[-1:, 1]})
    return pd.concat([table.sort_values(["path", "round"]), end], ignore_index=True)


def _numbers(found: dict[tuple[str, str, str], list[pd.DataFrame]]) -> pd.DataFrame:
    rows = []
    for (protocol, method, measure), tables in found.items():
        estimates = estimate(tables)
        for step, row in zip(estimates.index, records(estimates), strict=True):
            key = {"protocol": protocol, "method": method, "measure": measure, "round": step}
            rows.append({**key, **row})
    return pd.DataFrame(rows)


def _sheet(title: str, numbers: pd.DataFrame) -> Sheet:
    rows: dict[tuple[str, str], dict[str, str]] = {}
    shown = {0, *range(5, int(numbers["round"].max()), 5), int(numbers["round"].max())}
    for row in records(numbers[numbers["round"].isin(sorted(shown))]):
        name = f"{row['method']}: {_MEASURES[row['measure']]}"
        text = with_interval(row["mean"], row["low"], row["high"], 3)
        rows.setdefault((row["protocol"], name), {})[f"round {row['round']}"] = text
    index = pd.MultiIndex.from_tuples(list(rows), names=["protocol", "measure"])
    return Sheet(title, pd.DataFrame(list(rows.values()), index=index))


def _draw(numbers: pd.DataFrame) -> Figure:
    protocols = list(dict.fromkeys(numbers["protocol"]))
    figure, panels = grid(len(_MEASURES), len(protocols))
    for row, (measure, words) in zip(panels, _MEASURES.items(), strict=True):
        for axes, protocol in zip(row, protocols, strict=True):
            here = (numbers["protocol"] == protocol) & (numbers["measure"] == measure)
            lines(axes, numbers[here].rename(columns={"method": "series"}), "round")
            axes.set(title=protocol, xlabel="round", ylabel=words)
    legend(panels[0][0])
    return figure


def _draw_plane(points: pd.DataFrame) -> Figure:
    protocols = list(dict.fromkeys(points["protocol"]))
    methods = list(dict.fromkeys(points["method"]))
    figure, panels = grid(len(methods), len(protocols), height=3.0)
    for row, method in zip(panels, methods, strict=True):
        for axes, protocol in zip(row, protocols, strict=True):
            here = (points["protocol"] == protocol) & (points["method"] == method)
            paths(axes, points[here])
            axes.set(title=f"{protocol}: {method}", xlabel="first component")
            axes.set_ylabel("second component")
    legend(panels[0][0])
    return figure
