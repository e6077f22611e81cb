"""The corpus of malformed files: a few thousand named ways to spoil one file of a format.

Each case must be refused, with a message that names the file, unless `malformed_readable.json` says
that it is read: "same" where nothing changes, else what is then read. After a change that is meant,
`python tests/malformed_cases.py` writes that file anew; look at what became of it.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from malformed_mutations import ANYWHERE, AT_THE_PATH, CELLS, IN_TEXT, cells_of, with_cell
from malformed_subjects import SUBJECTS, Subject

from simulator.errors import NudgesimError

COMPUTING, WAITING = 5.0, 120.0
"""Seconds of the processor's time, and of the clock's on a machine that is busy with other things;
more than any case takes."""
LONGEST_MESSAGE = 2_000
EXPECTED = Path(__file__).with_name("malformed_readable.json")
BINARY = (".parquet", ".npz", ".sqlite")
_TABLES = {  # separator, and the first row that holds values
    "u.data": ("\t", 0),
    "u.item": ("|", 0),
    "u.user": ("|", 0),
    "artists.dat": ("\t", 1),
    "tags.dat": ("\t", 1),
    "user_taggedartists-timestamps.dat": ("\t", 1),
    "user_artists.dat": ("\t", 1),
    "item_info.dat": ("\t", 1),
    "game_purchase.dat": ("\t", 1),
    "game_play.dat": ("\t", 1),
    "user_reviews.csv": (",", 1),
    "games.tsv": ("\t", 1),
    "interactions.tsv": ("\t", 1),
    "movies.tsv": ("\t", 1),
    "behaviors.tsv": ("\t", 0),
    "news.tsv": ("\t", 0),
    "train.ascii": (" ", 0),
    "item_features.ascii": (" ", 0),
    "packages.tsv": ("\t", 1),
    "items.csv": (",", 2),
    "events.csv": (",", 1),
}
_MOST_FIELDS = 8


@dataclass(frozen=True)
class Case:
    """One file spoilt in one way.

    Attributes:
        name: "format/file: what is wrong".
        subject: The format.
        file: Its path.
        spoil: Done to the file's path, after all valid files were written.
        line: The line that an error must name, or None.
        field: Of a table, from 1, where one field was replaced; else 0.
    """

    name: str
    subject: Subject
    file: str
    spoil: Callable[[Path], None]
    line: int | None = None
    field: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a reader took it: refused with a message, or read."""

    refused: str = ""
    read: str = ""


def _bytes(spoil: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: _write(path, spoil(path.read_bytes()))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def cases(subject: Subject) -> Iterator[Case]:
    """All cases of a format, in a fixed order."""
    for file in subject.files:
        yield from _cases_of(subject, file)


def _cases_of(subject: Subject, file: str) -> Iterator[Case]:
    text = not file.endswith(BINARY)
    for name, spoil in {**ANYWHERE, **(IN_TEXT if text else {})}.items():
        yield Case(f"{subject.name}/{file}: {name}", subject, file, _bytes(spoil))
    for name, at_path in AT_THE_PATH.items():
        yield Case(f"{subject.name}/{file}: {name}", subject, file, at_path)
    if file in _TABLES:
        separator, first = _TABLES[file]
        for cell in list(cells_of(subject.files[file], separator, first))[:_MOST_FIELDS]:
            for name, value in CELLS.items():
                yield Case(
                    f"{subject.name}/{file}: field {cell.field + 1} is {name}",
                    subject,
                    file,
                    _bytes(lambda content, c=cell, v=value: with_cell(content, c, v)),
                    cell.row + 1,
                    cell.field + 1,
                )


class TooSlow(BaseException):
    """Above all exceptions, so that no reader can take it for a file's own error."""


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise `TooSlow` in this thread, the main one, when the time is over."""

    def ring(number: int, _frame: FrameType | None) -> None:
        raise TooSlow(signal.Signals(number).name)

    timers = (
        (signal.SIGPROF, signal.ITIMER_PROF, COMPUTING),
        (signal.SIGALRM, signal.ITIMER_REAL, WAITING),
    )
    before = [signal.signal(number, ring) for number, _, _ in timers]
    for _, timer, seconds in timers:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def outcome(case: Case) -> Outcome:
    """What the reader makes of a case; any error that is none of ours comes through."""
    with tempfile.TemporaryDirectory() as place:
        folder = case.subject.write(Path(place))
        case.spoil(folder / case.file)
        return outcome_of(case.subject, folder)


def outcome_of(subject: Subject, folder: Path) -> Outcome:
    """What the reader makes of a folder."""
    try:
        with time_limit():
            return Outcome(read=subject.read(folder))
    except NudgesimError as error:
        message = str(error).replace(str(folder), "")
        assert message.strip()
        assert len(message) < LONGEST_MESSAGE, f"{len(message)} characters: {message[:300]}"
        message.encode()
        return Outcome(refused=message)


def readable(subject: Subject) -> dict[str, str]:
    """The cases of a format that are read, and what is read; "same" if it is what was written.

    Raises:
        AssertionError: If a refusal does not name a file, or the line that was spoilt.
    """
    with tempfile.TemporaryDirectory() as place:
        whole = subject.read(subject.write(Path(place)))
    read: dict[str, str] = {}
    for case in cases(subject):
        found = outcome(case)
        if found.read:
            read[case.name] = "same" if found.read == whole else found.read
        else:
            names = [Path(name).name for name in (case.file, *subject.files)]
            names += [f"{folder.name}/" for folder in Path(case.file).parents if folder.name]
            assert any(name in found.refused for name in names), (case.name, found.refused)
            if case.line is not None and Path(case.file).name in found.refused:
                assert f"line {case.line}" in found.refused, (case.name, found.refused)
    return folded(subject, read)


def folded(subject: Subject, read: dict[str, str]) -> dict[str, str]:
    """One entry in place of the replacements of a field: which of them are refused."""
    out: dict[str, str] = {}
    for case in cases(subject):
        if case.field:
            key = f"{subject.name}/{case.file}: field {case.field}, refused"
            before = out.setdefault(key, "")
            if case.name not in read:
                name = case.name.partition(" is ")[2]
                out[key] = f"{before}, {name}" if before else name
        elif case.name in read:
            out[case.name] = read[case.name]
    return out


def main() -> None:
    """Write the cases that are read, of the formats that are named or of all."""
    names = sys.argv[1:] or list(SUBJECTS)
    known = json.loads(EXPECTED.read_text(encoding="utf-8")) if EXPECTED.exists() else {}
    known.update({name: readable(SUBJECTS[name]) for name in names})
    text = json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True)
    EXPECTED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
