"""Steam-200k and the Steam reviews: tiny copies, ways to spoil them, and the real ones."""

import numpy as np
import pytest

from simulator.data import (
    dataset_spec,
    download,
    load_dataset,
    load_steam_200k,
    load_steam_reviews,
)
from simulator.errors import DataError, UnknownNameError


def table(header, rows, separator="\t"):
    return "".join(separator.join(map(str, row)) + "\n" for row in [header, *rows])


def titles_of(data, user):
    return [data.catalogue.titles[item] for item in data.interactions.histories[user]]


GAMES = [(2, "Spore"), (1, "Portal"), (3, 'The "Ship"'), (4, "Alone")]
BOUGHT = [(7, 1), (7, 2), (7, 3), (3, 3), (3, 3), (3, 1), (3, 2), (5, 4)]
PLAYED = [(7, 2, "2.5"), (7, 1, "10.0"), (3, 1, "0.4"), (3, 1, "0.2"), (3, 2, "0.5")]


@pytest.fixture
def owned(tmp_path):
    purchases = [(user, game, "1.0") for user, game in BOUGHT]
    texts = {
        "item_info.dat": table(("Game_ID", "Game Name"), GAMES),
        "game_purchase.dat": table(("User_ID", "Game_ID", "Purchase"), purchases),
        "game_play.dat": table(("User_ID", "Game_ID", "Hours"), PLAYED),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_histories_go_from_the_least_to_the_most_played(owned):
    data = load_steam_200k(owned, filter="none")
    assert list(data.user_ids) == ["3", "5", "7"]
    assert list(data.catalogue.item_ids) == ["1", "2", "3", "4"]
    assert data.catalogue.domain == "games"
    # Two plays of one game add up: 0.4 + 0.2 hours of Portal against 0.5 of Spore.
    assert titles_of(data, 0) == ['The "Ship"', "Spore", "Portal"]
    assert titles_of(data, 2) == ['The "Ship"', "Spore", "Portal"]
    assert data.interactions.rating == pytest.approx([0, 0.5, 0.6, 0, 0, 2.5, 10])
    assert set(data.interactions.time) == {0}
    assert data.source["dropped"] == "1 repeated purchases"


def test_core_of_purchases(owned, monkeypatch):
    with pytest.raises(DataError, match="filter='none'"):
        load_steam_200k(owned)
    monkeypatch.setattr("simulator.data.steam._CORE", 2)
    data = load_steam_200k(owned)
    assert (list(data.user_ids), list(data.catalogue.item_ids)) == (["3", "7"], ["1", "2", "3"])
    assert data.name == "steam-200k"


def test_equally_played_games_keep_the_order_of_the_file(owned):
    (owned / "game_play.dat").write_text("User_ID\tGame_ID\tHours\n3\t1\t1\n")
    assert titles_of(load_steam_200k(owned, filter="none"), 2) == ["Portal", "Spore", 'The "Ship"']


def replace_line(path, line, text):
    lines = path.read_text().split("\n")
    lines[line - 1] = text
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("name", "line", "text", "place", "cause"),
    [
        ("item_info.dat", 1, "id\tname", "item_info.dat, line 1", "name the columns"),
        ("item_info.dat", 3, "1\t", "item_info.dat, line 3, column 'Game Name'", "Empty"),
        ("item_info.dat", 3, "2\tX", "item_info.dat, line 3, column 'Game_ID'", "on line 2"),
        ("game_purchase.dat", 2, "7\t9\t1", "line 2, column 'Game_ID'", "9 is not in item_info"),
        ("game_play.dat", 2, "5\t2\t1", "line 2, column 'Game_ID'", "User 5 played game 2, but"),
        ("game_play.dat", 3, "7\t1\t-3", "line 3, column 'Hours'", "'-3' is less than 0"),
        ("game_play.dat", 3, "7\t1\tlong", "line 3, column 'Hours'", "'long' is not a number"),
        ("game_play.dat", 3, "7\t1", "game_play.dat, line 3", "2 fields where 3"),
    ],
)
def test_each_fault_of_the_purchases_names_its_place(owned, name, line, text, place, cause):
    replace_line(owned / name, line, text)
    with pytest.raises(DataError) as error:
        load_steam_200k(owned, filter="none")
    assert place in str(error.value)
    assert cause in str(error.value)


REVIEWS = [
    ("ann", 20, "True", "Posted February 29.", ""),
    ("ann", 10, "False", "Posted May 2, 2012.", "2012-05-02"),
    ("ann", 30, "True", "Posted May 2, 2012.", "2012-05-02"),
    ("ann", 10, "False", "Posted May 2, 2012.", "2012-05-02"),
    ("bob", 10, "True", "Posted yesterday.", ""),
    ("bob", 20, "False", "Posted June 1, 2011.", ""),
    ("bob", 40, "True", "Posted June 1, 2011.", "2011-06-01"),
    ("bob", 99, "True", "Posted June 1, 2011.", "2011-06-01"),
]
INFO = [
    (30, "Third", "", "", "", "", ""),
    (20, "Second &amp; Last", "Action|Design &amp; Illustration", "x", "Oct 2010", "d", "1"),
    (10, 'The "First"', "Indie", "", "2001-03-04", "", ""),
    (40, " ", "Indie", "", "2001-03-04", "", ""),
]
INFO_COLUMNS = ("item_id", "name", "genres", "tags", "release_date", "developer", "price")


@pytest.fixture
def reviewed(tmp_path):
    rows = [(*row[:3], f'"{row[3]}"', row[4]) for row in REVIEWS]
    header = ("user_id", "item_id", "recommend", "posted", "date")
    (tmp_path / "user_reviews.csv").write_text(table(header, rows, ","))
    (tmp_path / "games.tsv").write_text(table(INFO_COLUMNS, INFO))
    return tmp_path


def test_reviews_are_likes_and_dislikes_by_day(reviewed):
    data = load_steam_reviews(reviewed, filter="none")
    assert list(data.catalogue.titles) == ['The "First"', "Second & Last", "Third"]
    assert data.catalogue.categories[1] == ("Action", "Design & Illustration")
    assert data.catalogue.categories[2] == ()
    assert data.catalogue.attributes["year"] == [2001, 2010, None]
    assert list(data.user_ids) == ["ann", "bob"]
    # A day without a year is of 2016; reviews of one day keep the order of the file.
    assert titles_of(data, 0) == ['The "First"', "Third", "Second & Last"]
    # A day that cannot be read comes first; one without `date` is read from `posted`.
    assert titles_of(data, 1) == ['The "First"', "Second & Last"]
    days = data.interactions.time.astype("datetime64[s]").astype("datetime64[D]").astype(str)
    assert days.tolist() == [
        "2012-05-02",
        "2012-05-02",
        "2016-02-29",
        "1970-01-01",
        "2011-06-01",
    ]
    assert data.log is not None
    assert data.log.clicked.tolist() == [False, True, True, True, False]
    assert not data.log.observed
    dropped = "2 reviews of games without a name, 1 repeated reviews"
    assert data.source["dropped"] == dropped


def test_core_of_reviews(reviewed, monkeypatch):
    with pytest.raises(DataError, match="'5-core' leaves nothing of 8 reviews"):
        load_steam_reviews(reviewed)
    monkeypatch.setattr("simulator.data.steam_reviews._CORE", 2)
    data = load_steam_reviews(reviewed)
    assert (data.n_users, list(data.catalogue.item_ids)) == (2, ["10", "20"])


@pytest.mark.parametrize(
    ("name", "line", "text", "place", "cause"),
    [
        ("user_reviews.csv", 3, "ann,10,Maybe,x,", "line 3, column 'recommend'", "neither True"),
        ("user_reviews.csv", 3, "ann,10,True,x,May 2", "line 3, column 'date'", "such as 2011"),
        ("user_reviews.csv", 3, ",10,True,x,", "line 3, column 'user_id'", "Empty"),
        ("user_reviews.csv", 3, "ann,ten,True,x,", "line 3, column 'item_id'", "'ten'"),
        ("user_reviews.csv", 3, "ann,10,True", "user_reviews.csv, line 3", "3 fields where"),
        ("games.tsv", 3, "30\tA\t\t\t\t\t", "games.tsv, line 3, column 'item_id'", "on line 2"),
        ("games.tsv", 3, "30\tA", "games.tsv, line 3", "2 fields where 7"),
    ],
)
def test_each_fault_of_the_reviews_names_its_place(reviewed, name, line, text, place, cause):
    replace_line(reviewed / name, line, text)
    with pytest.raises(DataError) as error:
        load_steam_reviews(reviewed, filter="none")
    assert place in str(error.value)
    assert cause in str(error.value)


def test_games_without_any_name(reviewed):
    (reviewed / "games.tsv").write_text(table(INFO_COLUMNS, [INFO[-1]]))
    with pytest.raises(DataError, match="No game has a name"):
        load_steam_reviews(reviewed, filter="none")


def test_a_column_that_is_not_there(reviewed):
    path = reviewed / "user_reviews.csv"
    path.write_text(path.read_text().replace("recommend", "recommended", 1))
    with pytest.raises(UnknownNameError, match="Did you mean 'recommended'"):
        load_steam_reviews(reviewed, filter="none")


@pytest.mark.parametrize("load", [load_steam_200k, load_steam_reviews])
def test_unknown_filter(load, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean '5-core'"):
        load(tmp_path, filter="5core")


def test_fetching_is_by_hand(tmp_path):
    with pytest.raises(DataError, match="By hand: fetch https://github") as error:
        load_dataset("steam-200k", home=tmp_path)
    assert str(tmp_path / "steam" / "steam200k_caserec" / "item_info.dat") in str(error.value)
    with pytest.raises(DataError, match=r"no checksum.*Make of the publisher's"):
        download("steam-reviews", home=tmp_path)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("steam-200k", (3726, 2628, 110_176)),
        ("steam-200k-all", (12_393, 5155, 128_804)),
        ("steam-reviews", (1949, 458, 11_947)),
        ("steam-reviews-all", (24_380, 3195, 53_197)),
    ],
)
def test_real_counts(name, counts):
    if not dataset_spec(name).is_present():
        pytest.skip("the real data set is not at hand; set NUDGESIM_DATA")
    data = load_dataset(name)
    assert (data.n_users, data.n_items, len(data.interactions)) == counts
    if data.log is None:
        outside = ", 18,628 purchases outside the core" if name == "steam-200k" else ""
        assert data.source["dropped"] == "707 repeated purchases" + outside
        # Every play of the publisher's 70,489 belongs to a purchase; 12 of them repeat one.
        played = int((data.interactions.rating > 0).sum())
        assert played == 70_477 or name == "steam-200k"
    else:
        assert data.interactions.time.min() > 1_280_000_000
        assert np.mean(data.log.clicked) == pytest.approx(0.89, abs=0.01)
