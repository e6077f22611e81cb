"""Malformed files through the command: exit code 2, one message that names the file, no more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from malformed_mutations import AT_THE_PATH
from malformed_subjects import CACHE, CONFIG, RUN, SUBJECTS, TABLES, TEMPLATE

Command = Callable[..., tuple[int, str, str]]
AS = {
    TABLES.name: ("shop.toml", ("data", "check")),
    RUN.name: ("manifest.json", ("compare",)),
    CONFIG.name: ("settings.toml", ("run", "--out", "out", "--config")),
    TEMPLATE.name: ("own.j2", ("prompts", "show")),
    CACHE.name: ("decisions.sqlite", ("cache", "stats", "--cache")),
}
CONTENTS = {
    "cut": b'name = "',
    "no text": b"\xff\xfe\x00\x01" * 50,
    "deep": b"a = " + b"[" * 5_000,
    "zeros": bytes(500),
    "a page": b"<html><body>404</body></html>\n",
}


def arguments(name: str, folder: Path) -> tuple[str, ...]:
    file, words = AS[name]
    words = tuple(str(folder / "out") if word == "out" else word for word in words)
    return (*words, str(folder if name == RUN.name else folder / file))


@pytest.mark.parametrize("name", AS)
@pytest.mark.parametrize("kind", CONTENTS)
def test_a_malformed_file_ends_a_command_with_a_cure(
    command: Command, tmp_path: Path, name: str, kind: str
) -> None:
    folder = SUBJECTS[name].write(tmp_path / "place")
    (folder / AS[name][0]).write_bytes(CONTENTS[kind])
    code, _, errors = command(*arguments(name, folder))
    assert code == 2, errors
    assert AS[name][0] in errors
    assert "Traceback" not in errors
    assert len(errors) < 2_500


@pytest.mark.parametrize("name", AS)
@pytest.mark.parametrize("kind", ["a folder", "a link to itself", "a pipe", "a device without end"])
def test_what_is_no_file_ends_a_command_with_a_cure(
    command: Command, tmp_path: Path, name: str, kind: str
) -> None:
    folder = SUBJECTS[name].write(tmp_path / "place")
    AT_THE_PATH[kind](folder / AS[name][0])
    code, _, errors = command(*arguments(name, folder))
    assert code == 2, errors
    assert AS[name][0] in errors
    assert "Traceback" not in errors


def test_what_a_loader_left_out_is_told(command: Command, tmp_path: Path) -> None:
    folder = TABLES.write(tmp_path / "place")
    code, output, _ = command("data", "check", str(folder / "shop.toml"))
    assert code == 0
    assert "left out" in output


@pytest.mark.slow
@pytest.mark.parametrize("name", [TABLES.name, CONFIG.name])
def test_the_real_command_ends_alike(tmp_path: Path, name: str) -> None:
    folder = SUBJECTS[name].write(tmp_path / "place")
    (folder / AS[name][0]).write_bytes(CONTENTS["deep"])
    code = "from simulator.cli import main; main()"
    words = [sys.executable, "-c", code, *arguments(name, folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr
    assert AS[name][0] in done.stderr
    assert "Traceback" not in done.stderr
