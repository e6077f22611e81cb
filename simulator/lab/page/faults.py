"""Where in a template's text an error is: line, column and length, for the mark in the editor."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOLD = re.compile(r", line (\d+)(?:, column (\d+))?")
_FIELD = re.compile(r"field '([\w.]+)'")
_WORD = re.compile(r"\w+")
_TAG = re.compile(r"\{[{%].*?(?:[}%]\}|$)")
_BLOCK = re.compile(r"\{%-?\s*block\b")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a template, and where.

    Attributes:
        message: In words, with the cure, and without the place.
        place: The file, as it is called.
        line: From 1; 0 where the fault is no place's.
        column: From 1; 0 where the fault is a whole line's.
        length: Characters from there on.
    """

    message: str
    place: str = ""
    line: int = 0
    column: int = 0
    length: int = 0


def located(message: str, place: str, text: str) -> Fault:
    """The fault that a `PromptError` tells of, found again in the text that it is about.

    A message names a line and mostly a column, or a field of the front matter; where it names
    neither, it is about the blocks.

    Args:
        message: The error's, such as "my.j2, line 3, column 8: block 'user' has no variable ...".
        place: What the message calls the file.
        text: The whole file.
    """
    what = message.removeprefix(place)
    told = _TOLD.match(what)
    what = (what[told.end() :] if told else what).lstrip(",: ")
    lines = text.split("\n")
    if told:
        line = min(int(told.group(1)), len(lines))
        column = int(told.group(2) or 0)
        return Fault(what, place, line, *_within(lines[line - 1], what, column))
    if field := _FIELD.search(what):
        return Fault(what, place, *_field(lines, field.group(1)))
    return Fault(what, place, *_first_block(lines))


def _within(content: str, what: str, column: int) -> tuple[int, int]:
    """Column and length in the line of the fault: the word there, else a tag, else all of it."""
    if column:
        word = _WORD.match(content, column - 1)
        return column, len(word.group()) if word else 1
    if tag := _TAG.search(content):
        return tag.start() + 1, len(tag.group())
    start = len(content) - len(content.lstrip())
    return start + 1, max(len(content.strip()), 1)


def _field(lines: list[str], field: str) -> tuple[int, int, int]:
    """Line, column and length of a field of the front matter; where it is missing, its parent's."""
    ends = [k for k, line in enumerate(lines) if k and line.rstrip() == "---"] or [len(lines)]
    for name in reversed(field.split(".")):
        key = re.compile(rf"(?<!\w){re.escape(name)}(?=\s*:)")
        for number, line in enumerate(lines[: ends[0]], 1):
            if found := key.search(line):
                return number, found.start() + 1, len(name)
    return 1, 1, max(len(lines[0]), 1)


def _first_block(lines: list[str]) -> tuple[int, int, int]:
    for number, line in enumerate(lines, 1):
        if found := _BLOCK.search(line):
            return number, found.start() + 1, len(line) - found.start()
    return 1, 1, max(len(lines[0]), 1)
