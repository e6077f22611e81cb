"""Words for each user by a language model: written once, kept in a file, shown with the persona."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from prompts import Personas, ShownItem
from prompts.blocks import Blocks
from prompts.quoting import safe_text
from simulator.domain import Dataset, Interactions
from simulator.errors import ConfigError, DataError
from simulator.experiment.split import known_before_judging, split_log
from simulator.files import write_text
from simulator.interfaces import Engine, Prompt
from simulator.manifest import data_sha256
from simulator.reading import MalformedTextError, parse_json, read_text

LENGTH = 300
"""Characters of a user's words at most."""
_TITLES = 10
_TOKENS = 80
_AT_ONCE = 64
_VARIABLES = {
    "static": frozenset[str](),
    "user": frozenset({"persona", "history"}),
    "candidate": frozenset[str](),
}


def write_words(
    engine: Engine,
    data: Dataset,
    out: Path,
    *,
    language: str = "en",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Ask a model for a sentence about each user, and keep the answers in a file.

    A user is told of by the persona and the titles taken last, from before the moment where
    anything of this user is judged, so that the words can be shown wherever the agent is judged.
    Where the file is there already, users that are missing are asked about.

    Args:
        engine: Asked by `generate`.
        data: Whose users.
        out: JSON lines: a head, then a line a user.
        language: "en" or "zh".
        progress: Told the users done, and their number in all.

    Returns:
        Users without words, of whom the model said nothing; they are asked about again next time.

    Raises:
        ConfigError: If the file holds words of another model, data set or language.
        DataError: If it cannot be read.
        EngineError: If the model cannot be asked.
    """
    known, early = _known(data)
    personas = Personas(data, known, language=language)
    blocks, text = _template(language)
    head = {
        "data": data.name,
        "data_sha256": data_sha256(data),
        "model": str(getattr(engine, "model", type(engine).__name__)),
        "model_revision": getattr(engine, "revision", None),
        "template_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "known_sha256": personas.facts()["sha256"],
    }
    words = _begun(out, data, head)
    users = [user for user in range(data.n_users) if personas.of(user).known]
    missing = [user for user in users if user not in words]
    silent = 0
    for start in range(0, len(missing), _AT_ONCE):
        asked = missing[start : start + _AT_ONCE]
        prompts = [_prompt(blocks, personas, early, data, user) for user in asked]
        said = [_one_line(answer) for answer in engine.generate(prompts, max_tokens=_TOKENS)]
        silent += said.count("")
        _append(out, ((data.user_ids[u], one) for u, one in zip(asked, said, strict=True) if one))
        progress(len(users) - len(missing) + start + len(asked), len(users))
    return silent


def read_words(path: Path, data: Dataset) -> Mapping[int, str]:
    """The words of a file that `write_words` or a person wrote, cleaned, by user row.

    Raises:
        DataError: If it cannot be read, or is of another data set; names the file and the line.
    """
    return _read(path, data)[1]


def _read(path: Path, data: Dataset) -> tuple[dict[str, Any], dict[int, str]]:
    try:
        text = read_text(path)
    except OSError as error:
        raise DataError(
            f"cannot read the words ({error.strerror}); agent.personas is log, none, or a file of "
            "`nudgesim agent personas`.",
            path=path,
        ) from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8, so no words for personas.", path=path) from error
    return _parsed(text, data, path)


def _parsed(text: str, data: Dataset, path: Path) -> tuple[dict[str, Any], dict[int, str]]:
    row_of = {user_id: row for row, user_id in enumerate(data.user_ids)}
    head: dict[str, Any] = {}
    words: dict[int, str] = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        try:
            entry = parse_json(line)
        except MalformedTextError as error:
            raise DataError(f"not valid JSON: {error}.", path=path, line=number) from error
        if number == 1:
            head = _head(entry, data, path)
            continue
        if not (
            isinstance(entry, dict)
            and isinstance(entry.get("user"), str)
            and isinstance(entry.get("words"), str)
        ):
            raise DataError(
                'a line is {"user": "ID", "words": "..."}; mend it.', path=path, line=number
            )
        row = row_of.get(entry["user"])
        if row is None or row in words:
            what = "is no user of" if row is None else "has words twice, of"
            raise DataError(
                f"{entry['user']!r} {what} {data.name}; mend or delete the line.",
                path=path,
                line=number,
                column="user",
            )
        words[row] = _one_line(entry["words"])
    return head, words


def _head(entry: Any, data: Dataset, path: Path) -> dict[str, Any]:
    if not isinstance(entry, dict) or not {"data", "model"} <= entry.keys():
        raise DataError(
            'the first line names data and model: {"data": "NAME", "model": "NAME"}.',
            path=path,
            line=1,
        )
    if entry["data"] != data.name or entry.get("data_sha256") not in (None, data_sha256(data)):
        raise DataError(
            f"words for users of {entry['data']}, and these are of {data.name}, or the data has "
            "changed; write them anew with `nudgesim agent personas`.",
            path=path,
            line=1,
            column="data",
        )
    return entry


def _begun(out: Path, data: Dataset, head: Mapping[str, Any]) -> dict[int, str]:
    """What a file holds already; it is begun where there is none."""
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, json.dumps(head) + "\n")
        return {}
    content = out.read_bytes()
    whole = _whole_lines(content)
    before, words = _read(out, data) if whole == content else _parsed(whole.decode(), data, out)
    different = sorted(name for name in head if before.get(name) != head[name])
    if different:
        raise ConfigError(
            f"{out} holds words with another {different[0]} ({before.get(different[0])}, now "
            f"{head[different[0]]}); choose another --out."
        )
    if whole != content:
        write_text(out, whole.decode())
    return words


def _whole_lines(content: bytes) -> bytes:
    """Without a last line that was cut off when its writer was killed: it is asked for again."""
    before, newline, last = content.rpartition(b"\n")
    try:
        parse_json(last.decode())
    except ValueError:
        return before + newline
    return content + b"\n"


def _append(out: Path, entries: Iterator[tuple[str, str]]) -> None:
    text = "".join(
        json.dumps({"user": user, "words": words}, ensure_ascii=False) + "\n"
        for user, words in entries
    )
    with out.open("a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _known(data: Dataset) -> tuple[Any, Interactions]:
    """Rows that may be known wherever an agent is judged, and the interactions of the same time."""
    if data.log is None:
        return None, data.interactions
    split = split_log(data)
    return known_before_judging(data, split), split.early


def _template(language: str) -> tuple[Blocks, str]:
    name = f"words-{'zh' if language.startswith('zh') else 'en'}.j2"
    file = resources.files("prompts") / "templates" / "personas" / name
    text = file.read_text(encoding="utf-8")
    return Blocks(text, str(file), _VARIABLES), text


def _prompt(
    blocks: Blocks, personas: Personas, early: Interactions, data: Dataset, user: int
) -> Prompt:
    catalogue = data.catalogue
    taken = np.asarray(early.histories[user])[-_TITLES:].tolist()
    items = [ShownItem(catalogue.titles[row], tuple(catalogue.categories[row])) for row in taken]
    about = blocks.render("user", persona=personas.of(user), history=items)
    return Prompt(blocks.render("static"), about, blocks.render("candidate").rstrip())


def _one_line(text: str) -> str:
    """The first line that says anything, cleaned."""
    lines = (safe_text(line, LENGTH) for line in text.splitlines())
    return next(filter(None, lines), "")
