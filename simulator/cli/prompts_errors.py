"""`nudgesim prompts errors`: where a prompt is wrong."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from simulator.cli.console import console, steps_bar
from simulator.cli.prompts_options import (
    BookFile,
    Cache,
    Data,
    Engine,
    Examples,
    Exposures,
    Model,
    OneTemplate,
    PersonasOf,
    Seed,
    Urls,
    lab_of,
    print_table,
    template_of,
)


def show_errors(
    template: OneTemplate = "auto",
    data: Data = "demo",
    model: Model = "auto",
    engine: Engine = "auto",
    url: Urls = None,
    examples: Examples = "auto",
    personas: PersonasOf = "auto",
    segment: Annotated[
        str | None, typer.Option(help="Only of this one, such as category=Horror.")
    ] = None,
    n: Annotated[int, typer.Option("--n", help="How many decisions.", min=0)] = 5,
    exposures: Exposures = 2000,
    cache: Cache = "auto",
    book: BookFile = None,
    seed: Seed = 0,
) -> None:
    """Show where a prompt is wrong: the segments, and the worst decisions with their prompts.

    Examples:
        nudgesim prompts errors my.j2

        nudgesim prompts errors my.j2 --segment category=Horror --n 10
    """
    from simulator.lab.browser import by_segment, read_segment, worst_decisions
    from simulator.lab.tables import segment_table

    wanted = read_segment(segment) if segment else None
    settings = {"model": model, "engine": engine, "urls": url or None, "examples": examples}
    settings |= {"personas": personas}
    loaded = template_of(template, book)
    with lab_of(data, book, seed, cache=cache, **settings) as lab:
        variant = lab.variant(loaded)
        with steps_bar("asking") as bar:
            found = lab.evaluate(
                [variant],
                exposures=exposures,
                purpose="errors",
                progress=lambda prompt, done, total: bar(done, total, prompt),
            )
        print_table(segment_table(by_segment(found, found.incumbent), f"{variant.name} by segment"))
        for place, wrong in enumerate(
            worst_decisions(lab, found, found.incumbent, n=n, segment=wanted), 1
        ):
            did = "clicked" if wrong.clicked else "did not click"
            where = ", ".join(f"{kind} {name}" for kind, name in wrong.segments.items())
            click, skip = variant.template.labels.pair
            console.rule(f"{place}. log-loss {wrong.loss:.2f}")
            console.print(
                Text(
                    f"User {wrong.user} {did} {wrong.title!r}; P(click) = {wrong.probability:.3f} "
                    f"({click} {wrong.click_share:.3f}, {skip} {wrong.skip_share:.3f}, other words "
                    f"{1 - wrong.click_share - wrong.skip_share:.3f}). {where}.",
                    style="bold",
                )
            )
            console.print(Text(wrong.prompt), soft_wrap=True)
