"""The sequence click model: a history's score through a curve, fitted without what is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit

from recommender.sequence import EncoderSettings, SequenceModel
from recommender.sequence.build import build_encoder
from simulator.clicks import SequenceClicks
from simulator.clicks.sequence import sequence_scores
from simulator.config import RunConfig
from simulator.data import load_dataset
from simulator.domain import BoolArray, Dataset, Exposures, FloatArray, Ragged
from simulator.errors import ConfigError, DataError
from simulator.experiment.early_sequence import early_sequence_model
from simulator.interfaces import ClickModel
from simulator.testing import ClickModelContract

ITEMS = np.array([[1, 0], [0, 1], [2, 2], [-1, 3]], dtype=np.float32)


class LastItem:
    """Stands in for a sequence model: f_u is the vector of the newest item, 0 without any."""

    def __init__(self, items: FloatArray) -> None:
        self.items = items
        self.asked: list[set[tuple[int, ...]]] = []

    def encode(self, histories: Ragged) -> FloatArray:
        self.asked.append({tuple(histories[row]) for row in range(len(histories))})
        newest = [histories[row][-1:] for row in range(len(histories))]
        return np.array([self.items[item].sum(axis=0) for item in newest], dtype=np.float32)


def exposures(histories: list[list[int]], item: list[int]) -> Exposures:
    """A row a history, each of a user of its own."""
    n = len(item)
    zeros = np.zeros(n, dtype=np.int32)
    return Exposures(
        user=np.arange(n, dtype=np.int32),
        item=np.array(item, dtype=np.int32),
        target=zeros - 1,
        round=zeros,
        position=zeros,
        history=Ragged.from_rows(histories),
        draw=np.full(n, 0.5),
    )


def many_moments(n: int = 6000) -> tuple[Exposures, BoolArray]:
    """40 users whose histories grow, asked in any order; they click with w = 0.8 and b = -1."""
    draws = np.random.default_rng(3)
    past = draws.integers(0, 4, (40, 6))
    user, length = draws.integers(0, 40, n), draws.integers(0, 7, n)
    histories = [list(past[u, :k]) for u, k in zip(user, length, strict=True)]
    shown = exposures(histories, list(draws.integers(0, 4, n)))
    shown = replace(shown, user=user.astype(np.int32))
    score = sequence_scores(LastItem(ITEMS), shown)
    return shown, draws.random(n) < expit(0.8 * score - 1)


def test_a_known_answer() -> None:
    shown = exposures([[1, 0], [0, 3], [2], []], [2, 1, 3, 0])
    model = SequenceClicks(LastItem(ITEMS), w=0.5, b=-1.0)
    # (1,0).(2,2) = 2, (-1,3).(0,1) = 3, (2,2).(-1,3) = 4, and nothing of an empty history.
    expected = expit([0.0, 0.5, 1.0, -1.0])
    assert model.probability(shown) == pytest.approx(expected)
    clicks = model.decide(shown)
    assert clicks.clicked.tolist() == [False, True, True, False]
    assert set(clicks.source) == {"sequence model"}


def test_the_fit_finds_the_curve() -> None:
    shown, clicked = many_moments()
    model = SequenceClicks.fit(LastItem(ITEMS), shown, clicked)
    assert (model.w, model.b) == (pytest.approx(0.8, abs=0.06), pytest.approx(-1, abs=0.06))
    # What maximum likelihood says of any logistic curve with an offset.
    assert model.probability(shown).mean() == pytest.approx(clicked.mean(), abs=1e-4)
    again = SequenceClicks.fit(LastItem(ITEMS), shown, clicked)
    assert (again.w, again.b) == (model.w, model.b)
    assert model.describe().startswith(f"sequence model(w={model.w:.4g}, b={model.b:.4g}, ")


def test_scores_that_tell_nothing_leave_the_click_rate() -> None:
    shown, clicked = many_moments(500)
    model = SequenceClicks.fit(LastItem(np.zeros_like(ITEMS)), shown, clicked)
    assert model.probability(shown) == pytest.approx(np.full(500, clicked.mean()), abs=1e-4)


def test_a_history_is_encoded_in_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, _ = many_moments(1500)
    encoder = LastItem(ITEMS)
    whole = sequence_scores(encoder, shown)
    of_users = {(u, k) for u, k in zip(shown.user, shown.history.lengths, strict=True)}
    monkeypatch.setattr("simulator.clicks.sequence._AT_A_TIME", 100)
    encoder.asked.clear()
    assert np.array_equal(sequence_scores(encoder, shown), whole)
    # Rows come in any order; a history is asked about again only where a part ends within it.
    assert len(encoder.asked) == 15
    assert sum(map(len, encoder.asked)) <= len(of_users) + 14


def test_bad_logs_are_refused() -> None:
    shown, clicked = many_moments(20)
    fit: Callable[..., SequenceClicks] = SequenceClicks.fit
    with pytest.raises(DataError, match="only one of them"):
        fit(LastItem(ITEMS), shown, np.ones(20, dtype=bool))
    with pytest.raises(DataError, match="here are none"):
        fit(LastItem(ITEMS), shown.take(np.arange(0)), clicked[:0])
    with pytest.raises(ConfigError, match="give one each"):
        fit(LastItem(ITEMS), shown, clicked[:5])


def sequence_model_of(n_items: int) -> SequenceModel:
    torch.manual_seed(4)
    return SequenceModel(build_encoder(n_items, EncoderSettings(dimension=8, max_length=14)))


def test_a_real_sequence_model_scores_each_row_by_itself() -> None:
    data = load_dataset("demo")
    shown = data.logged_exposures(np.arange(0, 4000, 40))
    model = sequence_model_of(data.n_items)
    scores = sequence_scores(model, shown)
    for row in (0, 17, 99):
        user = model.encode(shown.history.take(np.array([row])))[0]
        assert scores[row] == pytest.approx(float(user @ model.items[shown.item[row]]), abs=1e-5)
    backwards = sequence_scores(model, shown.take(np.arange(100)[::-1]))
    assert np.array_equal(backwards[::-1], scores)


class TestSequenceContract(ClickModelContract):
    def click_model(self) -> ClickModel:
        return SequenceClicks(sequence_model_of(468), w=3.0, b=-0.5)


def test_what_would_take_too_long_is_left_out_with_the_reason(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = data.interactions
    cost = len(early) * data.n_items
    monkeypatch.setattr("simulator.experiment.early_sequence.SEQUENCE_COST", cost - 1)
    said: list[str] = []
    assert early_sequence_model(RunConfig(), data, early, said.append) is None
    assert said == [
        f"sasrec is left out: {len(early)} interactions with 60 items would take it too long"
    ]
