"""Douban films: a tiny copy, ways to spoil it, and the real one."""

import pytest

from simulator.data import dataset_spec, load_dataset, load_douban_movie
from simulator.errors import DataError

SEEN = [(9, 30, "train"), (9, 10, "train"), (0, 30, "train"), (0, 20, "train"), (9, 40, "test")]
FILMS = [
    (30, "霸王别姬", "", "1993", "剧情|爱情"),
    (10, "大鱼", "", "", ""),
    (20, "", "", "2000", "剧情"),
    (50, "未看", "", "2001", "剧情"),
]
FILM_COLUMNS = (
    "movie_id", "title_zh", "title_full", "year", "genres", "directors", "country",
    "douban_score", "votes", "summary",
)  # fmt: skip


def table(header, rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in [header, *rows])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "interactions.tsv").write_text(table(("user_id", "movie_id", "split"), SEEN))
    films = [(*row, "", "", "", "", 'a "quoted" summary') for row in FILMS]
    (tmp_path / "movies.tsv").write_text(table(FILM_COLUMNS, films), encoding="utf-8")
    return tmp_path


def test_histories_keep_the_order_of_the_file_and_films_need_titles(folder):
    data = load_douban_movie(folder)
    assert list(data.user_ids) == ["0", "9"]
    assert list(data.catalogue.item_ids) == ["10", "30"]
    assert list(data.catalogue.titles) == ["大鱼", "霸王别姬"]
    assert data.catalogue.categories == [(), ("剧情", "爱情")]
    assert data.catalogue.attributes["year"] == [None, 1993]
    assert [list(row) for row in data.interactions.histories] == [[1], [1, 0]]
    assert data.source["dropped"] == "2 films without a title, 2 interactions"


@pytest.mark.parametrize(
    ("name", "line", "text", "place", "cause"),
    [
        ("interactions.tsv", 1, "user\tmovie\tsplit", "interactions.tsv, line 1", "name the col"),
        ("interactions.tsv", 3, "9\t30\ttest", "line 3, column 'movie_id'", "film 30 on line 2"),
        ("interactions.tsv", 3, "x\t30\ttest", "line 3, column 'user_id'", "'x'"),
        ("movies.tsv", 3, "10\t大鱼", "movies.tsv, line 3", "2 fields where 10"),
        ("movies.tsv", 3, "30" + "\t" * 9, "movies.tsv, line 3, column 'movie_id'", "on line 2"),
    ],
)
def test_each_fault_names_its_place(folder, name, line, text, place, cause):
    lines = (folder / name).read_text(encoding="utf-8").split("\n")
    lines[line - 1] = text
    (folder / name).write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError) as error:
        load_douban_movie(folder)
    assert place in str(error.value)
    assert cause in str(error.value)


def test_nothing_with_a_title(folder):
    (folder / "interactions.tsv").write_text("user_id\tmovie_id\tsplit\n0\t20\ttrain\n")
    with pytest.raises(DataError, match="None of these films has a title"):
        load_douban_movie(folder)
    films = table(FILM_COLUMNS, [(20, *[""] * 9)])
    (folder / "movies.tsv").write_text(films, encoding="utf-8")
    with pytest.raises(DataError, match="No film has a title"):
        load_douban_movie(folder)


def test_missing_files_are_listed_with_what_they_hold(tmp_path):
    with pytest.raises(DataError, match="title_zh"):
        load_dataset("douban-movie", home=tmp_path)


@pytest.mark.realdata
def test_real_counts():
    if not dataset_spec("douban-movie").is_present():
        pytest.skip("the real data set is not at hand; set NUDGESIM_DATA")
    data = load_dataset("douban-movie")
    assert (data.n_users, data.n_items, len(data.interactions)) == (447, 576, 52_472)
    assert data.source["dropped"] == "2 films without a title, 198 interactions"
    assert len(data.catalogue.in_category("科幻")) == 60
