"""`nudgesim prompts sweep`: vary a prompt, race the variants, measure the spread."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from simulator.cli.console import console, say, steps_bar
from simulator.cli.prompts_options import (
    BookFile,
    Cache,
    Data,
    Engine,
    Examples,
    Export,
    Exposures,
    Mass,
    Model,
    OneTemplate,
    PersonasOf,
    Seed,
    Urls,
    lab_of,
    print_notes,
    print_table,
    template_of,
    write_export,
)


def sweep(
    template: OneTemplate = "auto",
    axes: Annotated[
        str,
        typer.Option(
            help="Which, parted by commas: labels, examples, balance, order, history, direction, "
            "categories, personas, wording."
        ),
    ] = "examples,balance,order,history,direction,categories,personas,wording,labels",
    data: Data = "demo",
    model: Model = "auto",
    engine: Engine = "auto",
    url: Urls = None,
    examples: Examples = "auto",
    personas: PersonasOf = "auto",
    exposures: Exposures = 2000,
    race: Annotated[
        bool, typer.Option(help="Drop the worse half of the variants again and again.")
    ] = True,
    crossed: Annotated[
        bool, typer.Option("--crossed", help="Every combination of the axes.")
    ] = False,
    save: Annotated[
        str | None, typer.Option(help="Write the best prompt to NAME.j2 and NAME.yaml.")
    ] = None,
    minimum_mass: Mass = 0.5,
    cache: Cache = "auto",
    book: BookFile = None,
    export: Export = None,
    seed: Seed = 0,
) -> None:
    """Vary a prompt along axes, find the best, and say whether its gain is more than wording.

    The best is held against the prompt as it is, and its spread is measured over variants that
    say the same. Only development users are asked.

    Examples:
        nudgesim prompts sweep

        nudgesim prompts sweep my.j2 --axes examples,history,categories --crossed

        nudgesim prompts sweep --data ml-100k --model qwen3-4b --no-race --save best
    """
    from simulator.lab import race as run_race
    from simulator.lab import spread, sweep_variants
    from simulator.lab.axes import check_axes
    from simulator.lab.saving import save_prompt
    from simulator.lab.tables import evaluation_table, race_table, refusals, spread_table

    chosen = [axis.strip() for axis in axes.split(",") if axis.strip()]
    check_axes(chosen)
    settings = {"model": model, "engine": engine, "urls": url or None, "examples": examples}
    settings |= {"personas": personas}
    loaded = template_of(template, book)
    with lab_of(data, book, seed, cache=cache, minimum_mass=minimum_mass, **settings) as lab:
        base = lab.variant(loaded)
        variants = sweep_variants(lab, base, chosen, crossed=crossed)
        say(f"{len(variants)} variants of {base.name}")
        with steps_bar("asking") as bar:

            def advance(prompt: str, done: int, total: int) -> None:
                bar(done, total, prompt)

            if race:
                ran = run_race(lab, variants, exposures=exposures, progress=advance)
                found, best = ran.final, ran.winner
            else:
                found = lab.evaluate(
                    variants, exposures=exposures, purpose="sweep", progress=advance
                )
                best = str(found.board().index[0])
        if race:
            print_table(race_table(ran))
            for line in refusals({k: v for rung in ran.rungs for k, v in rung.refused.items()}):
                console.print(Text(f"Note: {line}", style="yellow"))
        print_table(evaluation_table(found))
        print_notes(found)
        if save is not None:
            for path in save_prompt(found.variants[best], save, Path.cwd()):
                say(f"written to {path}")
        write_export(found.board(), [evaluation_table(found)], export)
        with steps_bar("spread") as bar:
            moved = spread(
                lab,
                found.variants[best],
                exposures=exposures,
                progress=lambda prompt, done, total: bar(done, total, prompt),
            )
        print_table(spread_table(moved))
        console.print(Text(f"\nBest: {best}.", style="bold"))
        if best != found.incumbent:
            for measure in ("log_loss", "auc"):
                gain = found.value(best, measure) - found.value(found.incumbent, measure)
                console.print(Text(moved.sentence(gain, measure)))
            say(
                f"the best of {len(variants)} is chosen on the users it is judged on, and a race's "
                "p-values count its last rung only: both flatter it; "
                "`nudgesim prompts eval --test` tells"
            )
