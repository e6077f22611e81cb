"""The processes that vLLM may start beside this one: they end when it does, and it says so if not.

By default there are none (`vllm_settings` keeps the engine in this process). Several accelerators,
or VLLM_ENABLE_V1_MULTIPROCESSING=1, bring them.
"""

from __future__ import annotations

import inspect
import multiprocessing.spawn
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from simulator.errors import EngineError

_starting: list[int] = []
"""This process's number, once for each engine that it is starting."""


@contextmanager
def children_end_with_us() -> Iterator[None]:
    """Processes started within end when this one is killed, which cannot tell them any more.

    vLLM's own engine process would go on for ever and keep its memory. (The kernel's way of doing
    this, PR_SET_PDEATHSIG, goes by the thread that forked, which may end long before the engine.)
    """
    _watch_starts()
    _starting.append(os.getpid())
    try:
        yield
    finally:
        _starting.remove(os.getpid())


@contextmanager
def engine_alive(cure: str) -> Iterator[None]:
    """Say what may have happened where vLLM's engine process has died.

    Args:
        cure: How it can be run with less memory, the commonest reason.

    Raises:
        EngineError: In place of vLLM's own error.
    """
    from vllm.v1.engine.exceptions import EngineDeadError

    try:
        yield
    except EngineDeadError as error:
        raise EngineError(
            "vLLM's engine process has died; what it said last is above. If it said nothing, the "
            f"system has most likely ended it for want of memory. {cure} What was answered before "
            "is kept in the decision cache, and the same command goes on."
        ) from error


@cache
def _watch_starts() -> None:
    """Once, since it cannot be taken back.

    vLLM forks its processes; on a CPU, and where an accelerator is in use already, it spawns them.
    A spawned one is another Python, which runs no hook of ours but the command that it is given.
    """
    os.register_at_fork(after_in_child=_watch_after_fork)
    usual = multiprocessing.spawn.get_command_line

    def watched(**facts: Any) -> list[str]:
        command = usual(**facts)
        if _starting:
            code = command.index("-c") + 1
            watch = f"{inspect.getsource(_end_with)}\n_end_with({os.getpid()})\n"
            command[code] = watch + command[code]
        return command

    multiprocessing.spawn.get_command_line = watched


def _watch_after_fork() -> None:
    if _starting:
        parent = _starting[0]
        _starting.clear()
        _end_with(parent)


def _end_with(parent: int) -> None:
    """End this process and all below it once it has another parent.

    A spawned one is handed this as text.
    """
    import contextlib
    import os
    import pathlib
    import signal
    import threading
    import time

    def end(process: int) -> None:
        with contextlib.suppress(OSError):
            # Those below first, as long as they can be found by the one above.
            for children in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
                for child in children.read_text().split():
                    end(int(child))
            os.kill(process, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        end(os.getpid())

    threading.Thread(target=watch, name="nudgesim-parent-watch", daemon=True).start()
