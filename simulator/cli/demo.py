"""`nudgesim demo`: the main job on the demo world, start to report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.console import console, decisions_bar, say, show_judgement

_USERS, _TARGETS, _ROUNDS = 100, 3, 20


def demo(
    out: Annotated[Path, typer.Option(help="Where the two runs and the report go.")] = Path(
        "runs/demo"
    ),
    engine: Annotated[str, typer.Option(help="auto, vllm or transformers.")] = "auto",
    model: Annotated[str, typer.Option(help="The model; pocket knows the demo world.")] = "pocket",
) -> None:
    """Let a language model click its way through a nudging run, beside the distribution model.

    ITMPRec steers 100 users of the demo world towards 3 films for 20 rounds, once with the agent's
    clicks and once with the distribution model's, on the same draws. Then both are compared, and
    judged against the clicks of users that neither has seen.

    Example: nudgesim demo
    """
    from evals import compare, render_table, write_report
    from simulator.config import RunConfig
    from simulator.experiment import (
        build_world,
        judge_click_models,
        make_agent,
        run_experiment,
    )

    settings = {"users": _USERS, "targets": _TARGETS, "rounds": _ROUNDS}
    flags = {"agent.engine": engine, "agent.model": model}
    agent_config = RunConfig.read(None, {**settings, **flags, "clicks": "agent"})
    distribution_config = RunConfig.read(None, {**settings, "clicks": "distribution"})
    world = build_world(agent_config, say)
    titles = [world.data.catalogue.titles[target] for target in world.targets]
    say(f"steering {_USERS} users for {_ROUNDS} rounds towards {', '.join(titles)}")
    agent = make_agent(agent_config.agent, world.data, agent_config.seed, say)
    runs = []
    for config in (agent_config, distribution_config):
        total = config.rounds * len(world.users) * len(world.targets)
        with decisions_bar(f"{config.clicks} clicks", total) as progress:
            runs.append(
                run_experiment(
                    config,
                    out / config.clicks,
                    say=say,
                    progress=progress,
                    world=world,
                    agent=agent,
                )
            )
    comparison = compare(runs)
    for part in render_table(comparison):
        console.print(part)
    show_judgement(
        "Against the logged clicks of users that no model has seen",
        judge_click_models(agent_config, world.data, agent, say),
    )
    agent.close()
    report = out / "report.html"
    write_report(comparison, report, titles=world.data.catalogue.titles)
    console.print(f"\nOpen the report: {report}", highlight=False)
