"""`nudgesim audit`: hostile titles, and what a catalogue holds of them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evals.terminal import TerminalTable
from simulator.cli.console import console, say, steps_bar
from simulator.cli.prompts_options import Cache, Engine, Examples, Mass, Model, Seed, Urls

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from evals.audit import TitleAudit
    from evals.tables import Table

app = typer.Typer(help="What titles that strangers wrote do to a model.", no_args_is_help=True)

Data = Annotated[str, typer.Option(help="A data set by name, or a TOML file.")]
_SHOWN = 50


@app.command()
def titles(
    data: Data = "demo",
    model: Model = "auto",
    engine: Engine = "auto",
    url: Urls = None,
    template: Annotated[
        list[str] | None,
        typer.Option(help="A template's name, or a .j2 file; repeatable. The data set's own."),
    ] = None,
    examples: Examples = "shipped",
    users: Annotated[int, typer.Option(help="Whom the titles are shown to.", min=1)] = 24,
    minimum_mass: Mass = 0.5,
    cache: Cache = "none",
    out: Annotated[Path | None, typer.Option(help="A folder for the tables.")] = None,
    seed: Seed = 0,
) -> None:
    """Show a model hostile titles, and count how far each moves P(click) from a neutral twin.

    Each title of the corpus stands once as the candidate and once in the history,
    through the template and through a raw one that cleans and quotes nothing.

    Examples:
        nudgesim audit titles

        nudgesim audit titles --model qwen3-4b --template mine.j2 --out runs/audit
    """
    from evals.audit import audit_titles, users_of
    from evals.audit.tables import kind_table, place_table, reach_table, verdict, worst_table
    from simulator.config import RunConfig
    from simulator.data import load_dataset
    from simulator.experiment.agents import agent_on, start_engine

    if out is not None:
        _make_folder(out)

    flags = {
        "agent.model": model,
        "agent.engine": engine,
        "agent.urls": url or None,
        "agent.examples": examples,
        "agent.minimum_mass": minimum_mass,
        "agent.cache": cache,
    }
    config = RunConfig.read(None, flags)
    dataset = load_dataset(data)
    base = users_of(dataset, users, seed)
    running = start_engine(config.agent)
    try:
        say(f"engine {running.name}: {running.why}")
        # All of them before the first is asked about, which may take hours.
        asked = [
            config.agent.model_copy(update={"template": name}) for name in template or ["auto"]
        ]
        agents = [agent_on(running, settings, dataset, seed) for settings in asked]
        if out is not None:
            _check_stems([agent.template.name for agent in agents])
        for agent in agents:
            with steps_bar("asking") as bar:
                audit = audit_titles(agent, base, progress=lambda done, total: bar(done, total, ""))
            tables = [make(audit) for make in (kind_table, place_table, reach_table, worst_table)]
            _print(tables)
            console.print(f"\n{verdict(audit)}", highlight=False)
            if out is not None:
                _write(audit, tables, out)
    finally:
        running.close()


@app.command()
def catalogue(
    data: Data = "demo",
    out: Annotated[Path | None, typer.Option(help="Write the list too, as .csv.")] = None,
) -> None:
    """List the suspicious titles and categories of a catalogue, and what prompts show instead.

    Examples:
        nudgesim audit catalogue --data my/tables.toml

        nudgesim audit catalogue --data ml-100k --out suspicious.csv
    """
    from evals.audit import suspicious_titles
    from evals.audit.tables import suspicious_table
    from simulator.data import load_dataset
    from simulator.files import write_text

    items = load_dataset(data).catalogue
    found = suspicious_titles(items)
    if len(found):
        _print([suspicious_table(found.head(_SHOWN))])
    more = f" (the first {_SHOWN} are shown; --out has all)" if len(found) > _SHOWN else ""
    console.print(
        f"\n{found['row'].nunique():,} of {len(items):,} items are suspicious{more}.",
        highlight=False,
    )
    if out is not None:
        write_text(out, _csv(found))
        say(f"written to {out}")


def _print(tables: Iterable[Table]) -> None:
    for table in tables:
        console.print(TerminalTable(table))


def _write(audit: TitleAudit, tables: Iterable[Table], folder: Path) -> None:
    """Each template's figures as CSV, by kind and by title, and its tables as Markdown."""
    from evals.audit.tables import verdict
    from evals.tables import markdown_table
    from simulator.files import write_text

    name = _stem(audit.template)
    write_text(folder / f"{name}-kinds.csv", _csv(audit.by_kind))
    write_text(folder / f"{name}-titles.csv", _csv(audit.by_title))
    pages = [*map(markdown_table, tables), verdict(audit)]
    write_text(folder / f"{name}.md", "\n".join(pages) + "\n")
    say(f"written to {folder}")


def _csv(table: pd.DataFrame) -> str:
    """A table as CSV; texts are quoted, since titles may hold lone carriage returns."""
    return table.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


def _stem(template: str) -> str:
    """What a template's files are called."""
    return template.replace("/", "-")


def _check_stems(templates: Sequence[str]) -> None:
    """Refuse templates that would overwrite each other's files."""
    from simulator.errors import ConfigError

    stems = [_stem(name) for name in templates]
    for stem in stems:
        if stems.count(stem) > 1:
            raise ConfigError(
                f"Two templates would be written to {stem}.md; give one of them another name in "
                "its front matter, or audit it into another --out."
            )


def _make_folder(folder: Path) -> None:
    """Made before anybody is asked, so that no answers are lost to a folder that cannot be."""
    from simulator.files import not_written

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error
