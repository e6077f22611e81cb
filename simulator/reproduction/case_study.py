"""Table 5: one user's way to one target under both click models, title by title."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evals.tables import number
from simulator.config import RunConfig
from simulator.errors import ConfigError, UnknownNameError
from simulator.experiment import World
from simulator.reproduction.click_models import CLICKS
from simulator.reproduction.exhibit import Exhibit, Sheet
from simulator.reproduction.methods import Method
from simulator.reproduction.playing import Play, Player
from simulator.reproduction.settings import ReproductionSettings
from simulator.runlog import Run


def table5(settings: ReproductionSettings, player: Player) -> Exhibit:
    """The paper's table 5: what one user is shown and clicks on the way to one target."""
    method = Method.named((settings.methods or ("itmprec",))[0])
    # One person and one target for all: chosen in the first protocol's world.
    world = player.world(settings.config(method, settings.protocols[0], 0))
    user, target = _episode(settings, player, world)
    plays = {
        (protocol, clicks): _play(settings, method, protocol, clicks, (user, target))
        for protocol in settings.protocols
        for clicks in CLICKS
    }
    tables = [
        _path(run, player).assign(protocol=protocol, clicks=clicks)
        for (protocol, clicks), (_, run) in zip(
            plays, player.runs(list(plays.values())), strict=True
        )
    ]
    numbers = pd.concat(tables, ignore_index=True)
    catalogue = player.data.catalogue
    genres = ", ".join(catalogue.categories[target])
    person = player.data.user_ids[user]
    title = (
        f"The way of user {person} to {catalogue.titles[target]}{f' ({genres})' if genres else ''}"
    )
    liked = player.data.interactions.histories[user][-5:][::-1]
    return Exhibit(
        name="table5",
        caption=(
            f"{method.label} on {player.data.name}, seed 0; both click models have the same draws.",
            f"The user's latest items: {'; '.join(catalogue.titles[item] for item in liked)}.",
            "* marks what was clicked; the cosine to the target is the user's after the round.",
        ),
        summary=_side_by_side(title, numbers),
        sheets=tuple(
            _sheet(f"{title}: {clicks}", numbers[numbers["clicks"] == clicks]) for clicks in CLICKS
        ),
        numbers={"table5": numbers},
    )


def _play(
    settings: ReproductionSettings,
    method: Method,
    protocol: str,
    clicks: str,
    episode: tuple[int, int],
) -> Play:
    config: RunConfig = settings.config(method, protocol, 0, {"clicks": clicks})
    # Rows, since an id may hold signs that no folder can have.
    name = f"{method.name}-{clicks}-seed0-user{episode[0]}-target{episode[1]}"
    return Play(settings.folder / protocol / name, config, f"{protocol} · {name}", episode)


def _episode(settings: ReproductionSettings, player: Player, world: World) -> tuple[int, int]:
    """The user asked for, or the first of the run's; his first target that he does not know."""
    users = world.users
    if settings.user is not None:
        if settings.user not in player.data.user_ids:
            raise UnknownNameError("user", settings.user, player.data.user_ids)
        users = np.array([list(player.data.user_ids).index(settings.user)], dtype=np.int32)
    histories = player.data.interactions.histories
    for user in users:
        unknown = world.targets[~np.isin(world.targets, histories[user])]
        if len(unknown) and len(histories[user]):
            return int(user), int(unknown[0])
    raise ConfigError(
        "Whoever was asked for has all targets in the history already (or has none); choose "
        "another --user, more --targets or another --category."
    )


def _path(run: Run, player: Player) -> pd.DataFrame:
    catalogue = player.data.catalogue
    shown = run.exposures
    items = shown["item"].to_numpy()
    return pd.DataFrame(
        {
            "round": shown["round"],
            "title": [catalogue.titles[item] for item in items],
            "genres": [", ".join(catalogue.categories[item]) for item in items],
            "clicked": shown["clicked"],
            "probability": shown["probability"],
            "to_target": shown["similarity"],
        }
    )


def _sheet(title: str, numbers: pd.DataFrame) -> Sheet:
    index = pd.MultiIndex.from_frame(numbers[["protocol", "round"]].astype(str))
    cells = pd.DataFrame(
        {
            "shown": numbers["title"].to_list(),
            "genres": numbers["genres"].to_list(),
            "clicked": ["*" if clicked else "" for clicked in numbers["clicked"]],
            "P(click)": [number(p, 2) for p in numbers["probability"]],
            "cosine to target": [number(cosine, 3) for cosine in numbers["to_target"]],
        },
        index=index,
    )
    return Sheet(title, cells, words=("shown", "genres", "clicked"))


def _side_by_side(title: str, numbers: pd.DataFrame) -> Sheet:
    """Both click models' ways, a row a round."""
    columns: dict[str, list[str]] = {}
    for clicks in CLICKS:
        rows = numbers[numbers["clicks"] == clicks]
        columns[f"before the {clicks}"] = [
            f"{name}{' *' if clicked else ''}"
            for name, clicked in zip(rows["title"], rows["clicked"], strict=True)
        ]
        columns[f"cosine, {clicks}"] = [number(cosine, 3) for cosine in rows["to_target"]]
    rows = numbers[numbers["clicks"] == CLICKS[0]]
    index = pd.MultiIndex.from_frame(rows[["protocol", "round"]].astype(str))
    words = tuple(name for name in columns if name.startswith("before"))
    return Sheet(title, pd.DataFrame(columns, index=index), words)
