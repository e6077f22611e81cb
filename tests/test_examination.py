"""Who looks where: clicks need examination, failures stay on record, probabilities are marginal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from simulator.clicks import (
    CascadeExamination,
    DistributionClicks,
    Fallback,
    PositionExamination,
    fit_examination,
    inverse_rank,
)
from simulator.clicks.examination import NOT_EXAMINED, UNKNOWN
from simulator.data.demo import load_demo, true_click_probability
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray, Ragged
from simulator.errors import ConfigError, DataError
from simulator.interfaces import ClickModel
from simulator.seeding import uniforms
from simulator.testing import ClickModelContract

ATTRACTION = (0.7, 0.4, 0.9, 0.5)


def slates(users: int, k: int = 4, rounds: int = 1, seed: int = 0) -> Exposures:
    """`users` x `rounds` slates; item p stands in position p."""
    n = users * rounds * k
    user = np.repeat(np.arange(users, dtype=np.int32), rounds * k)
    number = np.tile(np.repeat(np.arange(1, rounds + 1, dtype=np.int32), k), users)
    position = np.tile(np.arange(k, dtype=np.int32), users * rounds)
    return Exposures(
        user=user,
        item=position,
        target=np.full(n, -1, dtype=np.int32),
        round=number,
        position=position,
        history=Ragged.empty(n),
        draw=uniforms(seed, "click", user, -1, number, position),
    )


class ByItem:
    """P(attracted) is the item's; fails where `fails` says, and counts how often it is asked."""

    def __init__(self, attraction: tuple[float, ...] = ATTRACTION, fails: object = False) -> None:
        self.attraction = np.array(attraction)
        self.fails = fails
        self.asked = 0

    def decide(self, shown: Exposures) -> Clicks:
        self.asked += 1
        p = self.attraction[shown.item]
        failed = np.broadcast_to(np.asarray(self.fails), len(shown))
        return Clicks.of(
            (shown.draw < p) & ~failed,
            source=np.where(failed, "", "by item"),
            probability=np.where(failed, np.nan, p),
            failure=np.where(failed, "no answer", ""),
        )


def share(clicked: BoolArray, k: int = 4) -> FloatArray:
    return np.asarray(clicked.reshape(-1, k).mean(axis=0))


def test_a_place_is_clicked_as_often_as_it_is_examined_and_attracts() -> None:
    shown, model = slates(20_000), ByItem()
    examined = inverse_rank(4)
    clicks = PositionExamination(model, examined).decide(shown)
    assert model.asked == 1
    expected = examined * ATTRACTION
    assert np.allclose(clicks.probability.reshape(-1, 4), expected, atol=1e-6)
    assert np.allclose(share(clicks.clicked), expected, atol=0.012)
    unseen = clicks.source == "examination"
    assert np.allclose(share(unseen), 1 - examined, atol=0.012)
    assert set(clicks.reason[unseen]) == {NOT_EXAMINED}
    assert set(clicks.source[~unseen]) == {"by item"}
    assert not clicks.clicked[unseen].any()
    assert np.array_equal(clicks.clicked[~unseen], model.decide(shown).clicked[~unseen])


def test_the_eye_is_independent_of_attraction_and_of_the_other_places() -> None:
    shown = slates(20_000)
    examined = PositionExamination(ByItem((1.0,) * 4), (0.5,) * 4).decide(shown).clicked
    together = np.corrcoef(np.column_stack([examined.reshape(-1, 4), shown.draw.reshape(-1, 4)]).T)
    assert np.abs(together - np.eye(8)).max() < 0.025


def test_a_user_reads_to_the_first_click() -> None:
    clicks = CascadeExamination(ByItem()).decide(slates(20_000))
    clicked = clicks.clicked.reshape(-1, 4)
    assert clicked.sum(axis=1).max() == 1
    reached = np.cumprod([1, *(1 - np.array(ATTRACTION[:-1]))])
    assert np.allclose(clicks.probability.reshape(-1, 4), reached * ATTRACTION, atol=1e-6)
    assert np.allclose(clicked.mean(axis=0), reached * ATTRACTION, atol=0.012)
    unseen = (clicks.source == "examination").reshape(-1, 4)
    assert np.array_equal(unseen[:, 1:], np.cumsum(clicked, axis=1)[:, :-1] > 0)


@pytest.mark.parametrize(
    ("after_click", "after_no_click"),
    [((0.9, 0.6, 0.3, 0.0), 1.0), (0.4, 0.8), (0.5, 0.5), (1.0, 1.0)],
)
def test_users_go_on_with_the_probabilities_given(
    after_click: float | tuple[float, ...], after_no_click: float
) -> None:
    model = CascadeExamination(ByItem(), after_click=after_click, after_no_click=after_no_click)
    clicks = model.decide(slates(20_000))
    reached, expected = 1.0, []
    for place, attraction in enumerate(ATTRACTION):
        expected.append(reached * attraction)
        on = after_click if isinstance(after_click, float) else after_click[place]
        reached *= attraction * on + (1 - attraction) * after_no_click
    assert np.allclose(clicks.probability.reshape(-1, 4), expected, atol=1e-6)
    assert np.allclose(share(clicks.clicked), expected, atol=0.012)


MODELS = (
    PositionExamination(ByItem(), inverse_rank(4, 0.7)),
    CascadeExamination(ByItem(), after_click=0.3, after_no_click=0.9),
)


@pytest.mark.parametrize("model", MODELS, ids=["position", "cascade"])
@given(cut=st.lists(st.integers(0, 60), max_size=5), order=st.permutations(range(60)))
def test_neither_batch_nor_order_of_slates_changes_a_row(
    model: ClickModel, cut: list[int], order: list[int]
) -> None:
    shown = slates(30, rounds=2)
    whole = model.decide(shown)
    rows = np.arange(len(shown)).reshape(60, 4)
    for part in np.split(np.array(order), sorted(cut)):
        index = rows[part].ravel()
        some = model.decide(shown.take(index))
        for column in ("clicked", "probability", "source", "reason"):
            assert np.array_equal(getattr(some, column), getattr(whole, column)[index]), column


@pytest.mark.parametrize("model", MODELS, ids=["position", "cascade"])
def test_the_eye_follows_the_seed_and_is_shared_where_draws_are(model: ClickModel) -> None:
    shown, other = slates(200, seed=1), slates(200, seed=2)
    unseen = model.decide(shown).source == "examination"
    assert not np.array_equal(unseen, model.decide(other).source == "examination")
    for_a_target = replace(shown, target=np.full(len(shown), 3, dtype=np.int32))
    assert np.array_equal(unseen, model.decide(for_a_target).source == "examination")


def test_a_failure_counts_where_it_was_examined() -> None:
    shown = slates(500)
    clicks = PositionExamination(ByItem(fails=shown.item == 1), (1.0, 0.5, 1.0, 1.0)).decide(shown)
    failed = shown.item == 1
    assert set(clicks.failure[failed]) == {"no answer"}
    assert set(clicks.failure[~failed]) == {""}
    assert np.isnan(clicks.probability[failed]).all()
    assert set(clicks.source[failed]) == {"", "examination"}
    assert np.array_equal(clicks.undecided, failed & (clicks.source != "examination"))
    assert 0.4 < clicks.undecided[failed].mean() < 0.6
    assert not clicks.clicked[failed].any()


@pytest.mark.parametrize(("after_click", "after_no_click"), [(0.2, 0.7), (0.7, 0.2)])
def test_below_a_failure_a_cascade_says_only_what_is_certain(
    after_click: float, after_no_click: float
) -> None:
    def cascade(model: ClickModel) -> CascadeExamination:
        return CascadeExamination(model, after_click=after_click, after_no_click=after_no_click)

    shown = slates(4_000)
    clicks = cascade(ByItem(fails=shown.item == 1)).decide(shown)
    source, failure = clicks.source.reshape(-1, 4), clicks.failure.reshape(-1, 4)
    failing = source[:, 1] == ""
    assert (failure[:, 1] == "no answer").all()
    assert (source[~failing, 2:] == "examination").all()
    # The luck decides alone below 0.2 and above 0.7, and half the time the failure has a say.
    assert (source[failing, 2] == "by item").mean() == pytest.approx(0.2, abs=0.03)
    assert (source[failing, 2] == "examination").mean() == pytest.approx(0.3, abs=0.03)
    unknown = source[:, 2] == ""
    assert unknown.mean() == pytest.approx(0.5 * failing.mean(), abs=0.02)
    assert set(failure[unknown, 2]) == {UNKNOWN}
    assert set(failure[~unknown, 2]) == {""}
    assert np.isnan(clicks.probability.reshape(-1, 4)[:, 2:]).all()
    assert np.isfinite(clicks.probability.reshape(-1, 4)[:, 0]).all()
    # Every click that is told would be told had the failing rows been answered either way.
    for answer in (True, False):
        answered = ByItem(tuple(float(answer) if k == 1 else a for k, a in enumerate(ATTRACTION)))
        same = cascade(answered).decide(shown)
        told = ~clicks.undecided & (shown.item != 1)
        assert np.array_equal(same.clicked[told], clicks.clicked[told])
        assert np.array_equal(same.source[told], clicks.source[told])


def test_a_failure_of_ones_own_stays_where_examination_is_unknown_too() -> None:
    shown = slates(200)
    failing = ByItem(fails=(shown.item == 0) | (shown.item == 1))
    failure = CascadeExamination(failing).decide(shown).failure.reshape(-1, 4)
    assert set(failure[:, 1]) == {"no answer"}
    assert set(failure[:, 2]) == {UNKNOWN}


def test_what_an_undecided_row_says_besides_is_not_believed() -> None:
    class Hasty:
        def decide(self, shown: Exposures) -> Clicks:
            clicks = ByItem((1.0,) * 4).decide(shown)
            clicks.source[:], clicks.failure[:] = "", "no answer"
            return clicks

    for model in (PositionExamination(Hasty(), [0.5] * 4), CascadeExamination(Hasty())):
        clicks = model.decide(slates(50))
        assert not clicks.clicked.any()
        assert np.isnan(clicks.probability).all()


def test_what_is_never_reached_is_never_clicked_whatever_is_unknown() -> None:
    class Silent:
        def decide(self, shown: Exposures) -> Clicks:
            return Clicks.of(shown.draw < 0.5, source="silent")

    leaving = CascadeExamination(
        Silent(), after_click=(0, 0.5, 0.5, 0.5), after_no_click=(0, 1, 1, 1)
    )
    p = leaving.decide(slates(20)).probability.reshape(-1, 4)
    assert np.isnan(p[:, 0]).all()
    assert not p[:, 1:].any()


def test_where_going_on_ignores_clicks_a_failure_above_hides_nothing() -> None:
    shown = slates(300)
    cascade = CascadeExamination(ByItem(fails=shown.item == 0), after_click=0.5, after_no_click=0.5)
    clicks = cascade.decide(shown)
    assert np.array_equal(clicks.undecided, shown.item == 0)
    expected = [0.5 * ATTRACTION[1], 0.25 * ATTRACTION[2], 0.125 * ATTRACTION[3]]
    assert np.allclose(clicks.probability.reshape(-1, 4)[:, 1:], expected, atol=1e-6)


def test_a_model_without_probabilities_keeps_none() -> None:
    class Silent:
        def decide(self, shown: Exposures) -> Clicks:
            return Clicks.of(shown.draw < 0.5, source="silent")

    shown = slates(100)
    by_position = PositionExamination(Silent(), (1.0, 0.5, 0.0, 1.0)).decide(shown)
    known = np.isfinite(by_position.probability)
    assert np.array_equal(known, shown.position == 2), "what nobody examines nobody clicks"
    assert np.isnan(CascadeExamination(Silent()).decide(shown).probability).all()
    assert not by_position.undecided.any()


def test_a_fallback_belongs_inside_a_cascade() -> None:
    shown = slates(50)
    failing = ByItem(fails=shown.item == 1)
    inside = CascadeExamination(Fallback(failing, ByItem())).decide(shown)
    assert np.array_equal(inside.clicked, CascadeExamination(ByItem()).decide(shown).clicked)
    assert set(inside.failure[shown.item == 1]) == {"no answer"}
    outside = Fallback(CascadeExamination(failing), CascadeExamination(ByItem()))
    with pytest.raises(ConfigError, match=r"without position 0 of its slate.*belongs inside"):
        outside.decide(shown)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([1, 2, 3], r"Row 0 .* position 1 without position 0"),
        ([0, 1, 3], r"Row 2 .* position 3 without position 2"),
        ([0, 4, 1, 5], r"Row 2 .* position 1 without position 0"),
        ([0, 5, 2, 3], r"Row 1 \(user 1, round 1\)"),
    ],
)
def test_a_slate_in_pieces_is_refused(rows: list[int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CascadeExamination(ByItem()).decide(slates(3).take(np.array(rows)))


@pytest.mark.parametrize("column", ["target", "round"])
def test_rows_of_two_episodes_or_rounds_are_no_slate(column: str) -> None:
    shown = slates(1)
    mixed: Any = {column: np.array([1, 1, 2, 2], dtype=np.int32)}
    with pytest.raises(ConfigError, match=r"Row 2 .* position 2 without position 1"):
        CascadeExamination(ByItem()).decide(replace(shown, **mixed))


def test_nothing_shown_is_nothing_clicked() -> None:
    nothing = slates(3).take(np.empty(0, dtype=np.int64))
    for model in MODELS:
        assert len(model.decide(nothing)) == 0


def test_numbers_out_of_range_are_named() -> None:
    with pytest.raises(ConfigError, match=r"examined = .*probabilities in \[0, 1\]"):
        PositionExamination(ByItem(), (1.0, 1.1))
    with pytest.raises(ConfigError, match="after_click = nan"):
        CascadeExamination(ByItem(), after_click=float("nan"))
    with pytest.raises(ConfigError, match="eta = -1"):
        inverse_rank(3, -1)
    with pytest.raises(ConfigError, match=r"2 positions 0\.\.1, and .* shown in position 3"):
        PositionExamination(ByItem(), (1.0, 0.5)).decide(slates(2))
    with pytest.raises(ConfigError, match="after_no_click has probabilities for the 1 positions"):
        CascadeExamination(ByItem(), after_no_click=[0.5]).decide(slates(2))


def test_descriptions_and_counters_come_through() -> None:
    class Metered(ByItem):
        def usage(self) -> dict[str, float]:
            return {"calls": 7.0}

    inner = DistributionClicks()
    assert PositionExamination(inner, [1, 0.5]).describe() == (
        "examined by position(DistributionClicks(w=10.0, b=0.7, noise=0.0), 1 0.5)"
    )
    assert "after a click 0, after none 1" in CascadeExamination(inner).describe()
    assert CascadeExamination(Metered()).usage() == {"calls": 7.0}
    assert PositionExamination(inner, [1]).usage() == {}


class TestPositionContract(ClickModelContract):
    def click_model(self) -> ClickModel:
        return PositionExamination(DistributionClicks(w=3.0, b=0.0), inverse_rank(3))

    def test_clicks_follow_the_shared_draws(self) -> None:
        """A click needs `draw < P(attracted)` and the eye; P(click) is known before either."""
        shown, inner = self.exposures(), DistributionClicks(w=3.0, b=0.0)
        usual = self.click_model().decide(shown).probability
        for draw in (shown.draw, np.zeros(len(shown)), np.full(len(shown), 1 - 2.0**-53)):
            drawn = replace(shown, draw=draw)
            answer = self.click_model().decide(drawn)
            assert np.array_equal(answer.probability, usual)
            assert not (answer.clicked & ~inner.decide(drawn).clicked).any()


class TestCascadeContract(TestPositionContract):
    def click_model(self) -> ClickModel:
        return CascadeExamination(DistributionClicks(w=3.0, b=0.0), after_click=0.4)


def biased_log(eta: float) -> tuple[Exposures, BoolArray, FloatArray]:
    """The demo world's slates, read by users whose eye falls off: exposures, clicks, P(attracted).

    The world itself has no position bias.
    """
    world = load_demo()
    assert world.log is not None
    shown = world.logged_exposures()
    attraction = true_click_probability(world.log.user, world.log.item)
    luck = uniforms(3, "eye", np.arange(len(shown)))
    liked = uniforms(3, "liking", np.arange(len(shown))) < attraction
    return shown, liked & (luck < inverse_rank(8, eta)[shown.position]), attraction


class Told:
    """Knows each row's P(attracted)."""

    def __init__(self, attraction: FloatArray) -> None:
        self.attraction = attraction

    def decide(self, shown: Exposures) -> Clicks:
        return Clicks.from_probability(self.attraction, shown.draw, source="told")


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_the_examination_of_a_log_is_found_again(eta: float) -> None:
    shown, clicked, attraction = biased_log(eta)
    truth = inverse_rank(8, eta)  # the click rates of 6000 slates are good to about 0.02
    assert np.abs(fit_examination(shown, clicked) - truth).max() < 0.05
    assert np.abs(fit_examination(shown, clicked, Told(attraction)) - truth).max() < 0.05


def test_rows_whose_attraction_is_not_known_are_left_out() -> None:
    shown, clicked, attraction = biased_log(1.0)
    some = np.where(shown.user % 2 == 0, attraction, np.nan)

    class Half:
        def decide(self, shown: Exposures) -> Clicks:
            return Clicks.of(np.zeros(len(shown), dtype=bool), source="half", probability=some)

    known = shown.user % 2 == 0
    alone = fit_examination(shown.take(known), clicked[known], Told(attraction[known]))
    assert np.allclose(fit_examination(shown, clicked, Half()), alone, atol=1e-5)


def test_popular_items_on_top_are_not_taken_for_examination() -> None:
    n, k = 40_000, 4
    generator = np.random.default_rng(5)
    attraction = np.linspace(0.05, 0.9, 20)
    # The more attractive an item is, the higher it tends to stand, so raw click rates mislead.
    noisy = attraction[:, None] + 0.3 * generator.normal(size=(20, n // k))
    item = (-noisy).argsort(axis=0)[:k].T.ravel().astype(np.int32)
    shown = replace(slates(n // k), item=item)
    examined = np.array([1.0, 0.8, 0.6, 0.5])
    chance = examined[shown.position] * attraction[item]
    clicked = generator.random(n) < chance
    raw = share(clicked) / share(clicked)[0]
    found = fit_examination(shown, clicked)
    assert np.abs(found - examined).max() < 0.05 < np.abs(raw - examined).max()


def test_the_estimate_is_the_likeliest() -> None:
    generator = np.random.default_rng(0)
    n, items, k = 6_000, 50, 5
    item, position = generator.integers(0, items, n), np.tile(np.arange(k), n // k)
    truth = generator.beta(2, 4, items)[item] * inverse_rank(k)[position]
    clicked = generator.random(n) < truth

    def loss(logits: FloatArray) -> float:
        p = expit(logits[:k])[position] * expit(logits[k:])[item]
        return -float(np.where(clicked, np.log(p), np.log1p(-p)).sum())

    def slope(logits: FloatArray) -> FloatArray:
        examined, attracted = expit(logits[:k]), expit(logits[k:])
        p = examined[position] * attracted[item]
        by_row = np.where(clicked, -1.0, p / (1 - p))
        return np.concatenate(
            [
                np.bincount(position, by_row * (1 - examined[position]), k),
                np.bincount(item, by_row * (1 - attracted[item]), items),
            ]
        )

    best = minimize(loss, np.zeros(k + items), jac=slope, method="L-BFGS-B", options={"ftol": 0})
    likeliest = expit(best.x[:k])
    shown = replace(slates(n // k, k), item=item.astype(np.int32))
    found = fit_examination(shown, clicked)
    assert np.allclose(found, likeliest / likeliest.max(), atol=1e-4)


def test_the_demo_world_looks_everywhere_alike() -> None:
    world = load_demo()
    assert world.log is not None
    assert fit_examination(world.logged_exposures(), world.log.clicked).min() > 0.93


def test_logs_that_cannot_tell_are_refused(data_log: tuple[Exposures, BoolArray]) -> None:
    shown, clicked = data_log
    with pytest.raises(DataError, match="No item links position 1 to position 0"):
        fit_examination(shown, clicked)
    with pytest.raises(DataError, match="Nothing was clicked"):
        fit_examination(shown, np.zeros(len(shown), dtype=bool))
    with pytest.raises(DataError, match="All exposures of this log stand in position 0"):
        fit_examination(shown.take(shown.position == 0), clicked[shown.position == 0])
    with pytest.raises(DataError, match="Position 1 is never shown, position 3 is"):
        fit_examination(shown.take(shown.position != 1), clicked[shown.position != 1])
    with pytest.raises(ConfigError, match="give one each"):
        fit_examination(shown, clicked[1:])
    with pytest.raises(ConfigError, match="gave no probability"):
        fit_examination(shown, clicked, ByItem(fails=True))


@pytest.fixture
def data_log() -> tuple[Exposures, BoolArray]:
    shown = slates(50)
    return shown, ByItem().decide(shown).clicked


def test_a_fitted_table_goes_into_the_wrapper() -> None:
    shown, clicked, _ = biased_log(1.0)
    model = PositionExamination(Told(np.full(len(shown), 0.5)), fit_examination(shown, clicked))
    p = model.decide(shown).probability.reshape(-1, 8)
    assert np.allclose(p[0], 0.5 * inverse_rank(8), atol=0.02)
