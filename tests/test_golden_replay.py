"""The released code's recorded runs, played again through our loop: 377,200 rows for each method.

The recorded clicks are given back; what we show, keep, rate and rank must be what was recorded.
"""

import numpy as np
import pytest
from golden_runs import PROTOCOL, Golden, Recorded, Remembered, folder, load_golden

from evals.metrics import increase_of_interest, increase_of_rank
from recommender import IPG, Arousal, ITMPRec, NextItem
from simulator.domain import Dataset
from simulator.interfaces import PreferenceEvolution, Recommender
from simulator.preference import FixedWeight, StillOnArrival
from simulator.session import simulate

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


@pytest.fixture(scope="module")
def golden(ml_100k: Dataset) -> Golden:
    if not folder().is_dir():
        pytest.skip("the recorded runs are not at hand")
    return load_golden(ml_100k)


def recommender_of(method: str, golden: Golden) -> Recommender:
    if method == "sasrec":
        return NextItem(golden.model)
    if method == "ipg":
        return IPG(
            golden.vectors,
            representation=golden.model,
            liking=PROTOCOL.liking,
            nudge=PROTOCOL.nudge,
        )
    return ITMPRec(
        golden.vectors,
        intentions=golden.intentions,
        representation=golden.model,
        liking=PROTOCOL.liking,
        nudge=PROTOCOL.nudge,
    )


@pytest.mark.parametrize("method", ["sasrec", "ipg", "itmprec"])
def test_a_recorded_run_replays(method: str, golden: Golden) -> None:
    recorded = Recorded.load(method)
    n_targets, n_users, rounds = recorded.rec.shape
    arousal = Remembered(
        Arousal(
            golden.vectors,
            representation=golden.model,
            floor=PROTOCOL.arousal_floor,
            decimals=PROTOCOL.weight_decimals,
        )
    )
    moving: PreferenceEvolution = arousal if method == "itmprec" else FixedWeight(0.8)
    run = simulate(
        golden.data,
        recommender_of(method, golden),
        recorded,
        rounds=rounds,
        targets=recorded.targets.astype(np.int32),
        vectors=golden.vectors,
        evolution=StillOnArrival(moving),
        draws=PROTOCOL.draws,
        config={"protocol": PROTOCOL.model_dump()},
    )

    def as_recorded(column: str) -> np.ndarray:
        """The log in the recording's order, target by target, shape (targets, users, rounds)."""
        return run.exposures[column].to_numpy().reshape(rounds, n_users, n_targets).T

    def before_the_click(column: str) -> np.ndarray:
        start = run.episodes[column].to_numpy().reshape(1, n_users, n_targets).T
        return np.concatenate([start, as_recorded(column)[:, :, :-1]], axis=2)

    assert (as_recorded("clicked") == recorded.click).all()
    same_item = as_recorded("item") == recorded.rec
    assert same_item.mean() >= 0.999
    rating = before_the_click("similarity")
    assert (np.abs(rating - recorded.rating) <= 1e-4).mean() >= 0.999
    known = run.episodes["known"].to_numpy().reshape(1, n_users, n_targets).T
    rank = np.where(known, 0, np.minimum(before_the_click("rank"), PROTOCOL.rank_cap - 1))
    assert (rank == recorded.rank).mean() >= 0.999
    if method == "itmprec":
        kept = np.concatenate(arousal.kept).reshape(rounds, n_users, n_targets).T
        assert (np.abs(kept - recorded.coef) < 5e-4).mean() >= 0.999

    # The figures that the released code would print, from its own recording and from our log.
    interest = (recorded.rating[:, :, -1] - recorded.rating[:, :, 0]).mean()
    assert increase_of_interest(run)[rounds].mean() == pytest.approx(interest, abs=1e-4)
    climbed = recorded.rank[:, :, 0].astype(float) - recorded.rank[:, :, -1]
    assert increase_of_rank(run)[rounds].mean() == pytest.approx(climbed.mean(), abs=0.05)
