"""`nudgesim prompts serve`: write a prompt on a local page."""

from __future__ import annotations

from typing import Annotated

import typer

from simulator.cli.console import say
from simulator.errors import MissingExtraError


def serve(
    template: Annotated[str, typer.Argument(help="A template's name, or a .j2 file.")] = "auto",
    data: Annotated[str, typer.Option(help="A data set with a log, or a TOML file.")] = "demo",
    model: Annotated[str, typer.Option(help="A name, a hub id, or a folder.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, vllm, transformers or openai.")] = "auto",
    url: Annotated[
        list[str] | None, typer.Option(help="A server's base URL, for --engine openai; repeatable.")
    ] = None,
    examples: Annotated[str, typer.Option(help="shipped, none, log:N, or a file.")] = "shipped",
    cache: Annotated[
        str, typer.Option(help="The file that keeps the model's answers, auto or none.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of the users shown and of samples.")] = 0,
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 8765,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Write a prompt on a local page: what the model reads, and what it makes of it, as you type.

    Shows a handful of development users at once, evaluates a draft on a press of a button, and
    saves it. The page is for this machine alone. A shipped template is never overwritten: it is
    saved as a file of yours, in the folder where this was started. Ctrl-C ends it.

    Examples:
        nudgesim prompts serve

        nudgesim prompts serve my.j2 --data ml-100k --model qwen3-4b --no-browser
    """
    from contextlib import closing
    from pathlib import Path

    from prompts import load_template
    from simulator.config import RunConfig
    from simulator.data import load_dataset
    from simulator.experiment.agents import template_name
    from simulator.lab import Lab
    from simulator.lab.book import Book

    try:
        from simulator.lab.page.serving import bind_loopback, serve_page
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "uvicorn", "prometheus_client"):
            raise
        raise MissingExtraError(error.name, "serve", "nudgesim prompts serve") from error
    from simulator.lab.page.template_file import TemplateFile
    from simulator.lab.page.workbench import Workbench

    flags = {
        "engine": engine,
        "model": model,
        "urls": url or None,
        "template": template,
        "examples": examples,
        "cache": cache,
    }
    config = RunConfig.read(
        None, {"data": data, "seed": seed, **{f"agent.{k}": v for k, v in flags.items()}}
    )
    dataset = load_dataset(data)
    chosen = load_template(template_name(config.agent, dataset.catalogue.domain))
    with bind_loopback(port) as bound:
        lab = Lab(dataset, config.agent, seed=seed, book=Book())
        with closing(Workbench(lab, TemplateFile(chosen, Path.cwd()))) as workbench:
            serve_page(workbench, bound, say=say, browse=_browse if browser else None)


def _browse(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        say("no browser opens here; open the address yourself")
