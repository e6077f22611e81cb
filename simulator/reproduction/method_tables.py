"""Tables 3 and 4: methods by HR, IoI and IoR, the paper's figures beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from evals.targets import per_target
from simulator.errors import ConfigError
from simulator.reproduction.captions import how_it_was_made, how_to_read
from simulator.reproduction.exhibit import Exhibit
from simulator.reproduction.method_figures import DIGITS, figures
from simulator.reproduction.method_sheets import figure_sheet, gap_sheet
from simulator.reproduction.methods import TABLE_3, TABLE_4, Method
from simulator.reproduction.playing import Play, Player
from simulator.reproduction.published import published_table
from simulator.reproduction.settings import ReproductionSettings

_TITLES = {3: "Ablations of ITMPRec", 4: "Methods"}


def table3(settings: ReproductionSettings, player: Player) -> Exhibit:
    """The paper's table 3: ITMPRec less its parts."""
    return _method_table(3, settings, player)


def table4(settings: ReproductionSettings, player: Player) -> Exhibit:
    """The paper's table 4: ITMPRec beside its rivals."""
    return _method_table(4, settings, player)


def method_plays(
    settings: ReproductionSettings, methods: Sequence[Method]
) -> dict[tuple[str, Method, int], Play]:
    """The runs of some methods under each protocol with each seed."""
    return {
        (protocol, method, seed): Play(
            settings.folder / protocol / f"{method.name}-seed{seed}",
            settings.config(method, protocol, seed),
            f"{protocol} · {method.name}-seed{seed}",
        )
        for protocol in settings.protocols
        for method in methods
        for seed in range(settings.seeds)
    }


def _method_table(which: Literal[3, 4], settings: ReproductionSettings, player: Player) -> Exhibit:
    methods, left_out = _methods(which, settings)
    found = _measured(settings, player, methods)
    published = published_table(which, settings.data)
    numbers = figures(found, published)
    metrics = [metric for metric in DIGITS if metric in set(numbers["metric"])]
    cutoffs = sorted(set(numbers["P"]))
    at_last = [f"{metric}@{cutoffs[-1]}" for metric in metrics]
    title = f"{_TITLES[which]} on {player.data.name}"
    summary = figure_sheet(f"{title}, {cutoffs[-1]} rounds", numbers, published, at_last)
    sheets = [
        figure_sheet(f"{title}: {m}", numbers, published, [f"{m}@{p}" for p in cutoffs])
        for m in metrics
    ]
    against = "less ITMPRec, paired by target (– where targets differ)"
    gaps = gap_sheet(f"{title}: {against}", numbers, published, at_last)
    return Exhibit(
        name=f"table{which}",
        caption=(*how_it_was_made(settings, player.data), *how_to_read(settings), *left_out),
        summary=summary,
        sheets=(summary, *([gaps] if gaps else []), *sheets),
        numbers={f"table{which}": numbers},
    )


def _measured(
    settings: ReproductionSettings, player: Player, methods: Sequence[Method]
) -> Mapping[tuple[str, str], Sequence[pd.DataFrame]]:
    """Each target's figures, a table a seed, by protocol and method's label."""
    plays = method_plays(settings, methods)
    found: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for (protocol, method, _), (_, run) in zip(
        plays, player.runs(list(plays.values())), strict=True
    ):
        found.setdefault((protocol, method.label), []).append(per_target(run))
    return found


def _methods(
    which: Literal[3, 4], settings: ReproductionSettings
) -> tuple[list[Method], tuple[str, ...]]:
    """Whom to play, and why some are not played."""
    names = settings.methods or (TABLE_3 if which == 3 else TABLE_4)
    methods = [Method.named(name) for name in dict.fromkeys(names)]
    writing = Method("llm-ipp")
    if writing not in methods or "model" in settings.agent:
        return methods, ()
    why = "LLM-IPP plans with a language model that can write, and none was named"
    if settings.methods is not None:
        raise ConfigError(f"{why}; name one with --model, or leave llm-ipp out of --methods.")
    methods.remove(writing)
    return methods, (f"{why} (--model), so it is left out.",)
