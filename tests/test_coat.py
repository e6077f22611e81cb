"""Coat shopping: a tiny copy, ways to spoil it, and the real one."""

import pytest

from simulator.data import dataset_spec, load_coat, load_dataset
from simulator.errors import DataError, UnknownNameError

FILES = {
    "item_features_map.txt": (
        "gender:men\ngender:women\njackettype:parkas\njackettype:rain\njackettype:other\n"
        "color:navy\ncolor:other\nonfrontpage:yes\nonfrontpage:no"
    ),
    "item_features.ascii": "0 1 1 0 0 1 0 1 0\n1 0 0 1 0 0 1 0 1\n0 1 0 0 1 1 0 0 1\n",
    "user_features_map.txt": "gender:men\ngender:women\nage:20-30\nage:over 60\n",
    "user_features.ascii": "0 1 1 0\n1 0 0 1\n",
    "train.ascii": "5 4 2\n0 1 4\n",
    "test.ascii": "0 4 3\n1 0 0\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_random_coats_are_the_log_and_liked_ones_the_histories(folder):
    data = load_coat(folder)
    assert data.log is not None
    assert data.log.observed
    assert data.log.user.tolist() == [0, 0, 1]
    assert data.log.item.tolist() == [1, 2, 0]
    assert data.log.clicked.tolist() == [True, False, False]
    # User 1 liked coats 1 and 2; the answer to 2 is in the log, so the history keeps 1 alone.
    assert [list(row) for row in data.interactions.histories] == [[0], [2]]
    assert data.interactions.rating is not None
    assert data.interactions.rating.tolist() == [5, 4]
    assert data.source["dropped"].startswith(
        "1 liked coats that the log shows too, 2 coats that people"
    )
    assert [list(row) for row in data.logged_exposures().history] == [[0], [0], [2]]


def test_features_become_words(folder):
    data = load_coat(folder)
    assert list(data.catalogue.titles) == [
        "Women's parka, navy",
        "Men's rain jacket, of another colour",
        "Women's jacket, navy",
    ]
    assert data.catalogue.categories[0] == ("parkas", "women's")
    assert data.catalogue.attributes["onfrontpage"] == ["yes", "no", "no"]
    assert data.user_attributes == {"gender": ["women", "men"], "age": ["20-30", "over 60"]}


@pytest.mark.parametrize(
    ("name", "text", "place", "cause"),
    [
        ("train.ascii", "5 4 2\n0 1 6\n", "train.ascii, line 2, column '3'", "'6' is not in 0..5"),
        ("train.ascii", "5 4\n0 1 4\n", "train.ascii, line 1", "2 fields where 3"),
        ("test.ascii", "0 x 3\n1 0 0\n", "test.ascii, line 1, column '2'", "not a whole number"),
        ("test.ascii", "0 4 3\n", "test.ascii", "1 lines for 2 users"),
        (
            "item_features.ascii",
            "0 1 1 1 0 1 0 1 0\n" * 3,
            "line 1, column 'jackettype'",
            "2 of its 3",
        ),
        ("user_features.ascii", "0 1 1 0\n1 0 0 0\n", "line 2, column 'age'", "0 of its 2"),
        ("user_features_map.txt", "gender\n", "user_features_map.txt, line 1", "1 fields where 2"),
    ],
)
def test_each_fault_names_its_place(folder, name, text, place, cause):
    (folder / name).write_text(text)
    with pytest.raises(DataError) as error:
        load_coat(folder)
    assert place in str(error.value)
    assert cause in str(error.value)


def test_titles_need_their_features(folder):
    text = FILES["item_features_map.txt"].replace("color", "colour")
    (folder / "item_features_map.txt").write_text(text)
    with pytest.raises(UnknownNameError, match="Did you mean 'colour'"):
        load_coat(folder)


@pytest.mark.realdata
def test_the_real_coats_have_their_counts():
    if not dataset_spec("coat").is_present():
        pytest.skip("coat is not at hand; set NUDGESIM_DATA")
    data = load_dataset("coat")
    assert data.log is not None
    assert (data.n_users, data.n_items, len(data.log)) == (290, 300, 4_640)
    assert int(data.log.clicked.sum()) == 860
    # 6,960 self-selected ratings: liked and kept, liked but in the log too, not liked.
    assert len(data.interactions) + 91 + 5_055 == 6_960
