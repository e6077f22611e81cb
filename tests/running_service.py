"""`nudgesim serve` as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

COMMAND = [sys.executable, "-c", "from simulator.cli import main; main()", "serve"]


class ServiceProcess:
    """A process that serves, the address that it told, and all that it said."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "300", **environment},
        )
        self.lines: list[str] = []
        self._told = threading.Event()
        self.url = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for_address(self) -> None:
        self._told.wait(120)
        assert self.url, "".join(self.lines)

    def end(self, signal_number: int) -> tuple[int, str]:
        """(exit code, all that was said) after a signal."""
        self.process.send_signal(signal_number)
        code = self.process.wait(60)
        self._reader.join(10)
        return code, "".join(self.lines)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"at (http://\S+:\d+);", line):
                self.url = found.group(1)
                self._told.set()
        self._told.set()


@contextmanager
def running_service(
    *options: str, command: list[str] = COMMAND, **environment: str
) -> Iterator[ServiceProcess]:
    service = ServiceProcess([*command, *options], environment)
    try:
        service.wait_for_address()
        yield service
    finally:
        service.kill()
