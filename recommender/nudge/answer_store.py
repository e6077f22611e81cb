"""A language model's answers on disk: what was written once is not asked for again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from simulator.errors import DataError


class AnswerStore:
    """Answers by prompt, in a file of JSON lines that only grows.

    Each call of `add` is flushed to the disk as a whole. A line torn by a crash is cut off when the
    file is opened next; its prompt is asked again.

    Args:
        path: The file; made with its folder when the first answer comes. One process at a time
            writes to it.
        model: Names what else decides an answer: the model, its revision, the answer's length.

    Raises:
        DataError: If the file holds something else; names the line.
    """

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self._model = model
        self._answers: dict[str, str] = {}
        self._read()

    def get(self, prompt: str) -> str | None:
        """The answer to a prompt, or None."""
        return self._answers.get(self._key(prompt))

    def add(self, answers: Mapping[str, str]) -> None:
        """Keep answers by prompt."""
        keyed = {self._key(prompt): answer for prompt, answer in answers.items()}
        lines = (json.dumps({"prompt": key, "answer": text}) for key, text in keyed.items())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        self._answers.update(keyed)

    def _key(self, prompt: str) -> str:
        return hashlib.sha256(f"{self._model}\n{prompt}".encode()).hexdigest()

    def _read(self) -> None:
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                entry = json.loads(line)
                self._answers[entry["prompt"]] = str(entry["answer"])
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    "Not an answer of a language model; name another file to keep answers in, or "
                    "delete this one.",
                    path=self.path,
                    line=number,
                ) from error
        if whole < len(content):
            with self.path.open("r+b") as file:
                file.truncate(whole)
