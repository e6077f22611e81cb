"""`nudgesim agent`: judge an agent against logged clicks, train one, describe its users."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.console import console, say, show_judgement, steps_bar
from simulator.run_lock import only_writer

if TYPE_CHECKING:
    from simulator.training import Progress

app = typer.Typer(
    help="The click agent: judge one, train one, describe its users.", no_args_is_help=True
)


@app.command()
def judge(
    data: Annotated[str, typer.Option(help="A data set with logged no-clicks.")] = "demo",
    model: Annotated[str, typer.Option(help="A name, a hub id, or a folder.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, vllm, transformers or openai.")] = "auto",
    template: Annotated[str, typer.Option(help="A template's name, or a .j2 file.")] = "auto",
    examples: Annotated[str, typer.Option(help="auto, shipped, none, log:N, or a file.")] = "auto",
    personas: Annotated[
        str, typer.Option(help="What prompts say of users: auto, none, log, or a file of words.")
    ] = "auto",
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
    flags |= {"personas": personas}
    config = RunConfig.read(
        None, {"data": data, "seed": seed, **{f"agent.{k}": v for k, v in flags.items()}}
    )
    dataset = load_dataset(data)
    agent = make_agent(config.agent, dataset, seed, say)
    judged = judge_click_models(config, dataset, agent, say, exposures=exposures)
    agent.close()
    show_judgement(f"Held-out users of {dataset.name}", judged)


@app.command()
def personas(
    out: Annotated[Path, typer.Option(help="The file of words; one found there is completed.")],
    data: Annotated[
        str, typer.Option(help="A data set's name, or the TOML file of plain tables.")
    ] = "demo",
    model: Annotated[str, typer.Option(help="Who writes: a name, a hub id, or a folder.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, vllm, transformers or openai.")] = "auto",
    url: Annotated[
        list[str] | None, typer.Option(help="A server's base URL, for --engine openai; repeatable.")
    ] = None,
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
) -> None:
    """Let a language model put each user's persona into words, for agent.personas.

    It is told of a user what the log tells from before anything of the user is judged. Numbers
    alone need no model: --personas log.

    Examples:
        nudgesim agent personas --data ml-100k --model qwen3-4b --out words.jsonl

        nudgesim run --data ml-100k --model qwen3-4b --personas words.jsonl --out runs/worded
    """
    from simulator.config import RunConfig
    from simulator.data import load_dataset
    from simulator.errors import UnknownNameError
    from simulator.experiment.agents import start_engine
    from simulator.experiment.persona_words import write_words

    if language not in ("en", "zh"):
        raise UnknownNameError("language", language, ("en", "zh"))
    flags = {"model": model, "engine": engine, "urls": url or None, "cache": "none"}
    config = RunConfig.read(None, {f"agent.{name}": value for name, value in flags.items()})
    dataset = load_dataset(data)
    running = start_engine(config.agent)
    try:
        with steps_bar("writing") as advance:
            silent = write_words(
                running,
                dataset,
                out,
                language=language,
                progress=lambda done, total: advance(done, total, ""),
            )
    finally:
        running.close()
    if silent:
        say(f"of {silent:,} users the model said nothing; repeat the command to ask again")
    console.print(f"Written to {out}.", highlight=False)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="The folder of the new model.")],
    data: Annotated[
        str, typer.Option(help="A data set's name, or the TOML file of plain tables.")
    ] = "demo",
    base: Annotated[
        str | None,
        typer.Option(
            help="scratch (unless given), or the model to go on from: a name, a hub id, a folder."
        ),
    ] = None,
    lora: Annotated[bool, typer.Option(help="Adapters in place of all weights.")] = False,
    rank: Annotated[int, typer.Option(help="Of the adapters.")] = 16,
    loss: Annotated[str, typer.Option(help="bce, supervised or dpo.")] = "bce",
    template: Annotated[str, typer.Option(help="A template's name, or a .j2 file.")] = "auto",
    window: Annotated[
        tuple[int, int] | None, typer.Option(help="History window and drop, such as 20 20.")
    ] = None,
    personas: Annotated[bool, typer.Option(help="Describe the user in the prompt.")] = True,
    teacher: Annotated[
        bool, typer.Option(help="Learn from a matrix factorisation's opinion as well.")
    ] = True,
    title_tokens: Annotated[
        bool,
        typer.Option(help="From scratch: a token for each title, or titles spelled in words."),
    ] = True,
    unknown_titles: Annotated[
        float, typer.Option(help="Share of the lessons about titles that no item has.")
    ] = 0.0,
    epochs: Annotated[float | None, typer.Option(help="Passes over the log.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The schedule's peak.")] = None,
    hidden: Annotated[int, typer.Option(help="Width of a network from scratch.")] = 64,
    layers: Annotated[int, typer.Option(help="Of a network from scratch.")] = 2,
    batch_tokens: Annotated[
        int | None, typer.Option(help="Tokens at a time; fewer take less memory.")
    ] = None,
    click_rate: Annotated[
        float, typer.Option(help="Of the shelf, where a log has no no-clicks.")
    ] = 0.2,
    seed: Annotated[int | None, typer.Option(help="Of the start and the order.")] = None,
) -> None:
    """Train an agent on a log's training users; a repeated command goes on from a checkpoint.

    On the demo world without --base it is the recipe of the pocket agent.

    Examples:
        nudgesim agent train --out my-pocket, then nudgesim demo --model ./my-pocket

        nudgesim agent train --data ml-100k --base scratch --out my-agent

        nudgesim agent train --data ml-100k --base Qwen/Qwen3-0.6B --lora --out my-agent
    """
    from simulator.data import load_dataset
    from simulator.experiment.split import users_split
    from simulator.training import (
        POCKET,
        SCRATCH,
        LoraSettings,
        NegativeSettings,
        recipe,
        train_agent,
        train_pocket,
    )

    chosen = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed}
    chosen |= {"batch_tokens": batch_tokens}
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    # Before anything is loaded, so that a second training is refused at once.
    with only_writer(out):
        dataset = load_dataset(data)
        with steps_bar("training") as advance:

            def progress(now: Progress) -> None:
                seen = "" if now.quality is None else f", AUC {now.quality.auc:.3f}"
                advance(now.step, now.steps, f"loss {now.click_loss:.3f}{seen}")

            if base is None and data == "demo":
                settings = replace(POCKET, **given)
                pocket = train_pocket(dataset, out, settings, say=say, progress=progress)
                held_out, truth = pocket.held_out, pocket.truth
                line = (
                    f"On held-out users its AUC is {held_out.auc:.3f}, where the true "
                    f"probabilities reach {truth.auc:.3f}: {pocket.share:.0%} of the way from 0.5."
                )
            else:
                usual = recipe(base or SCRATCH)
                settings = replace(
                    usual,
                    lora=LoraSettings(rank, 2 * rank) if lora else None,
                    loss=loss,  # type: ignore[arg-type]  # the settings check it
                    templates=(template,),
                    window=window or usual.window,
                    personas=personas,
                    teacher=usual.teacher if teacher else None,
                    variety=replace(usual.variety, unknown_titles=unknown_titles),
                    negatives=NegativeSettings(click_rate=click_rate),
                    network=replace(
                        usual.network,
                        hidden=hidden,
                        layers=layers,
                        feed_forward=2 * hidden,
                        whole_titles=title_tokens,
                    ),
                    **given,
                )
                split = users_split(dataset)
                report = train_agent(
                    settings, dataset, out, split=split, say=say, progress=progress
                )
                line = (
                    ""
                    if report.stop is None
                    else (
                        f"On {report.stop_users:,} users kept out of training its AUC is "
                        f"{report.stop.auc:.3f} and its log-loss {report.stop.log_loss:.3f}."
                    )
                )
    console.print(f"Written to {out}. {line}", highlight=False)
