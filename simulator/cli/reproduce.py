"""`nudgesim reproduce`: the paper's tables and figures, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.console import console, decisions_bar, say

_ALL_PROTOCOLS = ["fair", "paper", "released-code"]


def reproduce(
    what: Annotated[
        str,
        typer.Argument(help="table3, table4, table5, figure4, figure6, figure7 or figure8."),
    ],
    data: Annotated[
        str, typer.Option(help="A name from `nudgesim data list`, or a TOML file of tables.")
    ] = "ml-100k",
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="fair, paper or released-code; repeatable, all three by default."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Where runs and results go; runs found there are not repeated.")
    ] = Path("runs/reproduce"),
    seeds: Annotated[int, typer.Option(help="How many seeds: 0, 1, ...")] = 1,
    targets: Annotated[int, typer.Option(help="How many target items.")] = 20,
    users: Annotated[
        int | None, typer.Option(help="How many users, drawn by seed; all by default.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Rounds of each run.")] = 20,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Names joined by commas: sasrec, ..., ipg, itmprec, itmprec-without-prematch, "
            "...-intention, ...-arousal; those of the paper by default."
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(help="Where targets come from; all for the whole catalogue."),
    ] = None,
    distribution: Annotated[
        str, typer.Option(help="The distribution click model: paper, released-code or fitted.")
    ] = "released-code",
    model: Annotated[
        str | None,
        typer.Option(help="A language model, for figure6, table5 and the method llm-ipp."),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="auto, vllm, transformers or openai.")] = None,
    url: Annotated[
        list[str] | None, typer.Option(help="A server's base URL, for --engine openai; repeatable.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="A name from `nudgesim prompts list`, or a .j2 file.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="The user of table5, by id; drawn by default.")
    ] = None,
) -> None:
    """Make a table or figure of the ITMPRec paper again, and hold it against the printed one.

    Runs go to OUT/DATA/PROTOCOL/METHOD-seedN; a repeated command plays only what is missing. The
    result is written beside them as CSV, Markdown and LaTeX, figures as SVG and PNG.

    Examples:
        nudgesim reproduce table4 --data ml-100k

        nudgesim reproduce table3 --data ml-100k --protocol fair --seeds 3

        nudgesim reproduce table4 --data demo --methods ipg,itmprec --users 100 --targets 5

        nudgesim reproduce figure6 --data demo --users 100 --targets 3
    """
    from simulator import reproduction

    agent = {"model": model, "engine": engine, "urls": url or None, "template": template}
    settings = reproduction.ReproductionSettings(
        data=data,
        out=out,
        protocols=tuple(dict.fromkeys(protocol or _ALL_PROTOCOLS)),
        seeds=seeds,
        targets=targets,
        users=users,
        rounds=rounds,
        methods=tuple(name.strip() for name in methods.split(",")) if methods else None,
        category=category,
        distribution=distribution,
        agent={name: value for name, value in agent.items() if value is not None},
        user=user,
    )
    exhibit = reproduction.reproduce(what, settings, say, decisions_bar)
    console.print(reproduction.for_terminal(exhibit.summary))
    console.print()
    for sentence in exhibit.caption:
        console.print(sentence, highlight=False, markup=False, style="dim")
