from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import betaln, expit

from simulator.clicks import (
    CascadeClicks,
    CascadeExamination,
    ClickRate,
    DistributionClicks,
    ItemPopularity,
    MatrixFactorisationClicks,
    PositionBasedClicks,
    PositionExamination,
    Replay,
    WithVectors,
)
from simulator.clicks.cascade_clicks import whole_above
from simulator.clicks.shrinkage import prior_strength
from simulator.data import load_dataset
from simulator.domain import BoolArray, Catalogue, Exposures, FloatArray, IntArray, Ragged, Vectors
from simulator.errors import ConfigError, DataError
from simulator.interfaces import ClickModel
from simulator.testing import ClickModelContract


def exposures(
    user: IntArray,
    item: IntArray,
    position: IntArray | None = None,
    catalogue: Catalogue | None = None,
) -> Exposures:
    n = len(user)
    return Exposures(
        user=np.asarray(user, dtype=np.int32),
        item=np.asarray(item, dtype=np.int32),
        target=np.full(n, -1, dtype=np.int32),
        round=np.zeros(n, dtype=np.int32),
        position=np.zeros(n, dtype=np.int32) if position is None else position,
        history=Ragged.empty(n),
        draw=np.full(n, 0.5),
        catalogue=catalogue,
    )


def shown_items(*items: int, catalogue: Catalogue | None = None) -> Exposures:
    return exposures(np.arange(len(items)), np.array(items, dtype=np.int32), catalogue=catalogue)


def slates_of(
    attraction: FloatArray, users: int, k: int, seed: int
) -> tuple[Exposures, FloatArray, np.random.Generator]:
    """Slates of k different items drawn at random, and what attracts in them, shape (users, k)."""
    draws = np.random.default_rng(seed)
    item = np.argsort(draws.random((users, len(attraction))), axis=1)[:, :k]
    shown = exposures(
        np.repeat(np.arange(users), k), item.ravel(), np.tile(np.arange(k, dtype=np.int32), users)
    )
    return shown, draws.random(item.shape) < attraction[item], draws


class TestClickRate:
    def test_counts(self) -> None:
        model = ClickRate.fit(shown_items(0, 1, 2, 3), np.array([True, False, False, False]))
        assert model.rate == 0.25
        answer = model.decide(shown_items(9, 9))
        assert answer.probability.tolist() == [0.25, 0.25]
        assert answer.source.tolist() == ["click rate", "click rate"]

    @pytest.mark.parametrize("model", [ClickRate, ItemPopularity, Replay])
    def test_a_log_that_tells_nothing_is_refused(self, model: type[ClickRate]) -> None:
        with pytest.raises(DataError, match="here are none"):
            model.fit(shown_items(), np.zeros(0, dtype=bool))
        with pytest.raises(ConfigError, match="give one each"):
            model.fit(shown_items(0, 1), np.array([True]))

    def test_a_rate_is_a_probability(self) -> None:
        with pytest.raises(ConfigError, match="must lie in"):
            ClickRate(1.5)


class TestPopularity:
    def test_rates_are_drawn_to_the_overall_rate(self) -> None:
        shown = shown_items(*[0] * 8, *[1] * 8, *[2] * 2)
        clicked = np.array([True] * 6 + [False] * 2 + [True] * 1 + [False] * 7 + [True] * 2)
        model = ItemPopularity.fit(shown, clicked)
        s, mean = model.strength, 9 / 18
        assert model.rate == pytest.approx(
            [(6 + s * mean) / (8 + s), (1 + s * mean) / (8 + s), (2 + s * mean) / (2 + s)]
        )
        assert 0 < s < 100

    def test_the_strength_is_the_most_likely(self) -> None:
        draws = np.random.default_rng(0)
        trials = draws.integers(1, 60, 400).astype(np.float64)
        clicks = draws.binomial(trials.astype(int), draws.beta(0.3 * 20, 0.7 * 20, 400)).astype(
            float
        )
        found = prior_strength(trials, clicks)
        grid = np.geomspace(1, 400, 4000)
        a = clicks.sum() / trials.sum() * grid[:, None]
        b = grid[:, None] - a
        likelihood = (betaln(clicks + a, trials - clicks + b) - betaln(a, b)).sum(axis=1)
        assert found == pytest.approx(grid[likelihood.argmax()], rel=0.01)
        assert 12 < found < 35

    def test_items_alike_get_one_rate(self) -> None:
        draws = np.random.default_rng(1)
        shown = shown_items(*np.repeat(np.arange(50), 40))
        model = ItemPopularity.fit(shown, draws.random(2000) < 0.3)
        assert model.strength > 300
        assert np.ptp(model.rate) < 0.06

    def test_items_shown_once_tell_nothing_of_each_other(self) -> None:
        model = ItemPopularity.fit(shown_items(0, 1, 2, 3), np.array([True, False, False, False]))
        assert model.rate == pytest.approx([0.25] * 4, abs=1e-5)

    def test_an_item_never_shown_has_its_categories_rate(self) -> None:
        catalogue = Catalogue(
            item_ids=list("abcdef"),
            titles=list("abcdef"),
            categories=[("Liked",), ("Loathed",), ("Liked",), ("Liked", "Loathed"), (), ("New",)],
        )
        shown = shown_items(*[0] * 40, *[1] * 40, catalogue=catalogue)
        clicked = np.array([True] * 30 + [False] * 10 + [True] * 10 + [False] * 30)
        model = ItemPopularity.fit(shown, clicked)
        s = model.strength
        liked, loathed = (30 + s / 2) / (40 + s), (10 + s / 2) / (40 + s)
        assert model.rate == pytest.approx([liked, loathed, liked, (liked + loathed) / 2, 0.5, 0.5])

    def test_an_item_beyond_the_table_has_the_overall_rate(self) -> None:
        model = ItemPopularity.fit(shown_items(0, 0, 1, 1), np.array([True, True, False, True]))
        assert model.probability(shown_items(7))[0] == 0.75

    def test_a_log_of_one_answer(self) -> None:
        model = ItemPopularity.fit(shown_items(0, 0, 1), np.zeros(3, dtype=bool))
        assert model.rate.tolist() == [0.0, 0.0]


class TestReplay:
    def test_the_last_time_counts(self) -> None:
        # The pair (0, 5) is shown three times: clicked, clicked, passed over.
        user, item = np.array([0, 1, 0, 0]), np.array([5, 5, 5, 5])
        clicked = np.array([True, True, True, False])
        model = Replay.fit(exposures(user, item), clicked)
        assert model.repeats == 2
        # After a click: one click, one none; after none: nothing seen.
        assert model.after_click == pytest.approx((1 + 10 * 0.75) / 12)
        assert model.after_no_click == pytest.approx(0.75)
        asked = exposures(np.array([0, 1, 1, 2]), np.array([5, 5, 4, 5]))
        assert model.known(asked).tolist() == [True, True, False, False]
        assert model.probability(asked) == pytest.approx(
            [model.after_no_click, model.after_click, 0.75, 0.75]
        )

    def test_without_repeats_it_is_the_click_rate_and_says_so(self) -> None:
        shown = exposures(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
        clicked = np.array([True, False, False, False])
        model = Replay.fit(shown, clicked)
        assert (model.probability(shown) == 0.25).all()
        assert "so it is the click rate" in model.describe()

    def test_users_who_repeat_themselves_are_found_out(self) -> None:
        draws = np.random.default_rng(0)
        likes = draws.random((200, 10)) < 0.3
        user, item = (grid.ravel() for grid in np.indices(likes.shape))
        stays = np.where(likes.ravel(), draws.random(2000) < 0.8, draws.random(2000) < 0.1)
        shown = exposures(np.tile(user, 2), np.tile(item, 2))
        model = Replay.fit(shown, np.concatenate([likes.ravel(), stays]))
        assert model.after_click == pytest.approx(0.8, abs=0.05)
        assert model.after_no_click == pytest.approx(0.1, abs=0.03)


def tastes(seed: int) -> tuple[Exposures, BoolArray, FloatArray]:
    """300 users and 60 items of a two-dimensional taste, 40 items each: shown, clicked, truth."""
    draws = np.random.default_rng(seed)
    users, items = draws.normal(size=(300, 2)) * 1.5, draws.normal(size=(60, 2))
    logit = -0.5 + draws.normal(size=60) * 0.7 + users @ items.T
    item = np.argsort(draws.random((300, 60)), axis=1)[:, :40]
    shown = exposures(np.repeat(np.arange(300), 40), item.ravel())
    truth = expit(logit[shown.user, shown.item])
    return shown, draws.random(len(truth)) < truth, truth


class TestMatrixFactorisation:
    def test_it_finds_planted_tastes(self) -> None:
        from sklearn.metrics import roc_auc_score

        shown, clicked, truth = tastes(0)
        asked = np.arange(len(shown)) % 40 >= 32
        learnt, answers = shown.take(~asked), clicked[~asked]
        model = MatrixFactorisationClicks.fit(learnt, answers)
        popularity = ItemPopularity.fit(learnt, answers)
        probability = model.probability(shown.take(asked))
        reached, plain, possible = (
            roc_auc_score(clicked[asked], p)
            for p in (probability, popularity.probability(shown.take(asked)), truth[asked])
        )
        assert plain < reached - 0.1
        assert reached > possible - 0.05
        assert np.corrcoef(probability, truth[asked])[0, 1] > 0.85
        # It says no more clicks than there are.
        assert probability.mean() == pytest.approx(clicked[asked].mean(), abs=0.03)

    def test_biases_equal_a_penalised_logistic_regression(self) -> None:
        from sklearn.linear_model import LogisticRegression

        from simulator.clicks.factorisation_fit import FactorSettings, fit_factors

        shown, clicked, _ = tastes(1)
        few = shown.user < 30
        user, item, answers = shown.user[few], shown.item[few], clicked[few]
        factors = fit_factors(user, item, answers, FactorSettings(0, 0.0, 4.0), seed=0)
        columns = np.hstack([np.eye(30)[user], np.eye(60)[item]])
        known = LogisticRegression(C=1 / 4, tol=1e-8, max_iter=1000).fit(columns, answers)
        assert factors.logit(user, item) == pytest.approx(
            known.decision_function(columns), abs=0.01
        )

    def test_strangers_are_average(self) -> None:
        shown, clicked, _ = tastes(2)
        model = MatrixFactorisationClicks.fit(shown.take(np.arange(4000)), clicked[:4000])
        factors = model.factors
        asked = exposures(np.array([10_000, 3, 10_000]), np.array([5, 10_000, 10_000]))
        assert factors.logit(asked.user, asked.item) == pytest.approx(
            [
                factors.mean + factors.item_bias[5],
                factors.mean + factors.user_bias[3],
                factors.mean,
            ]
        )

    def test_the_same_log_gives_the_same_model(self) -> None:
        shown, clicked = (part.take(np.arange(3000)) for part in tastes(3)[:2])
        first, again = (MatrixFactorisationClicks.fit(shown, clicked) for _ in range(2))
        assert np.array_equal(first.probability(shown), again.probability(shown))

    def test_noise_is_not_learnt(self) -> None:
        shown, _, _ = tastes(4)
        clicked = np.random.default_rng(4).random(len(shown)) < 0.4
        probability = MatrixFactorisationClicks.fit(shown, clicked).probability(shown)
        assert probability.std() < 0.06

    def test_bad_input_is_refused(self) -> None:
        shown, clicked, _ = tastes(5)
        with pytest.raises(DataError, match="both clicks and no-clicks"):
            MatrixFactorisationClicks.fit(shown, np.ones(len(shown), dtype=bool))
        with pytest.raises(ConfigError, match="validation marks"):
            MatrixFactorisationClicks.fit(shown, clicked, validation=clicked[:5])


EXAMINED = np.array([1.0, 0.6, 0.45, 0.3])
ATTRACTION = np.random.default_rng(7).beta(2, 3, 25)


class TestPositionBased:
    def test_it_finds_planted_attraction_and_places(self) -> None:
        shown, attracted, draws = slates_of(ATTRACTION, 6000, 4, seed=0)
        clicked = (attracted & (draws.random(attracted.shape) < EXAMINED)).ravel()
        model = PositionBasedClicks.fit(shown, clicked)
        assert model.examined == pytest.approx(EXAMINED, abs=0.04)
        assert model.attraction.rate == pytest.approx(ATTRACTION, abs=0.06)
        expected = ATTRACTION[shown.item] * EXAMINED[shown.position]
        assert model.decide(shown).probability == pytest.approx(expected, abs=0.06)
        # Popularity takes an item's bad luck with its places for the item's own.
        assert model.decide(shown).probability.mean() == pytest.approx(clicked.mean(), abs=0.005)

    def test_places_and_items_beyond_the_log(self) -> None:
        attraction = ItemPopularity(np.array([0.8]), 0.4, 1.0)
        model = PositionBasedClicks(attraction, np.array([1.0, 0.5]))
        asked = exposures(np.arange(3), np.array([0, 0, 9]), np.array([0, 5, 1], dtype=np.int32))
        assert model.decide(asked).probability == pytest.approx([0.8, 0.4, 0.2])

    def test_a_log_without_positions_is_refused(self) -> None:
        with pytest.raises(DataError, match="position 0"):
            PositionBasedClicks.fit(shown_items(0, 1), np.array([True, False]))


AFTER_CLICK, AFTER_NONE = np.array([0.4, 0.3, 0.6, 0.0]), np.array([0.95, 0.8, 0.7, 0.0])


def read_from_top(seed: int, users: int = 12_000) -> tuple[Exposures, BoolArray]:
    shown, attracted, draws = slates_of(ATTRACTION, users, 4, seed)
    examined = np.ones(users, dtype=bool)
    clicked = np.zeros(attracted.shape, dtype=bool)
    for place in range(4):
        clicked[:, place] = examined & attracted[:, place]
        on = np.where(clicked[:, place], AFTER_CLICK[place], AFTER_NONE[place])
        examined &= draws.random(users) < on
    return shown, clicked.ravel()


class TestCascadeClicks:
    def test_it_finds_planted_attraction_and_reading(self) -> None:
        shown, clicked = read_from_top(0)
        model = CascadeClicks.fit(shown, clicked)
        assert model.after_click == pytest.approx(AFTER_CLICK, abs=0.1)
        assert model.after_no_click == pytest.approx(AFTER_NONE, abs=0.1)
        assert model.attraction.rate == pytest.approx(ATTRACTION, abs=0.04)
        truth = CascadeExamination(
            ItemPopularity(ATTRACTION, 0.0, 1.0), after_click=AFTER_CLICK, after_no_click=AFTER_NONE
        )
        gap = model.decide(shown).probability - truth.decide(shown).probability
        assert np.abs(gap).mean() < 0.01

    def test_a_place_below_the_log_is_reached_as_its_last_one_is(self) -> None:
        shown, _, _ = slates_of(np.full(6, 0.4), 1, 6, seed=2)
        attraction = ItemPopularity(np.full(6, 0.4), 0.4, 1.0)
        model = CascadeClicks(
            attraction, np.array([0.2, 0.3, 0.0]), np.array([0.9, 0.8, 0.0]), np.ones(3)
        )
        first, then = 0.4 * 0.2 + 0.6 * 0.9, 0.4 * 0.3 + 0.6 * 0.8
        reached = np.cumprod([1, first, then, then, then, then])
        assert model.decide(shown).probability == pytest.approx(0.4 * reached, rel=1e-5)

    def test_slates_of_one_click_are_read_to_the_first(self) -> None:
        """Craswell's cascade: certain to go on after none, to leave after a click."""
        shown, attracted, _ = slates_of(ATTRACTION, 4000, 4, seed=1)
        clicked = attracted & (attracted.cumsum(axis=1) == 1)
        model = CascadeClicks.fit(shown, clicked.ravel())
        assert model.after_click[:3] == pytest.approx(0.0, abs=1e-3)
        assert model.after_no_click[:3] == pytest.approx(1.0, abs=0.03)
        # Then its closed form holds: clicks by the times shown at or above the first click.
        seen = (clicked.cumsum(axis=1) - clicked == 0).ravel()
        items = np.bincount(shown.item, weights=clicked.ravel()) / np.bincount(
            shown.item, weights=seen
        )
        assert model.attraction.rate == pytest.approx(items, abs=0.03)

    def test_expectation_by_hand(self) -> None:
        """One slate of two, no click: below, P(examined) = c (1 - a) / (1 - c + c (1 - a))."""
        from simulator.clicks.cascade_fit import _Slates

        shown = exposures(np.array([0, 0]), np.array([0, 1]), np.array([0, 1], dtype=np.int32))
        slates = _Slates(shown, np.array([False, False]))
        on = np.array([0.7, 0.0])
        examined = slates.examined(np.array([0.2, 0.4]), np.array([0.1, 0.0]), on)
        assert examined[0] == pytest.approx([1.0, 0.7 * 0.6 / (0.3 + 0.7 * 0.6)])

    def test_expectation_equals_enumeration(self) -> None:
        """Slates of unequal length, against a sum over every depth of reading."""
        from simulator.clicks.cascade_fit import _Slates

        draws = np.random.default_rng(3)
        length = np.array([4, 2, 1, 3, 4, 4])
        position = np.concatenate([np.arange(k, dtype=np.int32) for k in length])
        user = np.repeat(np.arange(6), length)
        shown = exposures(user, np.arange(len(user)), position)
        clicked = draws.random(len(user)) < 0.3
        alpha = draws.random(len(user))
        on_click, on_none = draws.random((2, 4))
        found = _Slates(shown, clicked).examined(alpha, on_click, on_none)
        for slate, k in enumerate(length):
            rows = np.flatnonzero(user == slate)
            weight = np.zeros(k)
            for depth in range(k):  # the last place read
                read = np.arange(k) <= depth
                answers = np.where(clicked[rows], alpha[rows], 1 - alpha[rows])
                p = np.prod(answers[read]) * (not clicked[rows][~read].any())
                going = np.where(clicked[rows], on_click[:k], on_none[:k])
                p *= np.prod(going[:depth]) * (1 - going[depth] if depth < k - 1 else 1)
                weight[depth] = p
            expected = weight[::-1].cumsum()[::-1] / weight.sum()
            assert found[slate, :k] == pytest.approx(expected)
            assert not found[slate, k:].any()

    def test_rows_of_broken_slates_are_examined_as_their_places(self) -> None:
        shown, clicked = read_from_top(1, users=3000)
        model = CascadeClicks.fit(shown, clicked)
        broken = shown.take(np.array([4, 5, 7, 10]))  # a slate's places 0, 1, 3; another's 2
        assert whole_above(broken).tolist() == [True, True, False, False]
        whole = model.decide(shown.take(np.arange(4, 8))).probability
        place = PositionExamination(model.attraction, model.examined).decide(broken).probability
        assert model.decide(broken).probability == pytest.approx([*whole[:2], *place[2:]])
        # The places' mean is the slates' mean.
        by_slate = model.decide(shown).probability.reshape(-1, 4).mean(axis=0)
        by_place = PositionExamination(model.attraction, model.examined).decide(shown).probability
        assert by_place.reshape(-1, 4).mean(axis=0) == pytest.approx(by_slate, abs=0.01)

    def test_bad_logs_are_refused(self) -> None:
        with pytest.raises(DataError, match="of one item"):
            CascadeClicks.fit(shown_items(0, 1), np.array([True, False]))
        shown, clicked = read_from_top(2, users=5)
        with pytest.raises(DataError, match="nothing was clicked"):
            CascadeClicks.fit(shown, np.zeros(20, dtype=bool))
        with pytest.raises(ConfigError, match="Row 0"):
            CascadeClicks.fit(shown.take(np.arange(1, 20)), clicked[1:])


def test_vectors_are_attached(vectors: Vectors) -> None:
    shown = exposures(np.array([0, 1]), np.array([2, 3]))
    inner = DistributionClicks(w=2.0, b=0.1)
    model = WithVectors(inner, vectors)
    expected = inner.decide(shown.with_vectors(vectors)).probability
    assert np.array_equal(model.decide(shown).probability, expected)
    assert model.describe() == "DistributionClicks(w=2.0, b=0.1, noise=0.0)"


def demo_log() -> tuple[Exposures, BoolArray]:
    data = load_dataset("demo")
    assert data.log is not None
    rows = np.arange(100 * 8)
    return data.logged_exposures(rows), data.log.clicked[rows]


def fitted(fit: Callable[[Exposures, BoolArray], ClickModel]) -> ClickModel:
    return fit(*demo_log())


class TestClickRateContract(ClickModelContract):
    def click_model(self) -> ClickModel:
        return fitted(ClickRate.fit)


class TestPopularityContract(ClickModelContract):
    def click_model(self) -> ClickModel:
        return fitted(ItemPopularity.fit)


class TestReplayContract(ClickModelContract):
    def click_model(self) -> ClickModel:
        return fitted(Replay.fit)


class TestMatrixFactorisationContract(ClickModelContract):
    def click_model(self) -> ClickModel:
        shown, clicked = demo_log()
        return MatrixFactorisationClicks.fit(shown.take(np.arange(200)), clicked[:200])


class TestPositionBasedContract(ClickModelContract):
    def click_model(self) -> ClickModel:
        return PositionBasedClicks(ItemPopularity(ATTRACTION, 0.4, 3.0, "position-based"), EXAMINED)

    def test_clicks_follow_the_shared_draws(self) -> None:
        """A click needs `draw < P(attracted)` and the eye; P(click) is known before either."""
        shown, model = self.exposures(), self.click_model()
        usual = model.decide(shown).probability
        for draw in (np.zeros(len(shown)), np.full(len(shown), 1 - 2.0**-53)):
            answer = self.click_model().decide(replace(shown, draw=draw))
            assert np.array_equal(answer.probability, usual)
            assert not (answer.clicked & (draw >= ATTRACTION.max())).any()


class TestCascadeClicksContract(TestPositionBasedContract):
    def click_model(self) -> ClickModel:
        attraction = ItemPopularity(ATTRACTION, 0.4, 3.0, "cascade")
        return CascadeClicks(attraction, AFTER_CLICK, AFTER_NONE, EXAMINED)
