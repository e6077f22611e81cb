"""Last.fm: a tiny copy in the publisher's format, ways to spoil it, and the real one."""

import numpy as np
import pytest

from simulator.data import dataset_spec, download, load_dataset, load_lastfm
from simulator.data.filters import k_core, keep
from simulator.errors import DataError, UnknownNameError

APRIL_2009 = 1_238_536_800_000
MAY_2009 = APRIL_2009 + 30 * 86_400_000

ARTISTS = [
    (30, "Björk", "u", "p"),
    (10, 'The "Quoted"', "u", "p"),
    (20, "Low", "u", "p"),
    (40, "Nobody's", "u", "p"),
]
TAGS = [(3, "rock"), (1, "été"), (2, "slow"), (5, "art")]
EVENTS = [
    # Users 1 and 2 with artists 10, 20 and 30; artist 99 has no name.
    (2, 20, 2, MAY_2009),
    (2, 10, 3, APRIL_2009),
    (2, 30, 3, APRIL_2009),
    (2, 20, 3, APRIL_2009 - 1000),
    (2, 99, 3, APRIL_2009),
    (1, 10, 3, -428_720_400_000),
    (1, 10, 2, MAY_2009),
    (1, 20, 2, -428_720_400_000),
    (1, 30, 5, APRIL_2009),
]
LISTENS = [(1, 10, 500), (1, 20, 7), (1, 40, 80), (2, 30, 9), (2, 20, 100)]


def table(header, rows):
    lines = ["\t".join(header), *("\t".join(map(str, row)) for row in rows)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path):
    texts = {
        "artists.dat": table(("id", "name", "url", "pictureURL"), ARTISTS).encode(),
        "tags.dat": table(("tagID", "tagValue"), TAGS).encode("latin-1"),
        "user_taggedartists-timestamps.dat": table(
            ("userID", "artistID", "tagID", "timestamp"), EVENTS
        ).encode(),
        "user_artists.dat": table(("userID", "artistID", "weight"), LISTENS).encode(),
    }
    for name, content in texts.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def core_of_two(monkeypatch):
    monkeypatch.setattr("simulator.data.lastfm._CORE", 2)


def told(data, user):
    """A user's history as (title, time)."""
    rows = slice(*data.interactions.offsets[user : user + 2])
    titles = [data.catalogue.titles[item] for item in data.interactions.item[rows]]
    return list(zip(titles, data.interactions.time[rows].tolist(), strict=True))


@pytest.mark.usefixtures("core_of_two")
def test_tagged_pairs_at_their_first_known_time(folder):
    data = load_lastfm(folder)
    assert list(data.user_ids) == ["1", "2"]
    assert list(data.catalogue.item_ids) == ["10", "20", "30"]
    assert list(data.catalogue.titles) == ['The "Quoted"', "Low", "Björk"]
    assert data.catalogue.domain == "music"
    april, may = APRIL_2009 // 1000, MAY_2009 // 1000
    # User 1's only tag of "Low" has an absurd time: unknown, so first.
    assert told(data, 0) == [("Low", 0), ("Björk", april), ('The "Quoted"', may)]
    # A second tag is no second interaction; ties keep the order of the file.
    assert told(data, 1) == [("Low", april - 1), ('The "Quoted"', april), ("Björk", april)]
    assert data.interactions.rating is None
    assert data.source["dropped"] == "1 tags of artists without a name"


@pytest.mark.usefixtures("core_of_two")
def test_categories_are_the_tags_that_most_users_gave(folder):
    more = [(3, 20, 5, MAY_2009), (3, 20, 1, MAY_2009)]
    path = folder / "user_taggedartists-timestamps.dat"
    header = ("userID", "artistID", "tagID", "timestamp")
    path.write_text(table(header, [*EVENTS, *more]))
    categories = dict(zip(*_titles_and_categories(load_lastfm(folder)), strict=True))
    # Low: slow by 2 users; rock, art and été by 1 each, of which rock and art are used more often.
    assert categories["Low"] == ("slow", "rock", "art")
    assert categories["Björk"] == ("rock", "art")


def _titles_and_categories(data):
    return data.catalogue.titles, data.catalogue.categories


def test_whole_set_holds_listens_with_the_least_played_of_no_time_first(folder):
    data = load_lastfm(folder, filter="none")
    assert data.name == "lastfm-all"
    assert told(data, 0) == [("Low", 0), ("Nobody's", 0), ('The "Quoted"', MAY_2009 // 1000)]
    assert data.interactions.rating[:3].tolist() == [7, 80, 500]
    april = APRIL_2009 // 1000
    assert told(data, 1) == [("Low", april - 1), ("Björk", april)]
    assert data.catalogue.categories[data.catalogue.rows(["40"])[0]] == ()
    assert "sha256:user_artists.dat" in data.source


def test_a_core_that_leaves_nothing(folder):
    with pytest.raises(DataError, match="filter='none'"):
        load_lastfm(folder)


def test_core_drops_until_all_have_enough():
    # User 2 has two items, but item 2 has one user, and after it goes, user 2 has one item.
    user = np.array([0, 0, 1, 1, 2, 2])
    item = np.array([0, 1, 0, 1, 0, 2])
    kept = k_core(user, item, 2)
    assert kept.tolist() == [True] * 4 + [False] * 2
    assert not k_core(user, item, 3).any()
    rows = keep(user + 5, item, ~kept)
    assert (rows.users.tolist(), rows.items.tolist()) == ([7], [0, 2])
    assert (rows.user.tolist(), rows.item.tolist()) == ([0, 0], [0, 1])


def replace_line(path, line, text):
    lines = path.read_bytes().split(b"\n")
    lines[line - 1] = text if isinstance(text, bytes) else text.encode("latin-1")
    path.write_bytes(b"\n".join(lines))


EVENT_FILE = "user_taggedartists-timestamps.dat"


@pytest.mark.parametrize(
    ("name", "line", "text", "place", "cause"),
    [
        ("artists.dat", 1, "id\ttitle\turl\tpictureURL", "artists.dat, line 1", "name the columns"),
        ("artists.dat", 3, "10\tQuoted\tu", "artists.dat, line 3", "3 fields where 4"),
        ("artists.dat", 3, "10\t \tu\tp", "artists.dat, line 3, column 'name'", "Empty"),
        ("artists.dat", 4, "30\tLow\tu\tp", "artists.dat, line 4, column 'id'", "on line 2"),
        ("artists.dat", 2, b"30\tBj\xf6rk\tu\tp", "artists.dat, line 2", "not utf-8"),
        ("tags.dat", 3, "1\té".encode(), "tags.dat, line 3", "UTF-8"),
        ("tags.dat", 4, "1\tslow", "tags.dat, line 4, column 'tagID'", "on line 3"),
        (EVENT_FILE, 2, "2\t20\t2\tsoon", "dat, line 2, column 'timestamp'", "'soon'"),
        (EVENT_FILE, 4, "2\t30\t77\t1", "dat, line 4, column 'tagID'", "77 is not in tags.dat"),
        ("user_artists.dat", 3, "1\t77\t1", "dat, line 3, column 'artistID'", "77 is not in art"),
        ("user_artists.dat", 3, "1\t10\t1", "dat, line 3, column 'artistID'", "on line 2"),
        ("user_artists.dat", 3, "1\t20\t0", "dat, line 3, column 'weight'", "'0' is not in 1"),
    ],
)
def test_each_fault_names_its_place(folder, name, line, text, place, cause):
    replace_line(folder / name, line, text)
    with pytest.raises(DataError) as error:
        load_lastfm(folder, filter="none")
    assert place in str(error.value)
    assert cause in str(error.value)


def test_a_header_alone_is_no_table(folder):
    (folder / "user_artists.dat").write_text("userID\tartistID\tweight\n")
    with pytest.raises(DataError, match="No rows under the header"):
        load_lastfm(folder, filter="none")


def test_unknown_filter(folder):
    with pytest.raises(UnknownNameError, match="Did you mean '5-core'"):
        load_lastfm(folder, filter="5core")


def test_fetching_is_by_hand(tmp_path):
    assert not dataset_spec("lastfm").is_present(tmp_path)
    for attempt in (lambda: download("lastfm", home=tmp_path),
                    lambda: load_dataset("lastfm-all", home=tmp_path)):  # fmt: skip
        with pytest.raises(DataError, match="By hand: fetch https://files") as error:
            attempt()
        assert str(tmp_path / "lastfm" / "artists.dat") in str(error.value)
        assert "nudgesim data download" not in str(error.value)
        assert "MD5" not in str(error.value)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "counts", "unknown_times", "outside"),
    [
        ("lastfm", (1089, 3624, 52_422), 2, ", 17,875 pairs outside the core"),
        ("lastfm-all", (1892, 17_632, 92_834), 72_170, ""),
    ],
)
def test_real_counts(name, counts, unknown_times, outside):
    if not dataset_spec(name).is_present():
        pytest.skip("the real data set is not at hand; set NUDGESIM_DATA")
    data = load_dataset(name)
    assert (data.n_users, data.n_items, len(data.interactions)) == counts
    assert int((data.interactions.time == 0).sum()) == unknown_times
    known = data.interactions.time[data.interactions.time > 0]
    assert 1_100_000_000 < known.min() < known.max() < 1_306_000_000  # 2004 to May 2011
    assert len(data.catalogue.in_category("rock")) > 500
    assert data.source["dropped"] == "1,538 tags of artists without a name" + outside
