"""`nudgesim agent`: judge an agent against logged clicks, train the pocket agent again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.console import console, say, show_judgement, steps_bar

app = typer.Typer(help="The click agent: judge one, train one.", no_args_is_help=True)


@app.command()
def judge(
    data: Annotated[str, typer.Option(help="A data set with logged no-clicks.")] = "demo",
    model: Annotated[str, typer.Option(help="A name, a hub id, or a folder.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, vllm, transformers or openai.")] = "auto",
    template: Annotated[str, typer.Option(help="A template's name, or a .j2 file.")] = "auto",
    examples: Annotated[str, typer.Option(help="shipped, none, log:N, or a file.")] = "shipped",
    exposures: Annotated[int, typer.Option(help="How many logged exposures.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of everything.")] = 0,
) -> None:
    """Hold an agent against the logged clicks of held-out users, beside the fitted distribution.

    Examples:
        nudgesim agent judge

        nudgesim agent judge --data ml-100k --model ./my-model --template my.j2
    """
    from simulator.config import RunConfig
    from simulator.data import load_dataset
    from simulator.experiment import judge_click_models, make_agent

    flags = {"model": model, "engine": engine, "template": template, "examples": examples}
    config = RunConfig.read(
        None, {"data": data, "seed": seed, **{f"agent.{k}": v for k, v in flags.items()}}
    )
    dataset = load_dataset(data)
    agent = make_agent(config.agent, dataset, seed, say)
    judged = judge_click_models(config, dataset, agent, say, exposures=exposures)
    agent.close()
    show_judgement(f"Held-out users of {dataset.name}", judged)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="The folder of the new model.")],
    epochs: Annotated[float | None, typer.Option(help="Passes over the log.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the start and the order.")] = None,
) -> None:
    """Train the pocket agent from scratch on the demo world's training users.

    Example: nudgesim agent train --out my-pocket, then nudgesim demo --model ./my-pocket
    """
    from simulator.data import load_dataset
    from simulator.training import TrainingSettings, train_pocket

    settings = TrainingSettings()
    if epochs is not None:
        settings = replace(settings, epochs=epochs)
    if seed is not None:
        settings = replace(settings, seed=seed)
    with steps_bar("training") as advance:
        report = train_pocket(
            load_dataset("demo"),
            out,
            settings,
            progress=lambda p: advance(p.step, p.steps, f"loss {p.click_loss:.3f}"),
        )
    console.print(
        f"Written to {out}. On held-out users its AUC is {report.held_out.auc:.3f}, where the true "
        f"probabilities reach {report.truth.auc:.3f}: {report.share:.0%} of the way from 0.5.",
        highlight=False,
    )
