"""Plain tables: a column map in TOML, and what goes wrong in tables."""

import csv
import io
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.data import load_dataset
from simulator.data.table_files import read_table
from simulator.errors import DataError, UnknownNameError

TOML = """
name = "shop"
domain = "games"
licence = "ours"
[items]
path = "items.csv"
item_id = "sku"
title = "name"
categories = "tags"
attributes = ["year", "maker"]
[interactions]
path = "events.csv"
user_id = "who"
item_id = "sku"
time = "at"
"""
CLICKED = TOML + 'clicked = "clicked"\nposition = "place"\n'
ITEMS = (
    "sku,name,tags,year,maker\nb,Portal,puzzle|first person,2007,Valve\na,Tetris,,1984,\n"
    'c,"Myst, the game",puzzle,1993,Cyan\n'
)
EVENTS = "who,sku,at\nzoe,b,20\nann,a,10\nzoe,a,10\nzoe,c,20\n"
LOGGED = "who,sku,at,clicked,place\nzoe,b,20,1,0\nann,a,10,0,1\nzoe,a,10,true,0\nzoe,c,20,False,1\n"


@pytest.fixture
def shop(tmp_path):
    """Write the three files, load them."""

    def load(toml=TOML, items=ITEMS, events=EVENTS):
        for name, text in (("shop.toml", toml), ("items.csv", items), ("events.csv", events)):
            content = text if isinstance(text, bytes) else text.encode()
            (tmp_path / name).write_bytes(content)
        return load_dataset(tmp_path / "shop.toml")

    return load


def test_histories_and_catalogue(shop):
    data = shop()
    assert data.name == "shop"
    assert data.catalogue.domain == "games"
    assert list(data.catalogue.item_ids) == ["b", "a", "c"]
    assert data.catalogue.titles[2] == "Myst, the game"
    assert list(data.catalogue.categories) == [("puzzle", "first person"), (), ("puzzle",)]
    assert data.catalogue.attributes == {
        "year": [2007, 1984, 1993],
        "maker": ["Valve", None, "Cyan"],
    }
    assert list(data.user_ids) == ["zoe", "ann"]
    assert list(data.interactions.histories[0]) == [1, 0, 2]
    assert data.interactions.rating is None
    assert data.log is None
    assert data.source["licence"] == "ours"
    assert len(data.source["sha256:items"]) == 64


def test_clicked_rows_are_history_and_all_rows_are_log(shop):
    data = shop(CLICKED, events=LOGGED)
    assert list(data.interactions.histories[0]) == [1, 0]
    assert data.log is not None
    assert list(data.log.user) == [0, 0, 0, 1]
    assert list(data.log.item) == [1, 0, 2, 1]
    assert list(data.log.clicked) == [True, True, False, False]
    assert list(data.log.position) == [0, 0, 1, 1]
    assert data.source["users_without_history"] == "1"
    # The slate of time 20 sees what was clicked before, not its own click.
    assert [list(data.logged_exposures().history[k]) for k in range(4)] == [[], [1], [1], []]


def test_ratings_as_clicks(shop):
    events = "who,sku,at,stars\nzoe,b,20,4.5\nann,a,10,3\n"
    data = shop(TOML + 'rating = "stars"\nliked_from = 4\n', events=events)
    np.testing.assert_array_equal(data.interactions.rating, np.float32([4.5, 3]))
    assert data.log is not None
    assert list(data.log.clicked) == [True, False]
    assert "A click is a rating of 4 or more" in data.source["log"]


def test_parquet_with_types_gives_what_csv_gives(shop, tmp_path):
    expected = shop(CLICKED.replace('"sku"', '"id"'), *numbered_ids())
    items = pd.read_csv(tmp_path / "items.csv")
    items["tags"] = [["puzzle", "first person"], None, ["puzzle"]]
    items.to_parquet(tmp_path / "items.parquet")
    events = pd.read_csv(tmp_path / "events.csv")
    events["clicked"] = events["clicked"].isin(["1", "true"])
    events["at"] = pd.to_datetime(events["at"], unit="s")
    events.to_parquet(tmp_path / "events.parquet")
    toml = CLICKED.replace('"sku"', '"id"').replace(".csv", ".parquet")
    (tmp_path / "shop.toml").write_text(toml)
    data = load_dataset(tmp_path / "shop.toml")
    assert data.catalogue.item_ids == expected.catalogue.item_ids
    assert data.catalogue.categories == expected.catalogue.categories
    assert data.catalogue.attributes == expected.catalogue.attributes
    assert list(data.user_ids) == list(expected.user_ids)
    for column in ("user", "item", "time", "clicked", "position"):
        np.testing.assert_array_equal(getattr(data.log, column), getattr(expected.log, column))


def numbered_ids():
    table = {"b": "2", "a": "1", "c": "3", "sku": "id"}
    texts = []
    for text in (ITEMS, LOGGED):
        rows = list(csv.reader(io.StringIO(text)))
        out = io.StringIO()
        csv.writer(out).writerows([[table.get(field, field) for field in row] for row in rows])
        texts.append(out.getvalue())
    return texts


def test_byte_order_mark_tabs_and_quoted_line_breaks(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes(b'\xef\xbb\xbfid\tname\r\n1\t"two\nlines"\r\n\r\n2\tx\r\n')
    table = read_table(path)
    assert dict(table.columns) == {"id": ["1", "2"], "name": ["two\nlines", "x"]}
    assert str(table.fault("no", 1, "id")).endswith("line 5, column 'id': no")


@pytest.mark.parametrize(
    ("changes", "place", "cause"),
    [
        ({"items": ITEMS + "b,Again,,1,\n"}, "items.csv, line 5, column 'sku'", "on line 2"),
        ({"items": ITEMS + "d, ,,1,\n"}, "items.csv, line 5, column 'name'", "reads titles"),
        ({"items": ITEMS + ",X,,1,\n"}, "items.csv, line 5, column 'sku'", "needs an id"),
        ({"items": ITEMS + "d,X\n"}, "items.csv, line 5", "2 fields where the header has 5"),
        ({"items": ITEMS + "d,X,,1,,,\n"}, "items.csv, line 5", "7 fields where"),
        ({"items": ITEMS + 'd,"X,,1,\n'}, "items.csv, line 5", "stray quote"),
        ({"items": ITEMS.encode() + b"d,\xe9,,1,\n"}, "items.csv, line 5", "0xe9 is not utf-8"),
        ({"items": "sku,sku\na,b\n"}, "items.csv, line 1, column 'sku'", "Two columns"),
        ({"items": ITEMS.splitlines()[0]}, "items.csv", "no rows"),
        ({"items": "\n"}, "items.csv", "The file is empty"),
        ({"events": EVENTS + "bob,x,1\nbob,y,1\n"}, "events.csv, line 6, column 'sku'", "2 of 6"),
        ({"events": EVENTS + "bob,a,noon\n"}, "events.csv, line 6, column 'at'", "since 1970"),
        ({"events": EVENTS + "bob,a,1.5\n"}, "events.csv, line 6, column 'at'", "'1.5'"),
        ({"events": EVENTS + ",a,1\n"}, "events.csv, line 6, column 'who'", "needs a user"),
        ({"events": "who,sku,at\n"}, "events.csv", "no rows"),
        ({"toml": TOML + "\n=\n"}, "shop.toml", "Not valid TOML"),
        ({"toml": TOML.replace('"games"', '"toys"')}, "column 'domain'", "'movies'"),
        ({"toml": TOML.replace('path = "items.csv"', "")}, "column 'items.path'", "required"),
        ({"toml": TOML.replace("items.csv", "items.xlsx")}, "items.xlsx", "save it as"),
        ({"toml": TOML.replace("items.csv", "gone.csv")}, "gone.csv", "No such file"),
        ({"toml": TOML + "liked_from = 4\n"}, "column 'interactions'", "needs a rating"),
        ({"toml": TOML + 'position = "x"\n'}, "column 'interactions'", "needs a clicked"),
        ({"toml": CLICKED, "events": LOGGED.replace("true", "yes")}, "line 4", "neither 1 nor 0"),
        ({"toml": CLICKED, "events": LOGGED.replace("20,1,0", "20,1,-1")}, "line 2", "'-1'"),
        (
            {"toml": CLICKED, "events": "who,sku,at,clicked,place\nzoe,b,20,0,0\n"},
            "events.csv, column 'clicked'",
            "None of 1 users has a history",
        ),
        (
            {
                "toml": TOML + 'rating = "stars"\n',
                "events": "who,sku,at,stars\nz,a,1,5\nz,b,1,good\n",
            },
            "events.csv, line 3, column 'stars'",
            "'good' is not a number",
        ),
        (
            {"toml": TOML + 'rating = "stars"\n', "events": "who,sku,at,stars\nz,a,1,inf\n"},
            "events.csv, line 2, column 'stars'",
            "not a finite number",
        ),
    ],
)
def test_each_fault_names_its_place(shop, changes, place, cause):
    with pytest.raises(DataError) as error:
        shop(**changes)
    assert place in str(error.value)
    assert cause in str(error.value)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (TOML.replace('"who"', '"whom"'), "column of events.csv 'whom'. Did you mean 'who'"),
        (TOML.replace('"maker"', '"makr"'), "column of items.csv 'makr'. Did you mean 'maker'"),
        (TOML + 'clickd = "x"\n', "'clickd'. Did you mean 'clicked'"),
        ("licens = 1\n" + TOML, "'licens'. Did you mean 'licence'"),
    ],
)
def test_unknown_columns_and_keys_say_what_was_meant(shop, toml, message):
    with pytest.raises(UnknownNameError) as error:
        shop(toml)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "values",
    [pa.array([{"a": 1}]), pa.array([b"\xff"]), pa.array([timedelta(1)]), pa.array([[{"a": 1}]])],
    ids=lambda values: str(values.type),
)
def test_a_parquet_column_that_is_no_text_is_named(tmp_path, values):
    pq.write_table(pa.table({"sku": ["a"], "extra": values}), tmp_path / "items.parquet")
    with pytest.raises(DataError, match=r"items\.parquet.*'extra'.*cannot be read as text"):
        read_table(tmp_path / "items.parquet")


def test_large_lists_of_parquet_are_lists(tmp_path):
    tags = pa.array([["x", "y"], []], pa.large_list(pa.string()))
    pq.write_table(pa.table({"tags": tags}), tmp_path / "items.parquet")
    assert read_table(tmp_path / "items.parquet").texts("tags") == ["x\x1fy", ""]


def test_faults_in_parquet_name_the_row(tmp_path, shop):
    shop()
    events = pd.DataFrame({"who": ["z", "z"], "sku": ["a", None], "at": [1, 2]})
    events.to_parquet(tmp_path / "events.parquet")
    (tmp_path / "shop.toml").write_text(TOML.replace("events.csv", "events.parquet"))
    with pytest.raises(DataError, match=r"events\.parquet, row 2, column 'sku'"):
        load_dataset(tmp_path / "shop.toml")
    (tmp_path / "events.parquet").write_bytes(b"not parquet")
    with pytest.raises(DataError, match="Not a readable Parquet file"):
        load_dataset(tmp_path / "shop.toml")


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(cells.filter(str.strip), cells), min_size=1, max_size=8))
def test_any_text_survives_a_csv_file(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("a", "b"), *rows])
    table = read_table(path)
    assert list(zip(table.columns["a"], table.columns["b"], strict=True)) == rows
