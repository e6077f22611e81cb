"""Templates rendered in a process of its own, which may be stopped: a draft can loop for ever.

The sandbox keeps a template from files and from Python; it does not keep it from using time and
memory, and half-written drafts do that by accident. So a child renders them, under a limit of
memory, and is ended and started anew when it takes too long.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from prompts import Example
from simulator.domain import Exposures, Ragged
from simulator.errors import EngineError, PromptError
from simulator.interfaces import Prompt
from simulator.lab.page.faults import Fault, located

SECONDS = 3.0
"""How long a draft may take to be read and rendered for a handful of users."""
_STARTING_SECONDS = 60.0
_CHILD = Path(__file__).parent / "rendering_child.py"


@dataclass(frozen=True, eq=False)
class Rendered:
    """What a draft says.

    Attributes:
        name: In the front matter.
        version: In the front matter.
        labels: (click, skip).
        window: The most items of a history that are shown.
        sha256: Of the text.
        prompts: One for each exposure.
    """

    name: str
    version: int
    labels: tuple[str, str]
    window: int
    sha256: str
    prompts: list[Prompt]


class FaultyDraftError(PromptError):
    """A draft cannot be rendered; `fault` says where."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Renderer:
    """Renders drafts one at a time, each within `seconds`; threads may share it.

    It holds a process; close it.

    Args:
        examples: Few-shot examples; None for those shipped for a draft's domain and language.
        seconds: How long a draft may take.
    """

    def __init__(self, examples: Sequence[Example] | None, seconds: float = SECONDS) -> None:
        self._examples = examples
        self._seconds = seconds
        self._lock = Lock()
        self._ready = False
        self._start()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def render(self, text: str, place: str, shown: Exposures) -> Rendered:
        """A draft's prompts for these exposures.

        Args:
            text: The whole file.
            place: What errors call it.
            shown: With a catalogue.

        Raises:
            FaultyDraftError: If the template is faulty, takes too long or says too much.
            EngineError: If the process cannot be started.
        """
        draft = (text, place, self._examples, *_compact(shown))
        with self._lock:
            kind, answer = self._ask(draft)
        if kind == "fault":
            raise FaultyDraftError(located(str(answer), place, text))
        return Rendered(*answer)

    def _ask(self, draft: tuple[Any, ...]) -> tuple[str, Any]:
        self._await_start()
        try:
            self._pipe.send(draft)
            if self._pipe.poll(self._seconds):
                answer: tuple[str, Any] = self._pipe.recv()
                return answer
            found = f"takes longer than {self._seconds:g} seconds to render"
        except (EOFError, OSError):
            found = "needs more memory than any prompt could use"
        self._end()
        self._start()
        return "fault", f"{draft[1]}: this template {found}; shorten its loops."

    def _await_start(self) -> None:
        """What the child imports is not the draft's fault."""
        if self._ready:
            return
        try:
            self._ready = self._pipe.poll(_STARTING_SECONDS) and self._pipe.recv() == "ready"
        except (EOFError, OSError):
            self._ready = False
        if not self._ready:
            raise EngineError("The process that renders drafts does not start; start this anew.")

    def _start(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = subprocess.Popen(
            [sys.executable, str(_CHILD), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process alone
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        theirs.close()
        self._ready = False

    def _end(self) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.wait()


def _compact(shown: Exposures) -> tuple[Any, ...]:
    """Catalogue, histories and items with no more of the catalogue than these exposures need."""
    assert shown.catalogue is not None
    everything = np.concatenate([shown.history.values, shown.item])
    used, rows = np.unique(everything, return_inverse=True)
    rows = rows.astype(np.int32)
    end = len(shown.history.values)
    return shown.catalogue.subset(used), Ragged(rows[:end], shown.history.offsets), rows[end:]
