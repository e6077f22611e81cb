"""TALLRec's questions: a tiny copy, ways to spoil it, and the real ones."""

import json

import pytest

from simulator.data import dataset_spec, load_dataset, load_tallrec
from simulator.errors import DataError


def question(kind, liked, disliked, target, answer="Yes."):
    text = f"User Preference: {liked}\nUser Unpreference: {disliked}\n"
    text += f"Whether the user will like the target {kind} {target}?"
    return {"instruction": "Will they?", "input": text, "output": answer}


FILMS = [
    question("movie", '"Abc, The (1990)", "Def (1991)"', '"Ghi (1970)"', '"Jkl"'),
    question("movie", '"Abc, The (1990)", "Def (1991)", "Jkl"', '"Ghi (1970)"', '"Mno"', "No."),
    question("movie", '"Def (1991)", "Jkl"', '"Ghi (1970)", "Mno"', '"Abc, The (1990)"', "No."),
    question("movie", "", '"Def (1991)"', '"Abc, The (1990)"', "No."),
]
BOOKS = [
    question(
        "book",
        r'"\O\" Is Out"" written by ANN LEE, "One, Two" written by Bo',
        '"MÃ©dico &amp; Co" written by José',
        '""Bare"" written by Bo"',
    ),
    question("book", '"one, two" written by bo', "", '""Die Ã?Â¤ra" written by Cy"', "No."),
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "movie_valid.json").write_text(json.dumps(FILMS))
    (tmp_path / "book_valid.json").write_text(json.dumps(BOOKS))
    return tmp_path


def histories(data):
    return [[data.catalogue.titles[k] for k in row] for row in data.interactions.histories]


def test_a_user_is_a_run_of_questions_each_of_which_goes_on_from_the_last(folder, monkeypatch):
    # The third question names four items at most, and so has lost the oldest.
    monkeypatch.setattr("simulator.data.tallrec._WINDOW", 4)
    data = load_tallrec(folder, "movie")
    assert data.n_users == 2
    assert histories(data) == [["Abc, The (1990)", "Def (1991)", "Jkl"], []]
    assert data.interactions.time.tolist() == [0, 0, 1]
    assert data.user_attributes["disliked"] == [("Ghi (1970)",), ("Def (1991)",)]
    assert data.catalogue.attributes["year"] == [1990, 1991, None, None]
    assert data.log is not None
    assert not data.log.observed
    assert data.log.user.tolist() == [0, 0, 0, 1]
    assert data.log.time.tolist() == [1, 2, 3, 1]
    assert [data.catalogue.titles[k] for k in data.log.item] == [
        "Jkl",
        "Mno",
        "Abc, The (1990)",
        "Abc, The (1990)",
    ]
    assert data.log.clicked.tolist() == [True, False, False, False]
    # What the question itself says was liked, and what its window dropped.
    assert data.logged_exposures().history.lengths.tolist() == [2, 3, 3, 0]


@pytest.mark.parametrize(
    "second",
    [
        question("movie", '"Abc"', '"Ghi"', '"X"'),
        question("movie", '"Abc", "Jkl"', "", '"X"'),
        question("movie", '"Jkl"', '"Ghi"', '"X"'),
        question("movie", '"Abc", "Jkl", "X"', '"Ghi"', '"Y"'),
        question("movie", '"Abc"', '"Ghi", "Jkl"', '"Y"'),
    ],
)
def test_another_list_is_another_user(folder, second):
    rows = [question("movie", '"Abc"', '"Ghi"', '"Jkl"'), second]
    (folder / "movie_valid.json").write_text(json.dumps(rows))
    assert load_tallrec(folder, "movie").n_users == 2


def test_books_name_their_authors_and_broken_texts_are_mended(folder):
    data = load_tallrec(folder, "book")
    assert list(data.catalogue.titles) == [
        '"O" Is Out, by ANN LEE',
        "One, Two, by Bo",
        'Bare", by Bo',
        "Die ära, by Cy",
    ]
    assert data.user_attributes["disliked"] == [("Médico & Co, by José",), ()]
    # The same book in another case is the same item.
    assert [list(row) for row in data.interactions.histories] == [[0, 1, 2], [1]]


@pytest.mark.parametrize(
    ("row", "place", "cause"),
    [
        ({"input": 3, "output": "Yes."}, "row 2, column 'input'", "No such text"),
        ({"input": "Hello"}, "row 2, column 'input'", "Not of the form"),
        ({"output": "Maybe."}, "row 2, column 'output'", "'Maybe.' is neither"),
        ({"input": BOOKS[0]["input"]}, "row 2, column 'input'", "the target movie"),
        (question("movie", 'Abc, "Def"', "", '"X"'), "row 2, column 'input'", "'Abc, \"Def\"' is"),
        (question("movie", "", "", '"X", "Y"'), "row 2, column 'input'", "2 targets"),
    ],
)
def test_each_fault_names_its_row(folder, row, place, cause):
    rows = [FILMS[0], {**FILMS[1], **row}]
    (folder / "movie_valid.json").write_text(json.dumps(rows))
    with pytest.raises(DataError) as error:
        load_tallrec(folder, "movie")
    assert f"movie_valid.json, {place}" in str(error.value)
    assert cause in str(error.value)


@pytest.mark.parametrize(
    ("text", "cause"),
    [("[\n{]", "movie_valid.json, line 2: Not valid JSON"), ("{}", "a list of questions")],
)
def test_another_file_is_refused(folder, text, cause):
    (folder / "movie_valid.json").write_text(text)
    with pytest.raises(DataError, match=cause):
        load_tallrec(folder, "movie")


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "questions", "liked", "users", "without_history"),
    [("tallrec-movie", 1_000, 658, 14, 0), ("tallrec-book", 2_427, 1_011, 2_427, 289)],
)
def test_the_real_questions_have_their_counts(name, questions, liked, users, without_history):
    if not dataset_spec(name).is_present():
        pytest.skip(f"{name} is not at hand; set NUDGESIM_DATA")
    data = load_dataset(name)
    assert data.log is not None
    assert (len(data.log), data.n_users) == (questions, users)
    assert int(data.log.clicked.sum()) == liked
    first = data.log.time == 1
    lengths = data.logged_exposures().history.lengths
    assert int((lengths[first] == 0).sum()) == without_history
    assert not [title for title in data.catalogue.titles if "\\" in title]
