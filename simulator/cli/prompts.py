"""`nudgesim prompts`: templates listed, shown, rendered, begun and compared; the lab's commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.text import Text

from simulator.cli.console import console, errors, say, show_table
from simulator.cli.prompts_board import board
from simulator.cli.prompts_calibrate import calibrate
from simulator.cli.prompts_errors import show_errors
from simulator.cli.prompts_eval import evaluate
from simulator.cli.prompts_options import BookFile, Examples, PersonasOf, Seed
from simulator.cli.prompts_serve import serve
from simulator.cli.prompts_sweep import sweep

if TYPE_CHECKING:
    from simulator.domain import Dataset

app = typer.Typer(help="Prompt templates: write them, try them, judge them.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A template's name, or a .j2 file.")]

_STEPS = 20
"""Length of the path in a path template that is only looked at."""


@app.command("list")
def list_() -> None:
    """List the shipped templates.

    Example: nudgesim prompts list
    """
    from prompts import load_template, template_names

    templates = [load_template(name) for name in template_names("click")]
    templates += [load_template(name, steps=_STEPS) for name in template_names("path")]
    show_table(
        "Templates",
        ["name", "version", "language", "answer", "history", "description"],
        [
            (
                template.name,
                template.version,
                template.front_matter.language,
                "titles" if template.steps else "/".join(template.labels.pair),
                f"{template.history.window}, drops {template.history.drop}",
                template.front_matter.description,
            )
            for template in templates
        ],
    )


@app.command()
def show(name: Name) -> None:
    """Print a template's file, front matter and all.

    Example: nudgesim prompts show movies/click-en
    """
    from prompts import load_template, template_names

    steps = _STEPS if name in template_names("path") else None
    typer.echo(load_template(name, steps=steps).text)


@app.command()
def render(
    name: Name = "auto",
    data: Annotated[str, typer.Option(help="A data set's name, or a TOML file.")] = "demo",
    user: Annotated[str | None, typer.Option(help="Whose history; the first user's.")] = None,
    item: Annotated[str | None, typer.Option(help="Which candidate; the first unseen.")] = None,
    model: Annotated[str, typer.Option(help="Whose tokenizer and chat template.")] = "auto",
    examples: Annotated[
        str, typer.Option(help="auto, shipped, none, log:N, or a YAML file.")
    ] = "auto",
    personas: PersonasOf = "auto",
    seed: Annotated[int, typer.Option(help="For examples drawn from the log.")] = 0,
) -> None:
    """Print exactly what the model receives, with its token count.

    The history is the user's whole, and a persona is made from all of the log, as in a run.

    Examples:
        nudgesim prompts render movies/click-en

        nudgesim prompts render my.j2 --data ml-100k --user 7 --item 50 --model qwen3-4b
    """
    from prompts import PromptRenderer, load_template
    from simulator.config import AgentConfig
    from simulator.data import load_dataset
    from simulator.engines import load_prompt_encoder
    from simulator.experiment.agents import choose_examples, choose_personas
    from simulator.experiment.trained import settled

    dataset = load_dataset(data)
    asked = AgentConfig(template=name, examples=examples, personas=personas, model=model)
    settings = settled(asked, dataset.catalogue.domain)
    template = load_template(settings.template)
    row, candidate = _user_and_item(dataset, user, item)
    history = dataset.interactions.histories.take(np.array([row]))
    renderer = PromptRenderer(
        template,
        dataset.catalogue,
        choose_examples(settings, template, dataset, seed),
        personas=choose_personas(settings, template, dataset),
    )
    prompt = renderer.render(history, np.array([candidate]), np.array([row]))[0]
    encoder = load_prompt_encoder(model)
    typer.echo(encoder.display(prompt))
    static, user_part = (len(encoder.tokenize(p)) for p in (prompt.static, prompt.user))
    total = int(encoder.count_tokens([prompt])[0])
    errors.print(
        f"{total} tokens ({static} static, {user_part} for the history, the rest for the item), "
        f"template {template.name} version {template.version}.",
        highlight=False,
    )


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What the template and its file are called.")],
    base: Annotated[
        str, typer.Option("--from", help="A template's name, a .j2 file, or #12 of the lab book.")
    ] = "movies/click-en",
    book: BookFile = None,
) -> None:
    """Begin a template of your own from one that is there.

    Examples:
        nudgesim prompts new my-prompt

        nudgesim prompts new second-try --from "#12"
    """
    from simulator.lab import Book
    from simulator.lab.writing import find_template, new_template

    found = find_template(base, Book(book) if base.startswith("#") else None)
    path = new_template(name, found, Path.cwd())
    say(f"{path} is {found.name} version {found.version}, to be edited")
    say(f"`nudgesim prompts eval {path.name}` judges it, `nudgesim prompts diff` compares it")


@app.command()
def diff(
    one: Name,
    other: Annotated[str, typer.Argument(help="Another.")],
    data: Annotated[str, typer.Option(help="Whose user and item are rendered.")] = "demo",
    user: Annotated[str | None, typer.Option(help="Whose history; the first user's.")] = None,
    item: Annotated[str | None, typer.Option(help="Which candidate; the first unseen.")] = None,
    examples: Examples = "shipped",
    seed: Seed = 0,
    book: BookFile = None,
) -> None:
    """Show what two templates differ in: fields, text, and the prompt of one user.

    Examples:
        nudgesim prompts diff movies/click-en my.j2

        nudgesim prompts diff my.j2 "#12" --user 7
    """
    from simulator.data import load_dataset
    from simulator.lab import Book
    from simulator.lab.writing import (
        find_template,
        front_matter_changes,
        prompt_changes,
        text_changes,
    )

    numbered = any(name.startswith("#") for name in (one, other))
    opened = Book(book) if numbered else None
    first, second = (find_template(name, opened) for name in (one, other))
    fields = front_matter_changes(first, second)
    if fields:
        show_table("Fields", ["", first.name, second.name], fields)
    _show_changes("Text", text_changes(first, second))
    dataset = load_dataset(data)
    row, candidate = _user_and_item(dataset, user, item)
    lines = prompt_changes(
        first, second, dataset, user=row, item=candidate, examples=examples, seed=seed
    )
    _show_changes(f"Prompt for user {dataset.user_ids[row]}", lines)


app.command("eval")(evaluate)
app.command()(sweep)
app.command()(board)
app.command("errors")(show_errors)
app.command()(calibrate)
app.command()(serve)


def _user_and_item(data: Dataset, user: str | None, item: str | None) -> tuple[int, int]:
    """Rows of a user and a candidate; the first user, and the first item unseen by the user."""
    from simulator.errors import UnknownNameError

    if user is not None and user not in data.user_ids:
        raise UnknownNameError("user", user, data.user_ids)
    row = 0 if user is None else list(data.user_ids).index(user)
    if item is not None:
        return row, int(data.catalogue.rows([item])[0])
    unseen = np.setdiff1d(np.arange(data.n_items), data.interactions.histories[row])
    return row, int(unseen[0])


_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def _show_changes(title: str, lines: Sequence[str]) -> None:
    """Print a unified diff in colours."""
    console.print(Text(f"\n{title}", style="bold"))
    if not lines:
        console.print(Text("no difference", style="dim"))
    for line in lines:
        console.print(Text(line, style=_STYLES.get(line[:1], "")), soft_wrap=True)
