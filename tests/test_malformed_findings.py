"""What fuzzing, properties and reading found, each as it was found: none may come back."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from malformed_cases import Outcome, outcome_of
from malformed_subjects import (
    ITEMS,
    PARQUET,
    SHOP,
    SUBJECTS,
    TABLES,
    question,
    table,
)

from simulator.data import load_tables
from simulator.domain import Dataset
from simulator.errors import RunError, excerpt
from simulator.reading import MalformedTextError, parse_json
from simulator.run_files import read_table
from simulator.runlog import EXPOSURE_COLUMNS


def found(name: str, file: str, content: bytes) -> Outcome:
    subject = SUBJECTS[name]
    with tempfile.TemporaryDirectory() as place:
        folder = subject.write(Path(place))
        (folder / file).write_bytes(content)
        return outcome_of(subject, folder)


def shop(**changes: str) -> bytes:
    text = SHOP
    for before, after in changes.items():
        text = text.replace(f"{before} =", f"{after} =")
    return text.encode()


SELF = b"a: &a [x, *a]\n"
BOMB = b"".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n".encode()
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
NESTED = b"- history: [x]\n  clicked: true\n  candidate: {title: &a [x]}\n" + b"".join(
    b"- history: [x]\n  clicked: true\n  candidate: {title: &%c [%s]}\n"
    % (name, b", ".join([b"*%c" % (name - 1)] * 9))
    for name in range(ord("b"), ord("j"))
)
STEAM_BOUGHT = table(("User_ID", "Game_ID", "Purchase"), (9 * 10**18, 1, 1), (9 * 10**18, 2, 1))
DOUBAN_SEEN = table(("user_id", "movie_id", "split"), (2**62, 2**63 - 1, "train"))
FOUND = [
    # format, file, content, what is said
    ("tables", "items.csv", b"\xef\xbb\xbf", "The table has no rows"),
    ("tables", "items.csv", b"sku,name,tags,year\na,A,,1\nsku,name,tags,year\n", "a second time"),
    ("tables", "shop.toml", SHOP.replace("items.csv", "a\\u0000b.csv").encode(), "can have this"),
    ("tables", "shop.toml", SHOP.replace("items.csv", "~no-one/a.csv").encode(), "cannot be found"),
    ("tables", "shop.toml", SHOP.replace("items.csv", "x" * 300 + ".csv").encode(), "too long"),
    ("tables", "shop.toml", b"a = " + b"[" * 5_000, "nested too deeply"),
    ("tables", "shop.toml", b"a = " + b"9" * 5_000, "Not valid TOML"),
    ("tables", "events.csv", b"who,sku,at,stars,clicked,place\nz,a,1,1e39,1,0\n", "more than 3.4"),
    ("tables", "events.csv", b"who,sku,at,stars,clicked,place\nz,a,1_0,1,1,0\n", "whole number"),
    ("steam", "game_purchase.dat", STEAM_BOUGHT, "column 'User_ID'"),
    ("douban", "interactions.tsv", DOUBAN_SEEN, "None of these films has a title"),
    ("coat", "item_features_map.txt", b"gender:men\ngender:men\n", "a second time"),
    ("upworthy", "packages.tsv", table(
        ("clickability_test_id", "headline", "impressions", "clicks", "test_week", "eyecatcher_id"),
        ("t1", "A", 2**62, 1, 201446, "cat"), ("t1", "A", 2**62, 1, 201446, "cat"),
    ), "column 'impressions'"),
    ("movielens", "u.user", table((1, 3, "F", "w", 1), ("01", 3, "F", "w", 1), separator="|"),
     "line 2, column 'user': '01' is here a second time (first on line 1)"),
    ("lastfm", "artists.dat", table(
        ("id", "name", "url", "pictureURL"), (7, "A", "", ""), (" 7", "B", "", "")),
     "a second time"),
    ("steam", "item_info.dat", table(
        ("Game_ID", "Game Name"), (1, "A"), ("+1", "B")), "a second time"),
    ("tallrec-movie", "movie_valid.json", b"[" * 100_000, "nested too deeply"),
    ("tallrec-movie", "movie_valid.json", b"[" + b"9" * 5_000 + b"]", "Not valid JSON"),
    ("tallrec-movie", "movie_valid.json", b'[{"input": "a", "input": "b"}]', "said twice"),
    ("tallrec-movie", "movie_valid.json", b'[{"input": "\\ud800", "output": "Yes."}]', "surrogate"),
    ("tallrec-movie", "movie_valid.json", json.dumps(
        [question("movie", '""', "", '"X"', "Yes.")]).encode(), "without a title"),
    ("tallrec-movie", "movie_valid.json", json.dumps(
        [question("movie", '"' * 30_000, "", '"X"', "Yes.")]).encode(), "10,000 at most"),
    ("config", "settings.toml", b"rounds = " + b"[" * 5_000, "nested too deeply"),
    ("config", "settings.toml", b"rounds = " + b"9" * 5_000, "not valid TOML"),
    ("config", "settings.toml", b"rounds = 0x" + b"f" * 5_000, "rounds"),
    ("config", "settings.toml", b'data = "' + b"x" * 9_000 + b'"\nclicks = "' + b"y" * 9_000
     + b'"', "clicks"),
    ("examples", "own.yaml", b"- history: [!!timestamp x]\n", "put it in quotes"),
    ("examples", "own.yaml", b"- clicked: 2001-99-99\n", "put it in quotes"),
    ("examples", "own.yaml", b"- clicked: !!bool x\n", "put it in quotes"),
    ("examples", "own.yaml", b"[" * 5_000, "nested too deeply"),
    ("examples", "own.yaml", NESTED, "entry 1"),
    ("template", "own.j2", b"---\n" + BOMB + b"---\n", "own.j2"),
    ("template", "own.j2", b"---\n" + SELF + b"---\n", "own.j2"),
    ("calibration", "platt.json", b"[" * 100_000, "nested too deeply"),
    ("calibration", "platt.json", b"9" * 5_000, "not valid JSON"),
    ("run", "manifest.json", b"[]", "no JSON object"),
    ("run", "manifest.json", b'{"config": 7}', "config is no object"),
    ("run", "cost.json", b'{"seconds": "long"}', "'seconds' is no number"),
    ("run", "state/round-x.npz", b"", ""),
    ("run", "state/round-999999999999.npz", b"", "round-003.parquet is missing"),
    ("cache", "decisions.sqlite", SUBJECTS["cache"].files["decisions.sqlite"].replace(
        "modél".encode(), b"mod\xe9l\xe9"), "damaged"),
    ("cache", "decisions.sqlite", SUBJECTS["cache"].files["decisions.sqlite"].replace(
        b"CREATE TABLE dec", b"CR\xd0ATE TABLE dec"), "damaged"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "file", "content", "said"), FOUND, ids=[f"{row[0]}-{k}" for k, row in enumerate(FOUND)]
)
def test_what_was_found_stays_mended(name: str, file: str, content: bytes, said: str) -> None:
    outcome = found(name, file, content)
    assert said in outcome.refused
    assert bool(outcome.refused) == bool(said)


def _written(arrow: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(arrow, file)
    return file.getvalue()


def test_parquet_with_two_columns_of_one_name_is_refused() -> None:
    content = _written(pa.table([pa.array(["a"])] * 2, names=["sku", "sku"]))
    assert "Two columns have this name" in found("parquet", "items.parquet", content).refused


def test_a_parquet_file_that_claims_more_rows_than_it_can_hold_is_not_unpacked() -> None:
    rows = pa.array(np.zeros(60_000_000, dtype=np.int8))
    content = _written(pa.table({"sku": rows}))
    assert len(content) < 300_000
    assert "60,000,000 rows" in found("parquet", "items.parquet", content).refused


@pytest.mark.parametrize(
    ("name", "file", "before", "after", "read"),
    [
        ("mind", "behaviors.tsv", b"\tU4\t", b"\tU7\0\t", "of 2 users"),
        ("steam-reviews", "user_reviews.csv", b"bob,", b"ann\0,", "of 2 users"),
        ("tables", "events.csv", b"ann,", b"zoe\0x,", "of 2 users"),
        ("upworthy", "packages.tsv", b"t1\tAn", b"t1\0\tAn", "of 2 tests"),
    ],
)
def test_names_that_differ_after_a_zero_byte_stay_apart(
    name: str, file: str, before: bytes, after: bytes, read: str
) -> None:
    content = SUBJECTS[name].files[file]
    assert content.count(before) == 1
    assert read in found(name, file, content.replace(before, after)).read


def _shop_of(items: pa.Table, folder: Path) -> Dataset:
    (PARQUET.write(folder) / "items.parquet").write_bytes(_written(items))
    return load_tables(folder / "shop.toml")


def test_a_null_in_a_parquet_list_takes_no_other_value_with_it(tmp_path: Path) -> None:
    items = pa.table(ITEMS).set_column(2, "tags", pa.array([["x", None, "y"], None]))
    assert _shop_of(items, tmp_path).catalogue.categories == [("x", "y"), ()]


@pytest.mark.parametrize("value", ["nan", "inf", "1e400", "1_0", "9" * 400])
def test_what_no_number_holds_stays_text(value: str, tmp_path: Path) -> None:
    items = pa.table(ITEMS).set_column(3, "year", pa.array([value, "2"]))
    kept = _shop_of(items, tmp_path).catalogue.attributes["year"]
    assert kept == [value, "2"]


def test_a_turned_bit_in_a_runs_table_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    content = SUBJECTS["run"].files["rounds/round-002.parquet"]
    path = tmp_path / "round.parquet"
    path.write_bytes(content)
    whole = read_table(path, EXPOSURE_COLUMNS)
    refused = 0
    for place in range(4, len(content) - 8, 31):
        turned = bytearray(content)
        turned[place] ^= 0x10
        path.write_bytes(turned)
        try:
            pd.testing.assert_frame_equal(read_table(path, EXPOSURE_COLUMNS), whole)
        except RunError:
            refused += 1
    assert refused > 10


def test_error_messages_quote_little_of_what_was_found() -> None:
    for value in ("x" * 10**6, [["x" * 1_000] * 1_000] * 1_000, 10**5_000, b"x" * 10**6):
        assert len(excerpt(value)) < 200


def test_json_that_says_a_thing_twice_or_half_a_character_is_refused() -> None:
    for text in ('{"a": 1, "a": 2}', '"\\udfff"', "[" * 10_000, "9" * 5_000, "{", '{"a": 01}'):
        with pytest.raises(MalformedTextError):
            parse_json(text)
    assert parse_json('["\\ud83d\\ude00", NaN]')[0] == "\N{GRINNING FACE}"


def test_the_same_tables_in_parquet_and_in_text_are_read_alike(tmp_path: Path) -> None:
    for number, subject in enumerate((TABLES, PARQUET)):
        (tmp_path / str(number)).mkdir()
        subject.write(tmp_path / str(number))
    text, binary = (load_tables(tmp_path / str(number) / "shop.toml") for number in (0, 1))
    assert text.catalogue.titles == binary.catalogue.titles == ITEMS["name"].tolist()
    assert text.log is not None
    assert binary.log is not None
    np.testing.assert_array_equal(text.log.time, binary.log.time)
