"""`nudgesim prompts serve`: write a prompt on a local page."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.console import say
from simulator.cli.prompts_options import (
    BookFile,
    Cache,
    Data,
    Engine,
    Examples,
    Mass,
    Model,
    OneTemplate,
    PersonasOf,
    Urls,
    lab_of,
    template_of,
)
from simulator.errors import MissingExtraError, PromptError

if TYPE_CHECKING:
    from simulator.lab.page.template_file import TemplateFile


def serve(
    template: OneTemplate = "auto",
    data: Data = "demo",
    model: Model = "auto",
    engine: Engine = "auto",
    url: Urls = None,
    examples: Examples = "auto",
    personas: PersonasOf = "auto",
    minimum_mass: Mass = 0.5,
    cache: Cache = "auto",
    book: BookFile = None,
    seed: Annotated[int, typer.Option(help="Of the users shown, and of samples.")] = 0,
    port: Annotated[int, typer.Option(help="0 takes any that is free.", min=0, max=65535)] = 8765,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Write a prompt on a local page: what the model reads, and what it makes of it, as you type.

    Shows a handful of development users at once, evaluates a draft at the press of a button, and
    saves it. The page is for this machine alone. A shipped template is never overwritten: it is
    saved as a file of yours, in the folder where this was started. Ctrl-C ends it.

    Examples:
        nudgesim prompts serve

        nudgesim prompts serve my.j2 --data ml-100k --model qwen3-4b --no-browser
    """
    from contextlib import closing

    try:
        from simulator.lab.page.serving import bind_loopback, serve_page
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "uvicorn", "prometheus_client"):
            raise
        raise MissingExtraError(error.name, "serve", "nudgesim prompts serve") from error
    from simulator.lab.page.template_file import TemplateFile
    from simulator.lab.page.workbench import Workbench

    # All that can be wrong is looked at before a model is loaded.
    file = _file(template, book)
    settings = {
        "engine": engine,
        "model": model,
        "urls": url or None,
        "examples": examples,
        "personas": personas,
        "minimum_mass": minimum_mass,
        "cache": cache,
    }
    with bind_loopback(port) as bound, lab_of(data, book, seed, **settings) as lab:
        if file is None:
            own = lab.variant().template
            file = TemplateFile(own.path, own.text, Path.cwd())
        with closing(Workbench(lab, file)) as workbench:
            serve_page(workbench, bound, say=say, browse=_browse if browser else None)


def _file(name: str, book: Path | None) -> TemplateFile | None:
    """The file to be edited, by a template's name; None for the data set's own template."""
    from simulator.lab.page.template_file import TemplateFile

    path = Path(name)
    try:
        template = template_of(name, book)
    except PromptError as error:
        # A draft with a fault is what the page is there for, if it can be read at all.
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            raise error from None
        return TemplateFile(path, text, Path.cwd())
    return TemplateFile(template.path, template.text, Path.cwd()) if template else None


def _browse(address: str) -> None:
    if not webbrowser.open(address):
        say("no browser opens here; open the address yourself")
