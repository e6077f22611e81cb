"""`nudgesim prompts`: list, show, render."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from simulator.cli.console import errors, show_table
from simulator.cli.prompts_calibrate import calibrate

app = typer.Typer(help="Prompt templates: list, show, render.", no_args_is_help=True)
app.command()(calibrate)

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
        str, typer.Option(help="shipped, none, log:N, or a YAML file.")
    ] = "shipped",
    seed: Annotated[int, typer.Option(help="For examples drawn from the log.")] = 0,
) -> None:
    """Print exactly what the model receives, with its token count.

    Examples:
        nudgesim prompts render movies/click-en

        nudgesim prompts render my.j2 --data ml-100k --user 7 --item 50 --model qwen3-4b
    """
    from prompts import PromptRenderer, load_template
    from simulator.config import AgentConfig
    from simulator.data import load_dataset
    from simulator.engines import load_prompt_encoder
    from simulator.errors import UnknownNameError
    from simulator.experiment.agents import choose_examples, template_name

    dataset = load_dataset(data)
    settings = AgentConfig(template=name, examples=examples, model=model)
    template = load_template(template_name(settings, dataset.catalogue.domain))
    if user is not None and user not in dataset.user_ids:
        raise UnknownNameError("user", user, dataset.user_ids)
    row = 0 if user is None else list(dataset.user_ids).index(user)
    history = dataset.interactions.histories.take(np.array([row]))
    unseen = np.setdiff1d(np.arange(dataset.n_items), history.values)
    candidate = unseen[:1] if item is None else dataset.catalogue.rows([item])
    renderer = PromptRenderer(
        template, dataset.catalogue, choose_examples(settings, template, dataset, seed)
    )
    prompt = renderer.render(history, candidate)[0]
    encoder = load_prompt_encoder(model)
    typer.echo(encoder.display(prompt))
    static, user_part = (len(encoder.tokenize(p)) for p in (prompt.static, prompt.user))
    total = int(encoder.count_tokens([prompt])[0])
    errors.print(
        f"{total} tokens ({static} static, {user_part} for the history, the rest for the item), "
        f"template {template.name} version {template.version}.",
        highlight=False,
    )
