"""`nudgesim serve`: the click agent over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from simulator.cli.console import say
from simulator.errors import MissingExtraError

_MEGABYTE = 1_000_000


def serve(
    model: Annotated[
        str, typer.Option(help="A name from `nudgesim models`, a hub id, or a folder.")
    ] = "auto",
    domain: Annotated[
        str, typer.Option(help="What titles name: movies, music, games, news or general.")
    ] = "general",
    engine: Annotated[str, typer.Option(help="auto, vllm, transformers or openai.")] = "auto",
    url: Annotated[
        list[str] | None, typer.Option(help="A server's base URL, for --engine openai; repeatable.")
    ] = None,
    template: Annotated[
        str, typer.Option(help="A name from `nudgesim prompts list`, or a .j2 file.")
    ] = "auto",
    examples: Annotated[str, typer.Option(help="shipped, none, or a YAML file.")] = "auto",
    mode: Annotated[str, typer.Option(help="sample, argmax or text.")] = "sample",
    calibration: Annotated[
        str,
        typer.Option(help="A file of `nudgesim prompts calibrate`, or none."),
    ] = "none",
    cache: Annotated[
        str, typer.Option(help="The file that keeps the model's answers, auto or none.")
    ] = "auto",
    host: Annotated[
        str, typer.Option(help="Other than this machine's own needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.", min=0, max=65535)] = 8100,
    max_rows: Annotated[int, typer.Option(help="Exposures in one request.")] = 1_024,
    batch_rows: Annotated[int, typer.Option(help="Exposures that the engine gets at a time.")] = (
        1_024
    ),
    max_waiting: Annotated[
        int, typer.Option(help="Exposures that wait; past it requests are refused.")
    ] = 8_192,
    max_body: Annotated[
        float, typer.Option(metavar="MB", help="Length of a request's body.")
    ] = 4.0,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long a request may wait.")
    ] = 60.0,
) -> None:
    """Answer recommenders in any language: histories and candidates in, clicks out.

    Requests of many callers are merged into full batches. A token in the environment variable
    NUDGESIM_SERVE_TOKEN is asked of every caller. SIGTERM or Ctrl-C ends the service after all
    accepted requests are answered. docs/service.md has the endpoints.

    Examples:
        nudgesim serve --model pocket --domain movies

        nudgesim serve --model qwen3-4b --engine vllm --port 9000

        NUDGESIM_SERVE_TOKEN=$(openssl rand -hex 32) nudgesim serve --host 0.0.0.0

        curl http://127.0.0.1:8100/v1/clicks -H 'content-type: application/json'
        -d '{"exposures": [{"history": ["Alien", "Blade Runner"], "candidate": "Solaris"}]}'
    """
    from contextlib import closing

    from simulator.experiment.agents import open_agent

    try:
        from simulator.service import Limits, bind, read_token
        from simulator.service import serve as serve_agent
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "uvicorn", "prometheus_client"):
            raise
        raise MissingExtraError(error.name, "serve", "nudgesim serve") from error

    # All that can be wrong is looked at before a model is loaded.
    limits = Limits(
        request_rows=max_rows,
        batch_rows=batch_rows,
        waiting_rows=max_waiting,
        body_bytes=int(max_body * _MEGABYTE),
        seconds=timeout,
    )
    token = read_token(host)
    settings: dict[str, Any] = {
        "engine": engine,
        "urls": url or None,
        "template": template,
        "examples": examples,
        "mode": mode,
        "calibration": calibration,
        "cache": cache,
    }
    with (
        bind(host, port) as bound,
        closing(open_agent(model, domain=domain, say=say, **settings)) as agent,
    ):
        serve_agent(agent, bound, say=say, limits=limits, token=token)
