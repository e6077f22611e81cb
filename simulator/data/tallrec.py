"""TALLRec's questions: a few items that a user liked and disliked, and would they like this one?

K. Bao et al., "TALLRec: An Effective and Efficient Tuning Framework to Align Large Language Model
with Recommendation", RecSys 2023. Made by its authors from MovieLens 100k and Book-Crossing.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from simulator.data.archive import Archive
from simulator.data.movielens import year_in_title
from simulator.data.separated import decode, read_bytes
from simulator.domain import Catalogue, Dataset, ExposureLog, IntArray, Interactions, Ragged
from simulator.errors import DataError, excerpt
from simulator.reading import MalformedTextError, parse_json

TallrecKind: TypeAlias = Literal["movie", "book"]

_PAGE = "https://github.com/SAI990323/TALLRec"
_NOTE = "Save data/{0}/valid.json of the repository as {0}_valid.json; its other parts read alike."
TALLREC: Mapping[TallrecKind, Archive] = {
    "movie": Archive(_PAGE, None, "tallrec", ("movie_valid.json",), _NOTE.format("movie")),
    "book": Archive(_PAGE, None, "tallrec", ("book_valid.json",), _NOTE.format("book")),
}
LICENCE: Mapping[TallrecKind, str] = {
    "movie": "that of MovieLens: research only, no commercial use, no redistribution",
    "book": "not stated; Book-Crossing asks to be cited",
}

_INPUT = re.compile(
    r"User Preference: ?(?P<liked>.*)\nUser Unpreference: ?(?P<disliked>.*)\n"
    r"Whether the user will like the target (?P<kind>movie|book) (?P<target>\".*\")\?",
    re.DOTALL,
)
_BOOK = re.compile(r'"(?P<title>.*?)" written by (?P<author>.*?)(?=, "|$)', re.DOTALL)
_FILM = re.compile(r'"(?P<title>.*?)"(?=, "|$)', re.DOTALL)
_ITEM = {"movie": _FILM, "book": _BOOK}
_WINDOW = 10
"""Items that a question names at most, apart from its target."""
_LONGEST = 10_000
"""Characters of a question; real ones have a tenth of it."""
_ANSWERS = {"Yes.": True, "No.": False}


class _Question(NamedTuple):
    """A row of the file: titles, and whether the user liked the target."""

    liked: tuple[str, ...]
    disliked: tuple[str, ...]
    target: str
    answer: bool


def load_tallrec(folder: Path, kind: TallrecKind) -> Dataset:
    """Read TALLRec's validation questions about films or books.

    The source does not say who asks. Where a question's lists are those of the question before it
    and its target, the oldest item dropped once there are ten, the same person has gone on: a user
    is a run of such questions. (The 1,000 about films are 14 people's; taken for 1,000 users, their
    intervals would be far too narrow, and nearly every answer would stand in another's history.)

    The liked items of a user's first question are the history before the log, at time 0; it may be
    empty. The k-th question is at time k, and a liked target joins the history there. The first
    question's disliked items, which no history can hold, are the user attribute "disliked".

    Items have no ids but their titles, whatever the case; they are numbered as they come. A book's
    title names the author. Books come with broken quotation marks, HTML's character references and
    UTF-8 read as latin-1: all three are mended.

    The log holds a row for each question: the target, clicked where the answer is "Yes.". The
    exposures are self-selected: a user rated every target.

    Args:
        folder: Holds `movie_valid.json` or `book_valid.json`.
        kind: Which of the two.

    Raises:
        DataError: If the file is missing or malformed; names file, row and field.
    """
    TALLREC[kind].require(folder)
    path = folder / TALLREC[kind].files[0]
    content = read_bytes(path)
    questions = _questions(decode(content, path, "utf-8"), path, kind)
    spelled: dict[str, str] = {}
    for question in questions:
        for title in (*question.liked, question.target):
            spelled.setdefault(title.casefold(), title)
    row_of = {key: row for row, key in enumerate(spelled)}
    user, time = _people(questions)
    item = np.array([row_of[q.target.casefold()] for q in questions], dtype=np.int32)
    clicked = np.array([q.answer for q in questions], dtype=bool)
    first = [question for question, moment in zip(questions, time, strict=True) if moment == 1]
    before = Ragged.from_rows([[row_of[t.casefold()] for t in q.liked] for q in first])
    titles = list(spelled.values())
    return Dataset(
        name=f"tallrec-{kind}",
        catalogue=Catalogue(
            item_ids=[str(k + 1) for k in range(len(titles))],
            titles=titles,
            categories=[()] * len(titles),
            domain="movies" if kind == "movie" else "general",
            attributes={"year": [year_in_title(title) for title in titles]},
        ),
        interactions=Interactions.from_columns(
            user=np.concatenate([np.repeat(np.arange(len(first)), before.lengths), user[clicked]]),
            item=np.concatenate([before.values, item[clicked]]),
            time=np.concatenate([np.zeros(len(before.values), dtype=np.int64), time[clicked]]),
            n_users=len(first),
            n_items=len(titles),
        ),
        user_ids=[str(k + 1) for k in range(len(first))],
        log=ExposureLog(
            user=user,
            item=item,
            time=time,
            position=np.full(len(questions), -1, dtype=np.int32),
            clicked=clicked,
            observed=False,
        ),
        user_attributes={"disliked": [question.disliked for question in first]},
        source={
            "publisher": _PAGE,
            "licence": LICENCE[kind],
            "time": "the number of the user's question; what came before the first is at 0",
            "log": f"A click is a {kind} that the user came to rate as liked, a no-click one rated "
            "lower; users chose what they rated.",
            f"sha256:{path.name}": hashlib.sha256(content).hexdigest(),
        },
    )


def _people(questions: list[_Question]) -> tuple[IntArray, IntArray]:
    """The user of each question, int32, and its number among that user's, from 1, int64."""
    goes_on = [False, *(_goes_on(a, b) for a, b in pairwise(questions))]
    starts = np.flatnonzero(~np.array(goes_on))
    user = np.cumsum(~np.array(goes_on)) - 1
    return user.astype(np.int32), np.arange(len(questions)) - starts[user] + 1


def _goes_on(before: _Question, after: _Question) -> bool:
    """Whether `after` is asked of the same person, once `before` is answered."""
    target = (before.target,)
    liked = before.liked + (target if before.answer else ())
    disliked = before.disliked + (() if before.answer else target)
    dropped = max(len(liked) + len(disliked) - _WINDOW, 0)
    return any(
        (liked[k:], disliked[dropped - k :]) == (after.liked, after.disliked)
        for k in range(dropped + 1)
    )


def _questions(text: str, path: Path, kind: TallrecKind) -> list[_Question]:
    try:
        rows = parse_json(text)
    except MalformedTextError as error:
        message = f"Not valid JSON: {error}; fetch the file again."
        raise DataError(message, path=path, line=error.line) from None
    if not isinstance(rows, list) or not rows:
        raise DataError("The file must be a list of questions; fetch it again.", path=path)
    out = []
    for number, row in enumerate(rows, start=1):
        place = f"{path}, row {number}"
        for field in ("input", "output"):
            if not isinstance(row, dict) or not isinstance(row.get(field), str):
                raise DataError("No such text in this row.", path=place, column=field)
        answer = _ANSWERS.get(row["output"].strip())
        if answer is None:
            message = f'{excerpt(row["output"])} is neither "Yes." nor "No.".'
            raise DataError(message, path=place, column="output")
        out.append(_question(row["input"], answer, place, kind))
    return out


def _question(text: str, answer: bool, place: str, kind: TallrecKind) -> _Question:
    if len(text) > _LONGEST:
        message = f"{len(text):,} characters, and a question has {_LONGEST:,} at most."
        raise DataError(message, path=place, column="input")
    parts = _INPUT.fullmatch(text.strip())
    if parts is None or parts["kind"] != kind:
        raise DataError(
            'Not of the form "User Preference: ...\\nUser Unpreference: ...\\nWhether the user '
            f'will like the target {kind} ...?".',
            path=place,
            column="input",
        )
    # A book's target stands in quotes of its own, around title and author.
    target = parts["target"][1:-1] if kind == "book" else parts["target"]
    liked, disliked, targets = (
        _titles(part, place, kind) for part in (parts["liked"], parts["disliked"], target)
    )
    if len(targets) != 1:
        message = f"{len(targets)} targets, where one is due."
        raise DataError(message, path=place, column="input")
    return _Question(liked, disliked, targets[0], answer)


def _titles(listed: str, place: str, kind: TallrecKind) -> tuple[str, ...]:
    """The items of a list such as '"Friday" written by Robert Heinlein, "Dune" written by ...'."""
    listed = listed.strip()
    found = list(_ITEM[kind].finditer(listed))
    if ", ".join(match[0] for match in found) != listed:
        form = '"title" written by author' if kind == "book" else '"title"'
        raise DataError(
            f"{excerpt(listed)} is no list of items, each {form}, with commas between.",
            path=place,
            column="input",
        )
    titles = tuple(_title(match) for match in found)
    if not all(titles):
        raise DataError("An item without a title.", path=place, column="input")
    return titles


def _title(match: re.Match[str]) -> str:
    parts = [_mended(part) for part in match.groups()]
    return ", by ".join(part for part in parts if part)


def _mended(text: str) -> str:
    r"""A title as Book-Crossing had it before its quotation marks were read as CSV's.

    `\O\" Is for Outlaw"` was `"O" Is for Outlaw`: within the marks that a title with a backslash
    has around it, each backslash stands for one.
    """
    if "\\" in text and text.endswith('"'):
        text = text[:-1].replace('\\"', '"').replace("\\", '"')
    # "Ã?Â¼" is a "ü" that was read as latin-1 twice and lost a byte.
    with contextlib.suppress(UnicodeError):
        text = text.replace("Ã?Â", "Ã").encode("latin-1").decode("utf-8")
    return html.unescape(text).strip()
