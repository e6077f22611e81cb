"""Whatever stands in a file, every reader refuses it in words or reads it right."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from malformed_cases import outcome_of
from malformed_subjects import (
    BOOK,
    CACHE,
    CALIBRATION,
    CONFIG,
    EXAMPLES,
    RUN,
    SUBJECTS,
    TALLREC_FILMS,
    TEMPLATE,
    Subject,
)
from malformed_tables import edited_table
from malformed_values import DEEPER, edited, edits, examples, plain, texts, values

from simulator.config import RunConfig
from simulator.errors import NudgesimError

places = st.lists(st.integers(0, 6), max_size=4)
"""Which key or row, and which one in it, and so on."""


def tried(subject: Subject, file: str, content: bytes) -> str:
    """What a reader says of a folder in which one file is another: read, or refused."""
    with tempfile.TemporaryDirectory() as place:
        folder = subject.write(Path(place))
        (folder / file).write_bytes(content)
        found = outcome_of(subject, folder)
        return found.read or found.refused


@pytest.mark.parametrize("name", SUBJECTS)
@examples(25)
@given(data=st.data())
def test_an_edited_file_is_refused_or_read(name: str, data: st.DataObject) -> None:
    subject = SUBJECTS[name]
    file = data.draw(st.sampled_from(sorted(subject.files)))
    assert tried(subject, file, edited(subject.files[file], data.draw(edits)))


@pytest.mark.parametrize("name", SUBJECTS)
def test_an_edited_table_is_refused_or_read(name: str) -> None:
    """In its cells, rows and columns, which gets further into a reader than turned bytes do."""
    subject = SUBJECTS[name]
    for file, content in subject.files.items():
        for seed in range(15 * DEEPER):
            edited = edited_table(file, content, Random(seed))
            assert edited is None or tried(subject, file, edited)


@pytest.mark.parametrize("name", [CALIBRATION.name, TALLREC_FILMS.name, RUN.name])
@examples(60)
@given(data=st.data())
def test_any_value_at_any_place_of_a_json_file(name: str, data: st.DataObject) -> None:
    subject = SUBJECTS[name]
    files = [file for file in subject.files if file.endswith(".json")]
    file = data.draw(st.sampled_from(files))
    content = json.loads(subject.files[file])
    whole = _replaced(content, data.draw(places), data.draw(values))
    assert tried(subject, file, json.dumps(whole).encode())


def _replaced(content: Any, path: list[int], value: Any) -> Any:
    """The content with another value at a place, which is told by numbers."""
    if not path or not isinstance(content, dict | list) or not content:
        return value
    keys = sorted(content) if isinstance(content, dict) else range(len(content))
    key = keys[path[0] % len(content)]
    copy = content.copy()
    copy[key] = _replaced(content[key], path[1:], value)
    return copy


@pytest.mark.parametrize("name", [EXAMPLES.name, TEMPLATE.name])
@examples(80)
@given(data=st.data())
def test_any_value_at_any_place_of_a_yaml_file(name: str, data: st.DataObject) -> None:
    subject = SUBJECTS[name]
    ((file, valid),) = subject.files.items()
    head, body = valid, b""
    if name == TEMPLATE.name:
        _, head, body = valid.split(b"---\n", 2)
    value = data.draw(values)
    whole = _replaced(yaml.safe_load(head), data.draw(places), value)
    text = yaml.safe_dump(whole, allow_unicode=data.draw(st.booleans())).encode(errors="replace")
    assert tried(subject, file, b"---\n" + text + b"---\n" + body if body else text)


SETTINGS = sorted(
    {
        *RunConfig.model_fields,
        *(
            f"{section}.{field}"
            for section in ("agent", "distribution", "vectors", "nudge", "protocol")
            for field in RunConfig.model_fields[section].annotation.model_fields  # type: ignore[union-attr]
        ),
        "nothing",
        "agent.nothing",
        "nothing.at.all",
    }
)


@examples(400)
@given(st.dictionaries(st.sampled_from(SETTINGS), st.one_of(values, st.binary()), max_size=3))
def test_any_value_of_any_setting(flags: dict[str, Any]) -> None:
    message = ""
    try:
        config = RunConfig.read(None, flags)
        assert RunConfig.model_validate(config.model_dump()) == config
    except NudgesimError as error:
        message = str(error)
    assert len(message) < 2_500


@examples(150)
@given(st.sampled_from(SETTINGS), st.one_of(texts, st.text("[]{}=.,'\"0x_-:T\n a", max_size=12)))
def test_any_text_after_a_setting(name: str, text: str) -> None:
    section, _, key = name.rpartition(".")
    head = f"[{section}]\n" if section else ""
    content = f"{head}{key} = {text}\n".encode(errors="replace")
    assert tried(CONFIG, "settings.toml", content)


columns = st.sampled_from(
    [
        pd.array(["a", "b", "c"], dtype=object),
        pd.array([1, 2, 3], dtype=object),
        pd.Categorical(["a", "b", "a"]),
        pd.Categorical([1, 2, 1]),
        np.array([1.5, np.nan, np.inf]),
        np.array([-1, 5, 2**62]),
        np.array([True, False, True]),
        pd.array([1, None, 3], dtype="Int64"),
        pd.array([True, None, False], dtype="boolean"),
        pd.to_datetime(["2020-01-01"] * 3),
        pd.array([[1], [2], [3]], dtype=object),
        pd.array([None] * 3, dtype=object),
        pd.array([b"\xff"] * 3, dtype=object),
    ]
)


@examples(80)
@given(st.data())
def test_any_kind_of_column_in_a_runs_tables(data: st.DataObject) -> None:
    files = [file for file in RUN.files if file.endswith(".parquet")]
    file = data.draw(st.sampled_from(files))
    with tempfile.TemporaryDirectory() as place:
        folder = RUN.write(Path(place))
        table = pd.read_parquet(folder / file)
        name = data.draw(st.sampled_from(list(table.columns)))
        column = data.draw(columns)
        table[name] = column[: len(table)]
        table.to_parquet(folder / file, index=False)
        found = outcome_of(RUN, folder)
        assert found.read or found.refused


arrays = st.one_of(
    st.tuples(st.lists(st.integers(0, 4), max_size=4), st.sampled_from("iufbUSMmV")).map(
        lambda pair: np.zeros(
            tuple(pair[0]),
            dtype=f"{pair[1]}4"
            if pair[1] in "iufUSV"
            else {"b": "?", "M": "M8[s]", "m": "m8[s]"}[pair[1]]
            if pair[1] in "bMm"
            else pair[1],
        )
    ),
    st.sampled_from([-1, 1, 10**9]).map(lambda item: np.full((3, 2, 1), item)),
)


@examples(80)
@given(st.dictionaries(st.sampled_from(["shown", "clicked", "preference", "x"]), arrays))
def test_any_arrays_in_a_runs_state(state: dict[str, np.ndarray]) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "state.npz"
        np.savez(path, **state)  # type: ignore[arg-type]
        answer = tried(RUN, "state/round-002.npz", path.read_bytes())
    fits = {name: array.shape for name, array in state.items()}
    if fits.get("shown") != (3, 2, 1) or fits.get("clicked") != (3, 2, 1):
        assert "is no state of this run" in answer


@pytest.mark.parametrize("subject", [CACHE, BOOK], ids=lambda subject: subject.name)
@examples(60)
@given(data=st.data())
def test_any_value_in_any_column_of_a_database(subject: Subject, data: st.DataObject) -> None:
    ((file, _),) = subject.files.items()
    with tempfile.TemporaryDirectory() as place:
        folder = subject.write(Path(place))
        with closing(sqlite3.connect(folder / file, isolation_level=None)) as connection:
            names = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
            table, column = data.draw(st.sampled_from(connection.execute(names).fetchall()))
            value = data.draw(st.one_of(plain, st.binary(max_size=40)))
            if isinstance(value, int) and abs(value) >= 2**63:
                value = float(min(value, 10**300))
            if isinstance(value, str):
                value = value.encode(errors="surrogatepass")
                as_text = "CAST(? AS TEXT)"
            else:
                as_text = "?"
            try:
                connection.execute(f"UPDATE {table} SET {column} = {as_text}", (value,))
            except sqlite3.IntegrityError:
                return
        found = outcome_of(subject, folder)
        assert found.read or found.refused
