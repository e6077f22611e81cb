"""Which logged exposures are judged, and what is known about each."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.data import dataset_spec, load_dataset
from simulator.data.demo import true_click_probability
from simulator.domain import Catalogue, Dataset, ExposureLog, Interactions
from simulator.errors import ConfigError, DataError
from simulator.experiment.labelled import labelled_exposures
from simulator.experiment.split import split_log, users_split


def world(history, log, *, n_users, categories=None, years=None, **parts):
    """A data set of (user, item, time) interactions and (user, item, time, position, clicked)."""
    n_items = 1 + max(row[1] for row in [*history, *log])
    columns = [np.array(column) for column in zip(*log, strict=True)]
    return Dataset(
        name="tiny",
        catalogue=Catalogue(
            item_ids=[f"i{k}" for k in range(n_items)],
            titles=[f"Film {k}" for k in range(n_items)],
            categories=categories or [()] * n_items,
            attributes={} if years is None else {"year": years},
        ),
        interactions=Interactions.from_columns(
            *np.array(history).T, n_users=n_users, n_items=n_items
        ),
        user_ids=[f"u{k}" for k in range(n_users)],
        log=ExposureLog(*columns[:4], columns[4].astype(bool)),
        **parts,
    )


def all_rows(data):
    assert data.log is not None
    return np.arange(len(data.log))


HISTORY = [(0, 0, 1), (0, 1, 2), (0, 1, 3), (1, 1, 1), (2, 2, 1), (2, 0, 2)]
SLATES = [
    # user, item, time, position, clicked: user 0 twice, and user 1 at the moment of user 0's first.
    (0, 3, 20, 0, 0),
    (0, 2, 10, 1, 1),
    (0, 0, 10, 0, 0),
    (1, 2, 10, 11, 1),
    (1, 1, 10, -1, 0),
]


def test_rows_of_one_user_and_moment_are_one_slate():
    data = world(HISTORY, SLATES, n_users=3)
    log = labelled_exposures(data, all_rows(data), data.interactions)
    assert log.slate.tolist() == [1, 0, 0, 2, 2]
    assert log.clicked.tolist() == [False, True, False, True, False]
    assert log.shown.history.lengths.tolist() == [3, 3, 3, 1, 1]
    assert log.rule == "A click is a logged click, a no-click an item shown and not clicked."
    assert (log.truth, log.cautions, log.observed) == (None, (), True)
    assert labelled_exposures(data, np.array([0, 3]), data.interactions).slate.tolist() == [0, 1]


def test_segments_say_what_is_known_of_each_row():
    categories = [("Drama", "War"), ("War",), (), ("Drama",)]
    data = world(HISTORY, SLATES, n_users=3, categories=categories, years=[1999, None, 1990, 2003])
    log = labelled_exposures(data, all_rows(data), data.interactions)
    segments = {kind: labels.tolist() for kind, labels in log.segments.items()}
    assert segments == {
        # Interactions of the shown items 3, 2, 0, 1: 0, 1, 2, 3 of four, so from 0, 2.5, 5, 7.5.
        "popularity": ["1 (least)", "3", "6", "3", "8"],
        "category": ["Drama", "", "Drama", "", "War"],
        "position": ["1", "2", "1", "11 or later", ""],
        # User 1 has the shorter history of the two that were shown something.
        "activity": ["3", "3", "3", "1 (least)", "1 (least)"],
        "year": ["2000s", "1990s", "1990s", "1990s", ""],
    }


def test_what_the_data_does_not_know_is_no_segment():
    log = [(0, 0, 9, -1, 1), (0, 1, 9, -1, 0)]
    data = world([(0, 0, 1), (0, 1, 2)], log, n_users=1)
    assert labelled_exposures(data, all_rows(data), data.interactions).segments == {}


def test_rare_categories_are_joined():
    # Category k is shown 20 - k times, so the 11 first ones stay; names decide between equals.
    shown = np.repeat(np.arange(16), 20 - np.arange(16))
    log = [(0, item, 9, -1, item % 2) for item in [*shown, 16, 16, 16, 16, 16]]
    names = [(f"c{k:02d}",) for k in range(16)]
    data = world([(0, 0, 1)], log, n_users=1, categories=[*names, ("c99",)])
    labels = labelled_exposures(data, all_rows(data), data.interactions).segments["category"]
    assert sorted(set(labels)) == [*(f"c{k:02d}" for k in range(11)), "other"]
    assert (labels == "other").sum() == (shown >= 11).sum() + 5


def test_cautions_tell_of_the_log_and_of_the_rows():
    data = world(
        [(0, 0, 1)], SLATES, n_users=2, source={"caution": "Mind the step.", "log": "Yes."}
    )
    assert data.log is not None
    rated = replace(data, log=replace(data.log, observed=False))
    log = labelled_exposures(rated, all_rows(data), data.interactions, cautions=("Some left out.",))
    assert log.rule == "Yes."
    assert log.cautions[:2] == ("Some left out.", "Mind the step.")
    assert "users chose themselves" in log.cautions[2]
    assert log.cautions[3] == "2 of 5 exposures have an empty history."


def test_data_without_a_log_is_refused():
    data = replace(world(HISTORY, SLATES, n_users=3), log=None)
    with pytest.raises(DataError, match="no logged exposures"):
        labelled_exposures(data, np.arange(2), data.interactions)


def test_the_demo_world_knows_the_truth():
    demo = load_dataset("demo")
    split = split_log(demo)
    log = labelled_exposures(demo, split.judging, split.early, cautions=split.cautions)
    assert (len(log), log.n_users, log.slate.max() + 1) == (4_800, 120, 600)
    assert log.truth is not None
    np.testing.assert_array_equal(log.truth, true_click_probability(log.shown.user, log.shown.item))
    # The law that made the clicks: their mean is within 4 standard errors of the expected one.
    spread = np.sqrt((log.truth * (1 - log.truth)).sum())
    assert abs(log.clicked.sum() - log.truth.sum()) < 4 * spread
    assert sorted(log.segments) == ["activity", "category", "popularity", "position", "year"]
    assert len(set(log.segments["popularity"])) == 10
    assert (log.rule, log.cautions) == (demo.source["log"], ())


def test_each_user_is_parted_at_the_middle_exposure():
    history = [(user, 0, 1) for user in range(6)] + [(0, 1, 15), (5, 1, 15)]
    twice, once = [(1, 10), (2, 10), (3, 20), (4, 20)], [(1, 30), (2, 30)]
    slates = [
        (user, item, time, -1, 0)
        for user in range(6)
        for item, time in (twice if user % 2 else once)
    ]
    data = world(history, slates, n_users=6)
    split = split_log(data)
    assert data.log is not None
    both = np.sort(np.concatenate([split.fitting, split.judging]))
    odd = data.log.user % 2 == 1
    # The later of two slates, and all of a single one.
    assert both.tolist() == np.flatnonzero(~odd | (data.log.time == 20)).tolist()
    # What user 0 did at 15 is before the only slate, at 30; and user 5's before that at 20.
    assert len(split.early) == len(history)
    assert set(data.log.user[split.judging]) <= set(users_split(data)[1])
    assert split.cautions == ()


def test_users_without_a_history_are_left_out_and_counted():
    slates = [(user, item, 10, -1, 0) for user in range(10) for item in (1, 2)]
    probe = world([(0, 0, 1)], slates, n_users=10)
    held_out = users_split(probe)[1]
    assert len(held_out) == 2
    known = np.delete(np.arange(10), held_out[0])
    split = split_log(world([(user, 0, 1) for user in known], slates, n_users=10))
    assert len(split.judging) == 2
    assert split.cautions == (
        "2 of 4 held-out exposures are left out: their users, 1 in number, have no history.",
    )
    with pytest.raises(ConfigError, match="the log has 2 of them, but none of them has an inter"):
        split_log(world([(user, 0, 1) for user in users_split(probe)[0]], slates, n_users=10))


def test_a_log_of_too_few_users_is_refused():
    probe = world([(user, 0, 1) for user in range(10)], SLATES, n_users=10)
    held_out = users_split(probe)[1]
    slates = [(user, 1, 10, -1, 0) for user in range(10) if user not in held_out]
    with pytest.raises(ConfigError, match="held-out users: the log has 0 of them; that is too few"):
        split_log(world([(user, 0, 1) for user in range(10)], slates, n_users=10))


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "exposures", "users"),
    [("ml-100k", 10_110, 189), ("steam-reviews", 1_348, 372), ("mind", 30_723, 736),
     ("coat", 928, 58), ("tallrec-movie", 59, 3), ("tallrec-book", 434, 434)],
)  # fmt: skip
def test_real_logs_are_split_without_losing_many(name, exposures, users):
    if not dataset_spec(name).is_present():
        pytest.skip(f"{name} is not at hand; set NUDGESIM_DATA")
    data = load_dataset(name)
    split = split_log(data)
    log = labelled_exposures(data, split.judging, split.early, cautions=split.cautions)
    assert (len(log), log.n_users) == (exposures, users)
    assert log.shown.history.lengths.min() > 0
    assert log.rule == data.source["log"]
    assert log.rule.startswith("A click is ")
    assert not np.intersect1d(data.log.user[split.fitting], log.shown.user).size


@pytest.mark.realdata
def test_others_clicks_on_an_article_tell_of_mind():
    """The loader's pages and answers belong together: a click rate learnt from others predicts."""
    from sklearn.metrics import roc_auc_score

    if not dataset_spec("mind").is_present():
        pytest.skip("MIND is not at hand; set NUDGESIM_DATA")
    data = load_dataset("mind")
    split = split_log(data)
    assert data.log is not None
    fitting, judging = (data.log.take(rows) for rows in (split.fitting, split.judging))
    shown = np.bincount(fitting.item, minlength=data.n_items)
    clicks = np.bincount(fitting.item, weights=fitting.clicked, minlength=data.n_items)
    rate = (clicks + 20 * fitting.clicked.mean()) / (shown + 20)
    assert 0.63 < roc_auc_score(judging.clicked, rate[judging.item]) < 0.70
