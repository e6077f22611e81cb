"""`nudgesim prompts serve` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

COMMAND = [sys.executable, "-c", "from simulator.cli import main; main()", "prompts", "serve"]
OPTIONS = ["--model", "pocket", "--engine", "transformers", "--port", "0", "--no-browser"]


@dataclass
class Served:
    """A page that is served by a process of its own."""

    process: subprocess.Popen[str]
    folder: Path
    url: str = ""
    token: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def client(self) -> httpx.Client:
        headers = {"X-Nudgesim-Token": self.token}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def read(self, told: threading.Event) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"(http://\S+)/#(\S+)", line):
                self.url, self.token = found.groups()
                told.set()
        told.set()


@contextmanager
def page_served(template: str, folder: Path) -> Iterator[Served]:
    kept = ["--cache", str(folder / "cache.sqlite"), "--book", str(folder / "book.sqlite")]
    process = subprocess.Popen(
        [*COMMAND, template, *OPTIONS, *kept],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "300", "OMP_NUM_THREADS": "1"},
    )
    served, told = Served(process, folder), threading.Event()
    reader = threading.Thread(target=served.read, args=(told,))
    reader.start()
    try:
        told.wait(120)
        assert served.url, "".join(served.lines)
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, "".join(served.lines)
        reader.join()
        assert process.stderr is not None
        process.stderr.close()
    assert "Traceback" not in "".join(served.lines)
