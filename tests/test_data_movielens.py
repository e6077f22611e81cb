"""MovieLens 100k: a tiny copy in the publisher's format, ways to spoil it, and the real one."""

import numpy as np
import pytest

from simulator.data import load_dataset, load_movielens_100k
from simulator.errors import DataError, UnknownNameError

GENRES = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]


def item_line(number, title, genres=(), release="01-Jan-1995"):
    flags = ["1" if name in genres else "0" for name in GENRES]
    return "|".join([str(number), title, release, "", "http://example.invalid", *flags])


# Item 3 is the most popular (7), items 10 and 20 have 5 each, item 4 has 1.
RATINGS = [
    *((user, 3, 5, 100 + user) for user in range(1, 8)),
    *((user, 10, 3, 200) for user in range(1, 6)),
    *((user, 20, 4, 200) for user in range(3, 8)),
    (9, 4, 1, 50),
]


@pytest.fixture
def folder(tmp_path):
    """Users 1..9 (8 without ratings, 9 only with a rare film), items out of order."""
    (tmp_path / "u.data").write_text("".join("\t".join(map(str, r)) + "\n" for r in RATINGS))
    items = [
        item_line(20, "Amélie (2001)", ["Comedy", "Romance"]),
        item_line(3, "Matrix, The (1999)", ["Action", "Sci-Fi"]),
        item_line(4, "unknown", ["unknown"], release=""),
        item_line(10, "Undated", release="07-Mar-1997"),
    ]
    (tmp_path / "u.item").write_bytes(("\n".join(items) + "\n").encode("latin-1"))
    users = [f"{number}|{20 + number}|F|writer|0{number}234" for number in range(9, 0, -1)]
    (tmp_path / "u.user").write_text("\n".join(users) + "\n")
    genres = [f"{name}|{k}" for k, name in enumerate(GENRES)]
    (tmp_path / "u.genre").write_text("\n".join(genres) + "\n\n")
    return tmp_path


def test_whole_data_set(folder):
    data = load_movielens_100k(folder, filter="none")
    assert list(data.catalogue.item_ids) == ["3", "4", "10", "20"]
    assert list(data.catalogue.titles) == [
        "Matrix, The (1999)",
        "unknown",
        "Undated",
        "Amélie (2001)",
    ]
    assert data.catalogue.attributes["year"] == [1999, None, 1997, 2001]
    assert data.catalogue.categories[0] == ("Action", "Sci-Fi")
    assert data.catalogue.domain == "movies"
    assert list(data.user_ids) == ["1", "2", "3", "4", "5", "6", "7", "9"]
    assert data.user_attributes["age"] == [21, 22, 23, 24, 25, 26, 27, 29]
    assert data.user_attributes["zip_code"][0] == "01234"
    assert len(data.interactions) == len(RATINGS)


def test_ties_in_time_keep_the_order_of_the_file(folder):
    data = load_movielens_100k(folder, filter="none")
    assert list(data.interactions.histories[3]) == [0, 2, 3]
    lines = (folder / "u.data").read_text().splitlines(keepends=True)
    (folder / "u.data").write_text("".join(reversed(lines)))
    assert list(load_movielens_100k(folder, filter="none").interactions.histories[3]) == [0, 3, 2]


def test_paper_filter_drops_rare_items_and_the_most_popular(folder):
    data = load_movielens_100k(folder)
    assert list(data.catalogue.item_ids) == ["10", "20"]
    assert list(data.user_ids) == ["1", "2", "3", "4", "5", "6", "7"]
    assert len(data.interactions) == 10
    assert data.source["filter"] == "paper"


def test_log_reads_ratings_of_four_and_more_as_clicks(folder):
    data = load_movielens_100k(folder)
    assert data.log is not None
    np.testing.assert_array_equal(data.log.clicked, data.interactions.rating >= 4)
    np.testing.assert_array_equal(data.log.clicked, data.log.item == 1)
    assert "self-selected" in data.source["log"]
    shown = data.logged_exposures()
    # User 3 rated both films at time 200: neither is in the other's history.
    assert shown.history.lengths.max() == 0


def test_hashes_follow_the_content(folder):
    before = load_movielens_100k(folder).source
    with (folder / "u.data").open("a") as file:
        file.write("8\t3\t5\t900\n")
    after = load_movielens_100k(folder).source
    assert {k for k in before if before[k] != after[k]} == {"sha256:u.data", "dropped"}
    assert before["dropped"] == (
        "8 ratings of rare films and of the most rated one, 2 users without a rating left"
    )


def replace_line(path, line, text):
    lines = path.read_bytes().split(b"\n")
    lines[line - 1] = text if isinstance(text, bytes) else text.encode("latin-1")
    path.write_bytes(b"\n".join(lines))


@pytest.mark.parametrize(
    ("name", "line", "text", "place", "cause"),
    [
        ("u.data", 3, "3\t3\t5", "u.data, line 3", "3 fields where 4"),
        ("u.data", 1, "1\t3\t5\t101\t9", "u.data, line 1", "5 fields where 4"),
        ("u.data", 5, "", "u.data, line 5", "1 fields where 4"),
        ("u.data", 2, "x\t3\t5\t1", "u.data, line 2, column 'user'", "'x' is not a whole"),
        ("u.data", 2, "2\t3.5\t5\t1", "u.data, line 2, column 'item'", "'3.5'"),
        ("u.data", 4, "4\t3\t6\t1", "u.data, line 4, column 'rating'", "'6' is not in 1..5"),
        ("u.data", 4, "4\t3\tnan\t1", "u.data, line 4, column 'rating'", "'nan'"),
        ("u.data", 6, "6\t3\t5\tsoon", "u.data, line 6, column 'time'", "'soon'"),
        ("u.data", 6, "6\t3\t5\t-1", "u.data, line 6, column 'time'", "'-1'"),
        ("u.data", 6, "6\t3\t5\t" + "9" * 30, "u.data, line 6, column 'time'", "whole number"),
        ("u.data", 7, "77\t3\t5\t1", "u.data, line 7, column 'user'", "77 is not in u.user"),
        ("u.data", 7, "7\t99\t5\t1", "u.data, line 7, column 'item'", "99 is not in u.item"),
        ("u.data", 9, "1\t3\t2\t7", "u.data, line 9, column 'item'", "line 1;"),
        ("u.data", 3, b"3\t3\t\xff\t1", "u.data, line 3", "0xff is not utf-8"),
        ("u.item", 2, "3|Matrix|1|2", "u.item, line 2", "4 fields where 24"),
        ("u.item", 2, item_line(3, " "), "u.item, line 2, column 'title'", "without a title"),
        ("u.item", 3, item_line(3, "Again"), "u.item, line 3, column 'item'", "on line 2"),
        ("u.item", 4, item_line("ten", "Ten"), "u.item, line 4, column 'item'", "'ten'"),
        ("u.item", 1, item_line(20, "A") + "7", "u.item, line 1, column 'Western'", "'07'"),
        ("u.item", 1, item_line(20, "Amélie").encode(), "u.item, line 1", "UTF-8"),
        ("u.user", 2, "9|20|F|writer|1", "u.user, line 2, column 'user'", "on line 1"),
        ("u.user", 2, "8|old|F|writer|1", "u.user, line 2, column 'age'", "'old'"),
        ("u.genre", 4, "Action|3", "u.genre", "18 genres"),
        ("u.genre", 4, "Animation|9", "u.genre", "numbered"),
    ],
)
def test_each_fault_names_its_place(folder, name, line, text, place, cause):
    replace_line(folder / name, line, text)
    with pytest.raises(DataError) as error:
        load_movielens_100k(folder)
    assert place in str(error.value)
    assert cause in str(error.value)


def test_windows_line_ends_are_read(folder):
    before = load_movielens_100k(folder)
    for name in ("u.data", "u.item", "u.user", "u.genre"):
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    after = load_movielens_100k(folder)
    assert list(after.catalogue.titles) == list(before.catalogue.titles)
    np.testing.assert_array_equal(after.interactions.item, before.interactions.item)


def test_missing_files_are_listed_with_what_to_do(folder):
    (folder / "u.item").unlink()
    (folder / "u.genre").unlink()
    with pytest.raises(DataError, match=r"Missing u\.item, u\.genre\..*NUDGESIM_DATA") as error:
        load_movielens_100k(folder)
    assert "https://files.grouplens.org/datasets/movielens/ml-100k.zip" in str(error.value)


def test_empty_file(folder):
    (folder / "u.data").write_text("")
    with pytest.raises(DataError, match=r"u\.data: The file is empty"):
        load_movielens_100k(folder)


def test_a_filter_that_leaves_nothing(folder):
    (folder / "u.data").write_text("1\t3\t5\t100\n")
    with pytest.raises(DataError, match="leaves no item"):
        load_movielens_100k(folder)
    assert len(load_movielens_100k(folder, filter="none").interactions) == 1


def test_unknown_filter(folder):
    with pytest.raises(UnknownNameError, match="Did you mean 'paper'"):
        load_movielens_100k(folder, filter="papers")


@pytest.mark.realdata
def test_real_counts_are_the_papers(ml_100k):
    real = ml_100k
    assert (real.n_users, real.n_items, len(real.interactions)) == (943, 1348, 98_704)
    assert len(real.catalogue.in_category("Sci-Fi")) == 96
    rest, last = real.interactions.leave_last_out(2)
    assert len(rest) == 96_818
    assert len(last) == 2 * 943
    ids = [int(item_id) for item_id in real.catalogue.item_ids]
    assert ids == sorted(ids)
    assert "50" not in real.catalogue.item_ids  # Star Wars, the most popular


@pytest.mark.realdata
@pytest.mark.usefixtures("ml_100k")
def test_real_whole_counts():
    whole = load_dataset("ml-100k-all")
    assert (whole.n_users, whole.n_items, len(whole.interactions)) == (943, 1682, 100_000)
    assert len(set(whole.catalogue.titles)) == 1664
    assert whole.log is not None
    assert int(whole.log.clicked.sum()) == 34_174 + 21_201
