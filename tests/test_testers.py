import numpy as np
import pytest
from scipy.stats import kendalltau

from evals.bootstrap import Bootstrap
from evals.labelled import LabelledExposures
from evals.slates import picks, slates_of, tie_order
from evals.testers import RecommenderRanking, rank_recommenders
from simulator.domain import BoolArray, Exposures, FloatArray, IntArray, Ragged
from simulator.errors import ConfigError, DataError


def labelled(
    user: IntArray, slate: IntArray, clicked: BoolArray, item: IntArray | None = None
) -> LabelledExposures:
    n = len(user)
    shown = Exposures(
        user=np.asarray(user, dtype=np.int32),
        item=np.arange(n, dtype=np.int32) if item is None else item,
        target=np.full(n, -1, dtype=np.int32),
        round=np.zeros(n, dtype=np.int32),
        position=np.zeros(n, dtype=np.int32),
        history=Ragged.empty(n),
        draw=np.full(n, 0.5),
    )
    return LabelledExposures(shown, clicked, slate, True, "A click is a click.")


def value_of(ranking: RecommenderRanking, model: str, recommender: str) -> float:
    table = ranking.values.set_index(["model", "recommender"])["value"]
    return float(table.loc[(model, recommender)])


def by_hand() -> tuple[LabelledExposures, dict[str, FloatArray], FloatArray]:
    """User 0 has two slates of two and a single row, user 1 one slate of three."""
    log = labelled(
        user=np.array([0, 0, 0, 0, 0, 1, 1, 1]),
        slate=np.array([3, 3, 5, 5, 6, 9, 9, 9]),
        clicked=np.array([True, False, False, True, True, False, False, True]),
    )
    scores = {
        "first": np.array([2.0, 1, 2, 1, 1, 3, 2, 1]),
        "last": np.array([1.0, 2, 1, 2, 1, 1, 2, 3]),
    }
    return log, scores, np.array([0.9, 0.1, 0.3, 0.4, 0.0, 0.5, 0.6, 0.7])


def test_values_by_hand() -> None:
    log, scores, p = by_hand()
    ranking = rank_recommenders(scores, log, {"model": p})
    # "first" picks rows 0, 2 of user 0 and row 5 of user 1; "last" rows 1, 3 and 7. The single row
    # leaves nothing to choose.
    assert (ranking.slates, ranking.users, ranking.k) == (3, 2, 1)
    assert value_of(ranking, "log", "first") == pytest.approx((1 / 2 + 0) / 2)
    assert value_of(ranking, "log", "last") == pytest.approx((1 / 2 + 1) / 2)
    assert value_of(ranking, "model", "first") == pytest.approx(((0.9 + 0.3) / 2 + 0.5) / 2)
    assert value_of(ranking, "model", "last") == pytest.approx(((0.1 + 0.4) / 2 + 0.7) / 2)
    assert ranking.agreement["tau"].tolist() == [-1.0]
    two = rank_recommenders(scores, log, {"model": p}, k=2)
    # Only user 1's slate has more than two rows: "first" picks 5 and 6, "last" 6 and 7.
    assert (two.slates, two.users) == (1, 1)
    assert value_of(two, "log", "last") == 0.5
    assert value_of(two, "model", "first") == pytest.approx(0.55)
    assert np.isnan(two.agreement["low"]).all()
    assert np.isnan(two.agreement["same_best"]).all()


def logged(
    seed: int, users: int = 60, slates: int = 4, size: int = 5
) -> tuple[LabelledExposures, FloatArray]:
    """Random slates and their true P(click)."""
    draws = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), slates * size)
    truth = draws.beta(1, 2, len(user))
    slate = np.arange(len(user)) // size
    return labelled(user, slate, draws.random(len(user)) < truth), truth


def recommenders(truth: FloatArray, seed: int) -> dict[str, FloatArray]:
    """Five of them, from clairvoyant to contrary."""
    draws = np.random.default_rng(seed)
    return {
        f"r{k}": weight * truth + 0.2 * draws.normal(size=len(truth))
        for k, weight in enumerate((3.0, 1.0, 0.5, 0.0, -1.0))
    }


def test_every_draw_is_as_scipy_has_it() -> None:
    log, truth = logged(0)
    scores = recommenders(truth, 1)
    models = {"truth": truth, "coarse": np.round(truth, 1), "contrary": 1 - truth}
    bootstrap = Bootstrap(replicates=200, seed=3)
    ranking = rank_recommenders(scores, log, models, bootstrap=bootstrap)
    size, users = 5, 60
    rows = np.arange(len(log)).reshape(-1, size)
    judges = [log.clicked.astype(float), *models.values()]
    by_user = np.empty((users, 4, 5))
    for column, score in enumerate(scores.values()):
        chosen = rows[np.arange(len(rows)), score[rows].argmax(axis=1)]
        for line, answers in enumerate(judges):
            by_user[:, line, column] = answers[chosen].reshape(users, -1).mean(axis=1)
    drawn = np.concatenate(list(bootstrap.weights(users)))
    replicates = np.einsum("ru,ujk->rjk", drawn, by_user) / users
    for place, model in enumerate(models, start=1):
        taus = [kendalltau(draw[0], draw[place]).statistic for draw in replicates]
        row = ranking.agreement.set_index("model").loc[model]
        means = by_user.mean(axis=0)
        assert row["tau"] == pytest.approx(kendalltau(means[0], means[place]).statistic)
        assert [row["low"], row["high"]] == pytest.approx(np.quantile(taus, [0.025, 0.975]))
        same = [draw[0].argmax() == draw[place].argmax() for draw in replicates]
        assert row["same_best"] == pytest.approx(np.mean(same))
    levels = ranking.values.set_index(["model", "recommender"])
    low, high = np.quantile(replicates[:, 0, 2], [0.025, 0.975])
    assert levels.loc[("log", "r2"), ["low", "high"]].tolist() == pytest.approx([low, high])


def test_the_truth_ranks_as_the_log_does() -> None:
    log, truth = logged(2, users=300)
    ranking = rank_recommenders(
        recommenders(truth, 3), log, {"truth": truth, "contrary": 1 - truth}
    )
    agreement = ranking.agreement.set_index("model")
    assert agreement.loc["truth", "tau"] == 1
    assert agreement.loc["truth", "low"] > 0.5
    assert agreement.loc["truth", "same_best"] > 0.95
    assert agreement.loc["contrary", "tau"] == -1
    assert agreement.loc["contrary", "same_best"] == 0
    assert ranking.cautions == ()


def test_a_model_that_knows_nothing_has_no_ranking() -> None:
    log, truth = logged(4)
    ranking = rank_recommenders(recommenders(truth, 5), log, {"click rate": np.full(1200, 0.33)})
    row = ranking.agreement.iloc[0]
    assert np.isnan([row["tau"], row["low"], row["high"]]).all()
    assert row["same_best"] == pytest.approx(1 / 5)


def test_equal_scores_are_told_by_one_order_whatever_the_rows() -> None:
    log, truth = logged(6)
    flat = {"a": np.zeros(len(log)), "b": np.full(len(log), 7.0)}
    ranking = rank_recommenders(flat, log, {"truth": truth})
    assert value_of(ranking, "log", "a") == value_of(ranking, "log", "b")
    # A log has an order, clicks first say; the picks do not follow it.
    order = np.lexsort((log.clicked, log.slate))[::-1]
    turned = rank_recommenders(flat, log.take(order), {"truth": truth[order]})
    assert np.allclose(turned.values["value"], ranking.values["value"])
    by_chance = log.clicked.mean()
    assert value_of(ranking, "log", "a") == pytest.approx(by_chance, abs=0.1)
    another = rank_recommenders(flat, log, {"truth": truth}, bootstrap=Bootstrap(seed=1))
    assert not np.allclose(another.values["value"], ranking.values["value"])


def test_rows_without_an_answer_are_out_for_all() -> None:
    log, truth = logged(7)
    scores = recommenders(truth, 8)
    some = truth.copy()
    some[::3] = np.nan
    ranking = rank_recommenders(scores, log, {"whole": truth, "some": some})
    kept = np.flatnonzero(~np.isnan(some))
    alone = rank_recommenders(
        {name: score[kept] for name, score in scores.items()},
        log.take(kept),
        {"whole": truth[kept], "some": truth[kept]},
    )
    assert ranking.values.equals(alone.values)
    assert "400 of 1,200 exposures are out" in ranking.cautions[0]


def test_a_model_without_probabilities_is_left_out() -> None:
    log, truth = logged(10)
    scores, nothing = recommenders(truth, 11), np.full(len(log), np.nan)
    ranking = rank_recommenders(scores, log, {"words": nothing, "truth": truth})
    assert ranking.models == ("truth",)
    assert ranking.slates == 240
    assert ranking.cautions == ("words gave no probabilities and ranks nothing.",)
    with pytest.raises(DataError, match="No click model gave a probability"):
        rank_recommenders(scores, log, {"words": nothing})


def test_slates_are_moments_or_users() -> None:
    user = np.array([0, 0, 0, 1, 1, 1])
    clicked = np.array([True, False, True, False, True, False])
    slate, kind = slates_of(labelled(user, np.array([4, 4, 7, 9, 9, 8]), clicked))
    assert (slate.tolist(), kind) == ([0, 0, 1, 3, 3, 2], "moment")
    alone = labelled(user, np.array([4, 4, 7, 9, 10, 8]), clicked)
    slate, kind = slates_of(alone)
    assert (slate.tolist(), kind) == ([0, 0, 0, 1, 1, 1], "user")
    ranking = rank_recommenders(
        {"a": np.arange(6.0), "b": -np.arange(6.0)}, alone, {"m": np.full(6, 0.5)}
    )
    assert ranking.slates == 2
    assert "all of a user's judged exposures" in ranking.cautions[0]
    assert "Only 2 users" in ranking.cautions[1]
    assert "does not tell its best recommender" in ranking.cautions[2]


def test_picks_are_the_best_of_each_slate() -> None:
    draws = np.random.default_rng(9)
    slate = draws.integers(0, 40, 300)
    score, order = draws.integers(0, 4, 300).astype(float), draws.random(300)
    for k in (1, 3, 50):
        expected = [
            row
            for s in range(40)
            for row in sorted(np.flatnonzero(slate == s), key=lambda r: (-score[r], -order[r]))[:k]
        ]
        assert picks(slate, score, order, k).tolist() == sorted(expected)
    assert len(np.unique(tie_order(logged(0)[0], 0))) == 1200


@pytest.mark.parametrize(
    ("scores", "models", "k", "words"),
    [
        ({"a": np.zeros(8)}, {"m": np.zeros(8)}, 1, "two recommenders"),
        ({"a": np.zeros(8), "b": np.zeros(8)}, {}, 1, "one click model"),
        ({"a": np.zeros(8), "b": np.zeros(8)}, {"log": np.zeros(8)}, 1, "none called 'log'"),
        ({"a": np.zeros(8), "b": np.zeros(8)}, {"m": np.zeros(8)}, 0, "k >= 1"),
        ({"a": np.zeros(8), "b": np.zeros(7)}, {"m": np.zeros(8)}, 1, "'b' has 7 values for 8"),
        ({"a": np.zeros(8), "b": np.zeros(8)}, {"b": np.zeros(3)}, 1, "'b' has 3 values for 8"),
        ({"a": np.zeros(8), "b": np.full(8, np.nan)}, {"m": np.zeros(8)}, 1, "'b' scored row 0"),
        ({"a": np.zeros(8), "b": np.zeros(8)}, {"m": np.full(8, 2.0)}, 1, r"'m' .* \[0, 1\]"),
    ],
)
def test_bad_input_is_named(
    scores: dict[str, FloatArray], models: dict[str, FloatArray], k: int, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        rank_recommenders(scores, by_hand()[0], models, k=k)


def test_a_log_without_a_choice_is_refused() -> None:
    log, scores, p = by_hand()
    with pytest.raises(DataError, match="No slate of this log has more than 3"):
        rank_recommenders(scores, log, {"model": p}, k=3)
    few = np.array([0.5, np.nan, np.nan, 0.5, 0.5, 0.5, np.nan, np.nan])
    with pytest.raises(DataError, match="more than 1 answered rows"):
        rank_recommenders(scores, log, {"model": few})
