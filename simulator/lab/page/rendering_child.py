"""Renders the drafts that come down a pipe; run as a script by `rendering.py`.

A script and no module, so that it imports prompts and nothing of the lab: it is started anew
whenever a draft had to be stopped, and that should not take long.
"""

from __future__ import annotations

import resource
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from prompts import PromptRenderer, Template, shipped_examples
from simulator.errors import NudgesimError, PromptError

_CHARACTERS = 200_000
"""The longest prompt; far past what is worth showing, and past most models' windows."""
_SECONDS = 30
"""Of a draft, after which the system ends this process."""
_MEMORY = 512 * 2**20
"""Bytes that may be taken beyond what is taken at the start."""


def main(descriptor: int) -> None:
    """Answer until nobody asks any more: ("rendered", ...) or ("fault", message)."""
    _limit_memory()
    with Connection(descriptor) as pipe:
        pipe.send("ready")
        while True:
            try:
                draft = pipe.recv()
            except EOFError:
                return
            # Whoever asks stops this process much earlier, unless it is gone itself.
            signal.alarm(_SECONDS)
            try:
                answer: tuple[str, Any] = "rendered", _render(*draft)
            except NudgesimError as error:
                answer = "fault", str(error)
            except (MemoryError, OverflowError):
                answer = "fault", f"{draft[1]}: this template makes numbers or texts of giant size."
            signal.alarm(0)
            pipe.send(answer)


def _render(text: str, place: str, examples: Any, catalogue: Any, history: Any, item: Any) -> Any:
    template = Template.parse(text, Path(place))
    shown = shipped_examples(template) if examples is None else examples
    prompts = PromptRenderer(template, catalogue, shown).render(history, item)
    longest = max(len(prompt.text) for prompt in prompts)
    if longest > _CHARACTERS:
        raise PromptError(
            f"{place}: a prompt of {longest:,} characters; {_CHARACTERS:,} is the most that is "
            "looked at. Show fewer items, or shorten the loops."
        )
    pair, window = template.labels.pair, template.history.window
    return template.name, template.version, pair, window, template.sha256, prompts


def _limit_memory() -> None:
    taken = Path("/proc/self/statm")
    if taken.exists():
        now = int(taken.read_text().split()[0]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (now + _MEMORY, most))


if __name__ == "__main__":
    main(int(sys.argv[1]))
