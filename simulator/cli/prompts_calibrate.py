"""`nudgesim prompts calibrate`: a map that makes an agent's P(click) mean what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from simulator.cli.console import console, errors, say, show_table, steps_bar
from simulator.cli.prompts_options import (
    Cache,
    Data,
    Engine,
    Examples,
    Exposures,
    Model,
    PersonasOf,
    Seed,
    Urls,
)

_SHOWN = ("log_loss", "calibration_error", "auc", "click_rate_ratio")


def calibrate(
    data: Data = "demo",
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="platt, temperature, isotonic, batch, content-free or contextual; repeatable; "
            "all are compared unless given."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the calibration of the one --method.")
    ] = None,
    model: Model = "auto",
    engine: Engine = "auto",
    url: Urls = None,
    template: Annotated[str, typer.Option(help="A template's name, or a .j2 file.")] = "auto",
    examples: Examples = "auto",
    personas: PersonasOf = "auto",
    cache: Cache = "auto",
    exposures: Exposures = 2000,
    folds: Annotated[int, typer.Option(help="Parts of the users for cross-fitting.")] = 5,
    seed: Seed = 0,
) -> None:
    """Fit calibrations on development users, and show what they change.

    The effect is cross-fitted: each user is answered for by a fit to other users. The file that
    --out writes goes into `nudgesim run --calibration` and `nudgesim serve --calibration`, for the
    same model, template and examples.

    Examples:
        nudgesim prompts calibrate

        nudgesim prompts calibrate --method platt --out calibration.json

        nudgesim prompts calibrate --data ml-100k --template my.j2 --method isotonic --out my.json
    """
    from simulator.clicks.calibration import KINDS, calibration_facts, save_calibration
    from simulator.config import RunConfig
    from simulator.data import load_dataset
    from simulator.errors import ConfigError
    from simulator.experiment import make_agent
    from simulator.lab.calibrating import calibrate as fit
    from simulator.lab.calibrating import check_methods

    methods = tuple(dict.fromkeys(method or KINDS))
    check_methods(methods)
    if out is not None and len(methods) != 1:
        raise ConfigError("--out writes one calibration: name its method, such as --method platt.")
    flags = {
        "model": model,
        "engine": engine,
        "urls": url or None,
        "template": template,
        "examples": examples,
        "personas": personas,
        "calibration": "none",
        "cache": cache,
    }
    config = RunConfig.read(
        None, {"data": data, "seed": seed, **{f"agent.{name}": v for name, v in flags.items()}}
    )
    dataset = load_dataset(data)
    agent = make_agent(config.agent, dataset, seed, say)
    try:
        with steps_bar("asking") as advance:
            effect = fit(
                agent,
                dataset,
                methods,
                exposures=exposures,
                folds=folds,
                seed=seed,
                progress=lambda done, total: advance(done, total, ""),
            )
    finally:
        agent.close()
    judged = effect.judgement
    rows, users = judged.measures.iloc[0][["exposures", "users"]]
    show_table(
        f"Development users of {dataset.name} ({users:,} users, {rows:,} exposures), cross-fitted",
        ["", *(name.replace("_", " ") for name in _SHOWN)],
        [
            [name, *(_cell(judged.measures, judged.differences, name, m) for m in _SHOWN)]
            for name in judged.models
        ],
    )
    console.print(
        f"Below a value: the 95% interval over users of its difference to {judged.base!r}.",
        highlight=False,
    )
    for name, why in effect.refused.items():
        errors.print(f"{name}: {why}", highlight=False)
    for caution in (*effect.cautions, *judged.cautions):
        errors.print(caution, highlight=False)
    if out is not None:
        fitted = effect.fitted[methods[0]]
        save_calibration(out, fitted)
        digest = calibration_facts(fitted.calibration)["sha256"]
        console.print(f"{methods[0]} written to {out} (sha256 {digest[:12]}).", highlight=False)


def _cell(measures: pd.DataFrame, differences: pd.DataFrame, model: str, measure: str) -> str:
    """A value, and the interval of its difference to the agent as asked."""
    level = measures.set_index(["model", "measure"])["value"].loc[(model, measure)]
    gap = differences[(differences["model"] == model) & (differences["measure"] == measure)]
    if gap.empty:
        return f"{level:.3f}"
    low, high = gap.iloc[0][["low", "high"]]
    return f"{level:.3f}\n{low:+.3f}, {high:+.3f}"
