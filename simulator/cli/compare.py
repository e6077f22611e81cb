"""`nudgesim compare`: click models and runs side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.console import console, decisions_bar, say
from simulator.cli.findings import show_comparison
from simulator.errors import RunError
from simulator.runlog import Run


def compare(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(
            help="Run directories, and click models: agent, agent:model=qwen3-4b,template=my.j2, "
            "distribution:paper, distribution:w=5,b=0.2. Without any: agent."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="The log to judge click models by; the runs' own, else demo."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder for report, figures and tables; the first run's, else "
            "runs/compare-DATA."
        ),
    ] = None,
    shared: Annotated[
        bool,
        typer.Option("--shared", help="Compare what runs of other users, rounds or seeds share."),
    ] = False,
    exposures: Annotated[
        int, typer.Option(help="Held-out exposures to be judged on, about.", min=1)
    ] = 10_000,
    probed: Annotated[
        int, typer.Option(help="How many of them the bias probes ask about again.", min=1)
    ] = 1_000,
    trained_until: Annotated[
        int | None,
        typer.Option(help="Last year that the models have read of, for the probes."),
    ] = None,
    users: Annotated[int, typer.Option(help="Users of the nudging runs.", min=1)] = 50,
    targets: Annotated[int, typer.Option(help="Targets of the nudging runs.", min=1)] = 2,
    rounds: Annotated[int, typer.Option(help="Rounds of the nudging runs.", min=1)] = 10,
    draws: Annotated[int, typer.Option(help="Bootstrap resamples.", min=100)] = 2_000,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave out recommenders, nudging or probes; repeatable."),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Of all agents, as of nudgesim run.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything.")] = 0,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX instead.")] = False,
) -> None:
    """Hold click models against a log and against each other, and runs side by side.

    Click models are judged on exposures of held-out users (how true are they?)
    and as testers (do they rank recommenders as the log does, and do conclusions
    about nudging survive them?). Click rate, popularity, matrix factorisation, a
    sequence model, a replay of the log and the fitted distribution are always
    among them. Runs are compared with the first, paired by user. Intervals are 95%
    bootstrap intervals over users. See docs/compare.md.

    Examples:
        nudgesim compare agent distribution:paper --data demo

        nudgesim compare qwen=agent:model=qwen3-4b mine=agent:template=my.j2 --data mind

        nudgesim compare runs/agent runs/distribution

        nudgesim compare runs/itmprec runs/ipg --latex > table.tex
    """
    from evals.report import Contents, tables_of, write_comparison
    from evals.tables import latex_table, markdown_table, render_table
    from simulator.experiment.comparing import (
        ComparisonSettings,
        compare_click_models,
        contents_of_runs,
    )

    runs, names = _sorted_out(subjects or [])
    contents = Contents()
    if runs:  # first, since runs that cannot be paired should not wait for models to answer
        contents = contents_of_runs([run for _, run in runs], shared=shared, draws=draws)
    comparison = contents.runs
    if names or data or not runs:
        flags = {
            "data": data or contents.data or "demo",
            "seed": seed,
            "users": users,
            "targets": targets,
            "rounds": rounds,
            "agent.engine": engine,
        }
        settings = replace(
            ComparisonSettings.read(names or ["agent"], flags, without or ()),
            exposures=exposures,
            probed=probed,
            draws=draws,
            trained_until=trained_until,
        )
        judged = compare_click_models(settings, played_on=contents.data, say=say, bar=decisions_bar)
        contents = replace(judged, runs=comparison or judged.runs)
    place = out or (runs[0][0] if runs else Path("runs") / f"compare-{contents.data}")
    if markdown or latex:
        for table in tables_of(contents):
            typer.echo(latex_table(table) if latex else markdown_table(table))
    else:
        show_comparison(contents)
        for part in [] if comparison is None else render_table(comparison):
            console.print(part)
    write_comparison(contents, place)
    say(f"report: {place / 'report.html'}")


def _sorted_out(subjects: list[str]) -> tuple[list[tuple[Path, Run]], list[str]]:
    """Run directories, loaded, and names of click models."""
    runs, names = [], []
    for subject in subjects:
        path = Path(subject)
        if path.is_dir():
            runs.append((path, Run.load(path)))
        elif subject.partition(":")[0].rpartition("=")[2] in ("agent", "distribution"):
            names.append(subject)
        else:
            raise RunError(
                f"{subject}: neither a run directory nor a click model; name a directory that "
                "`nudgesim run` has written, or agent, agent:model=..., distribution:paper, "
                "distribution:w=5,b=0.2."
            )
    return runs, names
