"""`nudgesim run`: one experiment into a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.console import decisions_bar, say
from simulator.cli.outcome import show_forecast, show_outcome
from simulator.cluster import run_on_cluster
from simulator.config import RunConfig
from simulator.engines.limited import NO_LIMIT, Budget
from simulator.errors import ConfigError, UnknownNameError
from simulator.experiment import World, build_world, forecast, make_agent, run_experiment
from simulator.run_lock import only_writer
from simulator.runlog import Run, RunLog


def run(
    out: Annotated[Path, typer.Option(help="The run directory; a run found there goes on.")],
    config: Annotated[Path | None, typer.Option(help="Settings in TOML; flags go over it.")] = None,
    data: Annotated[
        str | None, typer.Option(help="A name from `nudgesim data list`, or a TOML file of tables.")
    ] = None,
    recommender: Annotated[
        str | None,
        typer.Option(
            help="itmprec, ipg, irn, llm-ipp, sasrec, iclrec, mstein, icsrec, bsarec, popular "
            "or random."
        ),
    ] = None,
    clicks: Annotated[str | None, typer.Option(help="agent or distribution.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds to play.")] = None,
    users: Annotated[int | None, typer.Option(help="How many users, drawn by seed.")] = None,
    targets: Annotated[int | None, typer.Option(help="How many target items.")] = None,
    category: Annotated[str | None, typer.Option(help="The category targets come from.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything.")] = None,
    model: Annotated[
        str | None, typer.Option(help="A name from `nudgesim models`, a hub id, or a folder.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="auto, vllm, transformers or openai.")] = None,
    url: Annotated[
        list[str] | None, typer.Option(help="A server's base URL, for --engine openai; repeatable.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="A name from `nudgesim prompts list`, or a .j2 file.")
    ] = None,
    examples: Annotated[
        str | None, typer.Option(help="auto, shipped, none, log:N, or a YAML file.")
    ] = None,
    personas: Annotated[
        str | None,
        typer.Option(help="What prompts say of users: auto, none, log, or a file of words."),
    ] = None,
    mode: Annotated[str | None, typer.Option(help="sample, argmax or text.")] = None,
    calibration: Annotated[
        str | None,
        typer.Option(help="auto, none, or a file of `nudgesim prompts calibrate`."),
    ] = None,
    distribution: Annotated[
        str | None, typer.Option(help="auto, fitted, paper or released-code.")
    ] = None,
    w: Annotated[float | None, typer.Option("--w", help="Slope of the distribution model.")] = None,
    b: Annotated[float | None, typer.Option("--b", help="Its midpoint.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="fair, paper or released-code; see docs/protocols.md.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="An ablation: prematch, intention or arousal; repeatable."),
    ] = None,
    fallback: Annotated[
        str | None, typer.Option(help="Who decides what the agent cannot: distribution or none.")
    ] = None,
    max_failure_rate: Annotated[
        float | None, typer.Option(help="Share of failures past which the run stops, resumable.")
    ] = None,
    cascade: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH",
            help="The agent decides only where the distribution model's P(click) is in this band.",
        ),
    ] = None,
    audit: Annotated[
        float | None, typer.Option(help="Share outside the band that the agent decides as well.")
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(help="The file that keeps the model's answers, auto or none."),
    ] = None,
    trust_remote_code: Annotated[
        bool | None,
        typer.Option(
            "--trust-remote-code",
            help="Run Python code that comes with the model, which can read and delete your files "
            "and use your network; only for models whose authors you trust.",
        ),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="Tokens after which this sitting stops, resumable.")
    ] = None,
    max_hours: Annotated[
        float | None, typer.Option(help="Hours after which this sitting stops, resumable.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ray",
            help="Share the users out over a Ray cluster: the one at RAY_ADDRESS, or this machine.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="With --cluster: one an accelerator, else one a machine, unless given."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Forecast decisions, tokens and time; play nothing.")
    ] = False,
    price: Annotated[
        float | None, typer.Option(help="With --dry-run: money for a million prompt tokens.")
    ] = None,
    cached_price: Annotated[
        float | None, typer.Option(help="The same where the prefix cache has them already.")
    ] = None,
) -> None:
    """Let users live with a recommender, round after round.

    A run that was stopped or killed goes on when its command is repeated, and ends as if nothing
    had happened; two at a time on one directory are refused. Exit codes: 2 an error, 3 the budget
    of --max-tokens or --max-hours is spent, 130 Ctrl-C, 143 SIGTERM.

    Examples:
        nudgesim run --out runs/agent --data demo --clicks agent

        nudgesim run --out runs/ml --data ml-100k --clicks distribution --category Sci-Fi

        nudgesim run --out runs/qwen --data ml-100k --model qwen3-4b --users 100 --targets 5

        nudgesim run --out runs/served --engine openai --url http://localhost:8000 --model my-model

        nudgesim run --out runs/big --data ml-100k --model qwen3-4b --dry-run --price 0.10

        nudgesim run --out runs/big --data ml-100k --model qwen3-4b --max-hours 8 --cascade 0.2:0.8

        nudgesim run --out runs/wide --data ml-100k --model qwen3-4b --cluster ray --workers 4
    """
    settings = RunConfig.read(
        config,
        {
            "data": data,
            "recommender": recommender,
            "clicks": clicks,
            "rounds": rounds,
            "users": users,
            "targets": targets,
            "category": category,
            "seed": seed,
            "agent.model": model,
            "agent.engine": engine,
            "agent.urls": url or None,
            "agent.template": template,
            "agent.examples": examples,
            "agent.personas": personas,
            "agent.mode": mode,
            "agent.calibration": calibration,
            "distribution.preset": distribution,
            "distribution.w": w,
            "distribution.b": b,
            "protocol": protocol,
            "without": without or None,
            "fallback": fallback,
            "max_failure_rate": max_failure_rate,
            "cascade": None if cascade is None else _band(cascade),
            "audit": audit,
            "agent.cache": cache,
            "agent.trust_remote_code": trust_remote_code,
        },
    )
    if cluster not in (None, "ray"):
        raise UnknownNameError("cluster", cluster, ["ray"])
    if workers is not None and (cluster is None or workers < 1):
        raise ConfigError("--workers: give 1 or more, together with --cluster ray.")
    budget = Budget(max_tokens, max_hours)
    if settings.clicks != "agent" and budget != NO_LIMIT:
        raise ConfigError(
            "--max-tokens and --max-hours limit what the agent spends; with --clicks distribution "
            "leave them out."
        )
    if dry_run:
        rounds_done = len(RunLog(out).finished_rounds())
        show_forecast(forecast(settings, say, rounds_done=rounds_done), price, cached_price)
        return
    # Before anything is trained or started, so that a second run is refused at once.
    with only_writer(out):
        done = _play(settings, out, cluster is not None, workers, budget)
    show_outcome(done, out)


def _play(
    settings: RunConfig, out: Path, on_cluster: bool, workers: int | None, budget: Budget
) -> Run:
    world = build_world(settings, say)
    rounds_left = settings.rounds - len(RunLog(out).finished_rounds())
    total = rounds_left * len(world.users) * len(world.targets)
    title = f"{settings.recommender}, {settings.clicks} clicks"
    if not on_cluster:
        return _run_here(settings, out, world, budget, title, total)
    with decisions_bar(title, total) as progress:
        return run_on_cluster(
            settings,
            out,
            workers=workers,
            budget=budget,
            say=say,
            progress=progress,
            world=world,
        )


def _run_here(
    settings: RunConfig, out: Path, world: World, budget: Budget, title: str, total: int
) -> Run:
    """Start the engine, then the bar, so that the bar counts decisions alone."""
    agent = None
    if settings.clicks == "agent":
        agent = make_agent(settings.agent, world.data, settings.seed, say, budget=budget)
    try:
        with decisions_bar(title, total) as progress:
            return run_experiment(
                settings, out, say=say, progress=progress, world=world, agent=agent
            )
    finally:
        if agent is not None:
            agent.close()


def _band(text: str) -> tuple[str, str]:
    """Two numbers around a colon; the settings check them."""
    low, colon, high = text.partition(":")
    if not colon:
        raise ConfigError(f"--cascade {text}: give two numbers in [0, 1], such as 0.2:0.8.")
    return low, high
