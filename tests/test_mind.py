"""MIND: a tiny copy in both forms of its news file, ways to spoil it, and the real one."""

import numpy as np
import pytest

from simulator.data import dataset_spec, load_dataset, load_mind
from simulator.errors import DataError

NEWS = [
    ("N5", "sports", "golf", 'The "open"', "An abstract"),
    ("N1", "news", "world", "First", ""),
    ("N2", "news", "", "Second", ""),
    ("N9", "tv", "quiz", "Never shown", ""),
    ("N3", "tv", "quiz", "Third", ""),
]
BEHAVIOURS = [
    (1, "U7", "11/14/2019 7:01:48 AM", "N1 N2 N1", "N5-1 N3-0"),
    (2, "U7", "11/14/2019 12:00:00 AM", "N1 N2 N1 N8", "N2-0 N5-0"),
    (3, "U4", "11/13/2019 12:00:00 PM", "", "N3-1 N8-1 N1-0"),
]
HEADER = ("news_id", "category", "subcategory", "title", "abstract")


def lines(rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "behaviors.tsv").write_text(lines(BEHAVIOURS))
    (tmp_path / "news.tsv").write_text(lines((*row, "url", "[]", "[]") for row in NEWS))
    return tmp_path


def titles(data, rows):
    return [data.catalogue.titles[k] for k in rows]


def seconds(text):
    return int(np.datetime64(text, "s").astype(int))


def test_histories_come_before_what_was_clicked_in_impressions(folder):
    data = load_mind(folder)
    assert list(data.user_ids) == ["U4", "U7"]
    assert list(data.catalogue.item_ids) == ["N5", "N1", "N2", "N3"]
    assert list(data.catalogue.categories)[:3] == [("sports", "golf"), ("news", "world"), ("news",)]
    assert data.catalogue.domain == "news"
    assert titles(data, data.interactions.histories[0]) == ["Third"]
    # The longer of two histories, in its order and with its repeats, then the click.
    past = ["First", "Second", "First"]
    assert titles(data, data.interactions.histories[1]) == [*past, 'The "open"']
    start = seconds("2019-11-13T12:00") - 1
    clicked = seconds("2019-11-14T07:01:48")
    assert data.interactions.time.tolist() == [start + 1, start, start, start, clicked]
    assert data.source["dropped"] == (
        "1 shown articles without a title, 1 articles of histories without a title, "
        "1 articles that nobody was shown, 1 shorter histories of the same readers"
    )


def test_the_log_is_what_was_shown(folder):
    data = load_mind(folder)
    assert data.log is not None
    assert data.log.observed
    assert titles(data, data.log.item) == [
        'The "open"', "Third", "Second", 'The "open"', "Third", "First",
    ]  # fmt: skip
    assert data.log.clicked.tolist() == [True, False, False, False, True, False]
    assert data.log.user.tolist() == [1, 1, 1, 1, 0, 0]
    assert data.log.time[2] == seconds("2019-11-14")
    assert set(data.log.position) == {-1}
    # Nobody's own click is in the history that it was made with.
    assert data.logged_exposures().history.lengths.tolist() == [3, 3, 3, 3, 0, 0]


def test_news_with_a_header_reads_alike(folder):
    published = load_mind(folder)
    (folder / "news.tsv").write_text(lines([HEADER, *NEWS]))
    again = load_mind(folder)
    assert again.catalogue.titles == published.catalogue.titles
    assert again.catalogue.categories == published.catalogue.categories
    np.testing.assert_array_equal(again.interactions.item, published.interactions.item)


@pytest.mark.parametrize(
    ("name", "line", "row", "place", "cause"),
    [
        ("behaviors.tsv", 1, "1\tU7\t2019-11-14\t\tN1-1", "line 1, column 'time'", "no time such"),
        ("behaviors.tsv", 2, "2\tU7\t\tN1-1", "behaviors.tsv, line 2", "4 fields where 5"),
        ("behaviors.tsv", 2, "2\t \t11/14/2019 7:01:48 AM\t\tN1-1", "column 'user'", "name the"),
        ("behaviors.tsv", 3, "3\tU4\t11/14/2019 7:01:48 AM\t\tN1-1 N2", "line 3, column 'shown'",
         "'N2' ends in neither"),
        ("behaviors.tsv", 3, "3\tU4\t11/14/2019 7:01:48 AM\tN1\t", "line 3, column 'shown'",
         "Empty"),
        ("behaviors.tsv", 3, "1\tU4\t11/14/2019 7:01:48 AM\tN1\tN1-1", "column 'impression'",
         "second time"),
        ("news.tsv", 2, "N5\tnews\t\tSecond\t\t\t\t", "line 2, column 'news_id'", "second time"),
        ("news.tsv", 2, "N1\tnews\t\t \t\t\t\t", "line 2, column 'title'", "reads titles"),
        ("news.tsv", 2, "N1\tnews\t\tFirst", "news.tsv, line 2", "4 fields where 8"),
    ],
)  # fmt: skip
def test_each_fault_names_its_place(folder, name, line, row, place, cause):
    rows = (folder / name).read_text().split("\n")
    rows[line - 1] = row
    (folder / name).write_text("\n".join(rows))
    with pytest.raises(DataError) as error:
        load_mind(folder)
    assert place in str(error.value)
    assert cause in str(error.value)


def test_news_of_another_part_are_refused(folder):
    (folder / "news.tsv").write_text(lines([HEADER, ("N77", "news", "", "Elsewhere", "")]))
    with pytest.raises(DataError, match="No shown article has a title"):
        load_mind(folder)


@pytest.mark.realdata
def test_the_part_at_hand_has_its_counts():
    if not dataset_spec("mind").is_present():
        pytest.skip("MIND is not at hand; set NUDGESIM_DATA")
    data = load_dataset("mind")
    assert data.log is not None
    pages = np.unique(np.stack([data.log.user, data.log.time]), axis=1)
    assert (pages.shape[1], data.n_users) == (4_216, 3_762)
    assert (len(data.log), int(data.log.clicked.sum())) == (159_584, 6_348)
    assert len(data.interactions) - 6_348 == 113_570
    assert data.n_items == 51_282 - 30_244
    assert data.source["dropped"] == "30,244 articles that nobody was shown"
