"""The `nudgesim` command and its one way of failing."""

from __future__ import annotations

import os
import sys

import typer

from simulator.cli import (
    agent,
    audit,
    cache,
    compare,
    data,
    demo,
    models,
    prompts,
    reproduce,
    run,
    serve,
)
from simulator.cli.console import errors
from simulator.cli.stopping import CTRL_C, STOPPED, stopped_by_signals
from simulator.errors import BudgetSpentError, NudgesimError

_BUDGET_SPENT = 3

app = typer.Typer(
    name="nudgesim",
    help="Language-model users for recommenders: simulate clicks, nudge, compare click models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="demo")(demo.demo)
app.command(name="run")(run.run)
app.command(name="compare")(compare.compare)
app.command(name="reproduce")(reproduce.reproduce)
app.add_typer(data.app, name="data")
app.add_typer(prompts.app, name="prompts")
app.add_typer(agent.app, name="agent")
app.add_typer(audit.app, name="audit")
app.add_typer(cache.app, name="cache")
app.command(name="models")(models.models)
app.command(name="serve")(serve.serve)


def main() -> None:
    """Run the command; a user's error is one message and exit code 2, never a traceback.

    Exit codes: 0 done; 2 an error; 3 a budget is spent; 130, 143 and 129 stopped by Ctrl-C, SIGTERM
    and SIGHUP. After 2, 3 and the last three the same command goes on with a run.
    """
    # Tokenizers warn when a process that used their threads forks, as vLLM does; torch's C++ side
    # reads its level once, on import.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    with stopped_by_signals():
        _run()


def _run() -> None:
    try:
        app()
    except BudgetSpentError as stop:
        errors.print(str(stop), markup=False, highlight=False, soft_wrap=True)
        sys.exit(_BUDGET_SPENT)
    except NudgesimError as error:
        errors.print(f"[bold red]error:[/] {type(error).__name__}", highlight=False)
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        # A full disk, a read-only folder, a file where a folder should be.
        where = f"{error.filename}: " if error.filename else ""
        errors.print(f"{where}{error.strerror or error}", markup=False, soft_wrap=True)
        sys.exit(2)
    except MemoryError as error:
        errors.print(f"Out of memory. {error}".strip(), markup=False, soft_wrap=True)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as end:
        # Typer itself turns Ctrl-C into a silent exit.
        code = end.code if isinstance(end, SystemExit) else CTRL_C
        if code not in STOPPED:
            raise
        errors.print("Stopped. To go on with a run after its last whole round, repeat its command.")
        sys.exit(code)
