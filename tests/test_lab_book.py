import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lab_worlds import knowing, open_lab

from evals.tables import Table
from simulator.domain import Dataset
from simulator.errors import ConfigError, DataError, UnknownNameError
from simulator.lab import Book, sweep_variants
from simulator.lab.book_file import VERSION
from simulator.lab.exporting import write_board
from simulator.lab.sittings import Sitting
from simulator.lab.tables import board_table


def sitting(split: str = "test", data: str = "demo", **changes: object) -> Sitting:
    fields = {
        "purpose": "eval",
        "data": data,
        "data_sha256": "abc",
        "split": split,
        "seed": 0,
        "exposures": 10,
        "users": 5,
        "click_rate": 0.3,
        "engine": "scripted",
        "model": "m",
        "revision": "",
        "precision": "",
        "mode": "sample",
        "minimum_mass": 0.5,
        "nudgesim": "0",
    }
    return Sitting(**{**fields, **changes})  # type: ignore[arg-type]  # by name


def test_a_board_holds_what_was_found(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, knowing({"newest first": 1.0}))
    found = lab.evaluate(sweep_variants(lab, lab.variant(), ["direction"]), exposures=200)
    assert lab.book is not None
    board = Book(lab.book.path).board()

    best = board.iloc[0]
    assert (best["prompt"], best["version"], best["variant"]) == (
        "movies/click-en",
        2,
        "newest first",
    )
    assert best["template_sha256"] == list(found.variants.values())[1].template.sha256
    name = "movies/click-en [newest first]"
    for measure in ("auc", "log_loss", "brier", "calibration_error", "click_rate_ratio"):
        assert best[measure] == pytest.approx(found.value(name, measure))
    row = found.board().loc[name]
    for figure in ("log_loss_low", "log_loss_difference", "log_loss_difference_high", "log_loss_p"):
        assert best[figure] == pytest.approx(row[figure])
    assert (best["data"], best["split"], best["exposures"]) == ("small", "development", 200)
    assert best["users"] == found.log.n_users
    assert best["against"] == board.index[1] != board.index[0]
    assert board["made"].str.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00").all()
    assert np.isnan(board["tokens"]).all()  # the scripted engine has no tokenizer
    assert lab.book.text(int(board.index[0])) == list(found.variants.values())[1].template.text


def test_repeats_are_one_row_with_its_difference(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)
    one, two = lab.variant(), lab.variant(examples="none")
    lab.evaluate([one, two], exposures=100)
    lab.evaluate([two], exposures=100)
    lab.evaluate([two], exposures=90)
    assert lab.book is not None
    board = lab.book.board(sort="made")
    assert len(board) == 3
    repeated = board[(board["examples"] == "0 (none)") & (board["exposures"] == 100)].iloc[0]
    assert repeated["times"] == 2
    assert np.isfinite(repeated["log_loss_difference"])
    assert len(lab.book.board(everything=True)) == 4


def test_a_board_is_filtered_and_sorted(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, knowing({"newest first": 1.0}))
    lab.evaluate(sweep_variants(lab, lab.variant(), ["direction"]), exposures=200)
    lab.evaluate([lab.variant()], exposures=200, split="test")
    assert lab.book is not None
    assert lab.book.board(sort="auc")["auc"].is_monotonic_decreasing
    assert lab.book.board(sort="log_loss")["log_loss"].is_monotonic_increasing
    assert list(lab.book.board(split="test")["split"]) == ["test"]
    assert lab.book.board(data="other").empty
    assert lab.book.board(model="other").empty
    with pytest.raises(UnknownNameError, match=r"column 'auk'.*Did you mean 'auc'"):
        lab.book.board(sort="auk")


def test_an_empty_book_has_an_empty_board(tmp_path: Path) -> None:
    board = Book(tmp_path / "new" / "book.sqlite").board()
    assert board.empty
    with pytest.raises(ConfigError, match="no evaluation number 1"):
        Book(tmp_path / "new" / "book.sqlite").text(1)


def test_looks_are_counted_by_data_and_users(tmp_path: Path) -> None:
    book = Book(tmp_path / "book.sqlite")
    assert [book.begin(sitting())[1] for _ in range(3)] == [1, 2, 3]
    assert book.begin(sitting("development"))[1] == 1
    assert book.begin(sitting(data="other"))[1] == 1
    assert book.begin(sitting(data_sha256="other"))[1] == 1
    assert book.looks("demo", "abc", "test") == 3
    assert book.test_looks() == {"demo": 4, "other": 1}


def test_many_writers_lose_nothing(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4, book=False)
    found = lab.evaluate([lab.variant()], exposures=50)
    path = tmp_path / "shared.sqlite"

    def write() -> None:
        book = Book(path)
        for _ in range(5):
            number, _ = book.begin(sitting())
            book.keep(number, found)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    board = Book(path).board(everything=True)
    assert len(board) == 30
    assert board["log_loss"].notna().all()
    assert Book(path).begin(sitting())[1] == 31


@pytest.mark.slow
def test_processes_that_begin_at_once_count_every_look(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite"
    script = (
        "import sys, json; from simulator.lab.book import Book; "
        "from simulator.lab.sittings import Sitting; "
        "s = Sitting(**json.loads(sys.argv[2])); "
        "[Book(sys.argv[1]).begin(s) for _ in range(10)]"
    )
    fields = json.dumps(sitting().__dict__)
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(path), fields]) for _ in range(3)
    ]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert Book(path).looks("demo", "abc", "test") == 30


def test_a_sitting_is_kept_whole_or_not_at_all(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)
    assert lab.book is not None
    variants = [lab.variant(), lab.variant(examples="none")]
    found = lab.evaluate(variants, exposures=50)
    before = len(lab.book.board(everything=True))
    number, _ = lab.book.begin(sitting())

    def fail(*_: object) -> None:
        raise RuntimeError("torn")

    with monkeypatch.context() as patched:
        patched.setattr("simulator.lab.book._figures", fail)
        with pytest.raises(RuntimeError, match="torn"):
            lab.book.keep(number, found)
    assert len(lab.book.board(everything=True)) == before


def test_files_that_are_no_book_are_refused(tmp_path: Path) -> None:
    noise = tmp_path / "noise.sqlite"
    noise.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(
        DataError, match=r"noise\.sqlite: This is no lab book, or it is damaged\. Move"
    ):
        Book(noise)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE things (id)")
    connection.close()
    with pytest.raises(DataError, match="SQLite file of something else; pass another --book"):
        Book(other)
    newer = tmp_path / "newer.sqlite"
    Book(newer)
    with sqlite3.connect(newer) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(DataError, match=f"version {VERSION + 1}, and this nudgesim writes"):
        Book(newer)
    with pytest.raises(DataError, match=r"cannot be opened|cannot be made"):
        Book(noise / "inside.sqlite")


def test_a_damaged_book_says_so(tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite"
    Book(path).begin(sitting())
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE figures")
    connection.close()
    with pytest.raises(DataError, match="lacks the tables of a lab book"):
        Book(path).board()


def test_a_board_is_exported_in_each_kind(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)
    lab.evaluate([lab.variant()], exposures=50)
    assert lab.book is not None
    board = lab.book.board()
    table: Table = board_table(board)
    for kind in ("csv", "parquet", "md", "tex"):
        write_board(board, [table], tmp_path / f"board.{kind}")
    read = pd.read_csv(tmp_path / "board.csv", index_col="number")
    np.testing.assert_allclose(read["log_loss"], board["log_loss"])
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "board.parquet"), board)
    assert "| #1 | movies/click-en v2 | as is |" in (tmp_path / "board.md").read_text("utf-8")
    assert r"\#1 & movies/click-en v2 & as is" in (tmp_path / "board.tex").read_text("utf-8")
    with pytest.raises(UnknownNameError, match=r"kind of file '.xlsx'"):
        write_board(board, [table], tmp_path / "board.xlsx")
