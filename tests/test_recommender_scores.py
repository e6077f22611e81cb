from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity

from simulator.config import RunConfig
from simulator.data import load_dataset
from simulator.domain import Dataset, ExposureLog, IntArray, Interactions, Ragged
from simulator.experiment.click_models import baseline_click_models
from simulator.experiment.recommender_scores import neighbour_scores, recommender_scores
from simulator.experiment.split import LogSplit, known_before, split_log, users_split


def silent(_: str) -> None:
    """Say nothing."""


def part_of_the_demo() -> tuple[Dataset, ExposureLog, LogSplit]:
    """The first 200 users; the log tells of taste, with positions."""
    whole = load_dataset("demo")
    assert whole.log is not None
    log = whole.log.take(whole.log.user < 200)
    interactions = whole.interactions.take(whole.interactions.user < 200)
    data = replace(whole, name="part", interactions=interactions, log=log)
    return data, log, split_log(data)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunConfig]:
    """Settings, and a cache folder in which what one test trains is found by the next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield RunConfig.read(None, {"vectors.dimension": 16})


def test_neighbours_are_cosines(data: Dataset) -> None:
    early = data.interactions
    taken = np.zeros((early.n_users, early.n_items))
    taken[early.user, early.item] = 1
    cosine = cosine_similarity(taken.T)
    histories = Ragged.from_rows([[3, 5, 3], [], [10], [0, 1, 2, 4]])
    item = np.array([7, 7, 10, 59], dtype=np.int32)
    expected = [cosine[i, histories[row]].sum() for row, i in enumerate(item)]
    assert neighbour_scores(early, histories, item) == pytest.approx(expected)


def test_an_item_nobody_took_has_no_neighbours() -> None:
    early = Interactions.from_columns(
        np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]), np.arange(4), n_users=2, n_items=4
    )
    scores = neighbour_scores(early, Ragged.from_rows([[0], [0, 3]]), np.array([3, 1]))
    assert scores == pytest.approx([0.0, 1.0])


def test_many_rows_are_scored_in_parts(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(0)
    histories = Ragged.from_rows([draws.integers(0, 60, k % 7) for k in range(50)])
    item: IntArray = draws.integers(0, 60, 50)
    whole = neighbour_scores(data.interactions, histories, item)
    monkeypatch.setattr("simulator.experiment.recommender_scores._AT_A_TIME", 8)
    assert neighbour_scores(data.interactions, histories, item) == pytest.approx(whole)


@pytest.mark.slow
def test_recommenders_score_a_log(trained: RunConfig) -> None:
    """On the demo world, whose log tells taste: those who know the user know better."""
    data, log, split = part_of_the_demo()
    said: list[str] = []
    rows = split.judging
    scores = recommender_scores(trained, data, split, rows, said.append)
    assert list(scores) == ["random", "popular", "unpopular", "graphau", "mf", "item-knn", "sasrec"]
    assert any("sasrec" in line for line in said)
    auc = {name: roc_auc_score(log.clicked[rows], score) for name, score in scores.items()}
    assert auc["popular"] == pytest.approx(1 - auc["unpopular"])
    assert abs(auc["random"] - 0.5) < 0.03
    assert min(auc[name] for name in ("graphau", "mf", "item-knn", "sasrec")) > 0.6
    # A row's scores do not depend on the other rows, and what is trained is found again.
    said.clear()
    again = recommender_scores(trained, data, split, rows[100:140], said.append)
    assert said == []
    for name, score in scores.items():
        assert again[name] == pytest.approx(score[100:140]), name


@pytest.mark.slow
def test_what_would_take_too_long_is_left_out(
    trained: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.experiment.early_sequence.SEQUENCE_COST", 1000)
    data, _, split = part_of_the_demo()
    said: list[str] = []
    scores = recommender_scores(trained, data, split, split.judging[:5], said.append)
    assert "sasrec" not in scores
    assert "sasrec is left out" in said[-1]


@pytest.mark.slow
def test_the_baselines_of_a_comparison(trained: RunConfig) -> None:
    data, log, split = part_of_the_demo()
    models = baseline_click_models(trained, data, split, silent)
    assert list(models) == [
        "distribution (fitted)",
        "matrix factorisation",
        "popularity",
        "click rate",
        "replay",
        "sequence model (sasrec)",
        "position-based",
        "cascade",
    ]
    shown, clicked = data.logged_exposures(split.judging), log.clicked[split.judging]
    answers = {name: model.decide(shown).probability for name, model in models.items()}
    for name, probability in answers.items():
        assert probability.mean() == pytest.approx(clicked.mean(), abs=0.03), name
    assert roc_auc_score(clicked, answers["distribution (fitted)"]) > 0.65
    assert roc_auc_score(clicked, answers["matrix factorisation"]) > 0.72
    assert roc_auc_score(clicked, answers["sequence model (sasrec)"]) > 0.6
    # This world shows nobody a film twice: replay is the click rate.
    assert np.array_equal(answers["replay"], answers["click rate"])

    # What is judged teaches nothing: turned answers there change no model.
    turned = log.clicked.copy()
    turned[split.judging] = ~turned[split.judging]
    again = baseline_click_models(
        trained, replace(data, log=replace(log, clicked=turned)), split, silent
    )
    for name, model in again.items():
        assert np.array_equal(model.decide(shown).probability, answers[name]), name

    # Nor does what held-out users took from their first judged moment on, at that moment.
    first = np.full(data.n_users, np.iinfo(np.int64).max)
    np.minimum.at(first, shown.user, log.time[split.judging])
    past = data.interactions
    forgot = replace(data, interactions=past.take(past.time < first[past.user]))
    assert len(forgot.interactions) < len(past) - 300
    blind = baseline_click_models(trained, forgot, split, silent)
    asked = log.time[split.judging] == first[shown.user]
    shown_blind = forgot.logged_exposures(split.judging[asked])
    for name, model in blind.items():
        assert np.array_equal(model.decide(shown_blind).probability, answers[name][asked]), name


@pytest.mark.slow
def test_a_log_without_positions_has_no_slate_models(trained: RunConfig) -> None:
    data, log, _ = part_of_the_demo()
    unknown = replace(data, log=replace(log, position=np.full(len(log), -1, dtype=np.int32)))
    said: list[str] = []
    models = baseline_click_models(trained, unknown, split_log(unknown), said.append)
    assert "position-based" not in models
    assert "cascade" not in models
    assert any("does not know positions" in line for line in said)


def test_what_is_remembered_ends_before_what_is_judged() -> None:
    from simulator.experiment.click_models import _validating_rows

    data, log, split = part_of_the_demo()
    rows = known_before(data, split.judging)
    training, held_out = users_split(data)[0], np.unique(log.user[split.judging])
    assert (np.diff(log.time[rows]) >= 0).all()
    assert not np.intersect1d(rows, split.judging).size
    assert set(np.flatnonzero(np.isin(log.user, training))) <= set(rows)
    first = {
        user: log.time[split.judging][log.user[split.judging] == user].min() for user in held_out
    }
    mine = rows[np.isin(log.user[rows], held_out)]
    assert len(mine) > 1000
    assert all(log.time[row] < first[log.user[row]] for row in mine)
    chosen = _validating_rows(data, split, 0)
    assert np.isin(chosen, split.fitting).all()
    assert len(np.unique(log.user[chosen])) == round(0.2 * len(np.unique(log.user[split.fitting])))
