"""Which run directories a run may go on in, and what it adds to their cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recommender import RandomItems
from simulator.clicks import DistributionClicks
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.errors import RunError
from simulator.interfaces import RoundView
from simulator.runlog import Run
from simulator.session import simulate

CLICKS = DistributionClicks(w=5.0, b=0.1)


def play(
    data: Dataset,
    vectors: Vectors,
    out: Path,
    *,
    first_user: int = 0,
    beside: DistributionClicks = CLICKS,
) -> Run:
    return simulate(
        data,
        RandomItems(),
        CLICKS,
        rounds=2,
        users=np.arange(first_user, first_user + 5),
        targets=np.array([3, 17]),
        vectors=vectors,
        beside={"other": beside},
        out=out,
    )


def test_a_run_goes_on_only_with_its_own_users_and_vectors(
    data: Dataset, vectors: Vectors, tmp_path: Path
) -> None:
    play(data, vectors, tmp_path)
    assert play(data, vectors, tmp_path).rounds == 2
    with pytest.raises(RunError, match="other users"):
        play(data, vectors, tmp_path, first_user=5)
    with pytest.raises(RunError, match="other users, targets or vectors"):
        play(data, Vectors(-vectors.user, vectors.item), tmp_path)


def test_a_run_goes_on_only_beside_the_same_models(
    data: Dataset, vectors: Vectors, tmp_path: Path
) -> None:
    play(data, vectors, tmp_path)
    with pytest.raises(RunError, match=r"beside = .*w=5\.0.*not .*w=1\.0"):
        play(data, vectors, tmp_path, beside=DistributionClicks(w=1.0, b=0.8))


class Counting:
    """Decides like the distribution model, and counts since its making."""

    def __init__(self) -> None:
        self.calls = 0

    def decide(self, shown: Exposures) -> Clicks:
        self.calls += 1
        return CLICKS.decide(shown)

    def usage(self) -> Mapping[str, float]:
        return {"calls": self.calls}


def test_a_model_that_serves_two_runs_is_charged_to_each_once(
    data: Dataset, vectors: Vectors, tmp_path: Path
) -> None:
    clicks = Counting()
    for out in (None, tmp_path / "first", tmp_path / "second"):
        run = simulate(data, RandomItems(), clicks, rounds=2, vectors=vectors, out=out)
        assert run.cost["calls"] == 2


def test_a_run_goes_on_only_on_the_same_data(
    data: Dataset, vectors: Vectors, tmp_path: Path
) -> None:
    play(data, vectors, tmp_path)
    titles = ["Another film", *data.catalogue.titles[1:]]
    renamed = replace(data, catalogue=replace(data.catalogue, titles=titles))
    with pytest.raises(RunError, match="data_sha256"):
        play(renamed, vectors, tmp_path)


class Learning(RandomItems):
    """Shows what the rounds so far add up to, and forgets nothing."""

    def __init__(self) -> None:
        self.sum = 0
        self.rounds: list[int] = []

    def learn(self, user: np.ndarray, shown: np.ndarray, clicked: np.ndarray) -> None:
        assert shown.shape == clicked.shape == (len(user), shown.shape[1], 1)
        with pytest.raises(ValueError, match="read-only"):
            shown[0] = 0
        self.rounds.append(shown.shape[1])
        self.sum = int((shown * (1 + clicked)).sum())

    def recommend(self, view: RoundView) -> np.ndarray:
        unseen = np.where(view.seen, -1, (np.arange(view.seen.shape[1]) + self.sum) % 60)
        return unseen.argmax(axis=1)


def test_a_recommender_that_learns_goes_on_where_it_was(
    data: Dataset, vectors: Vectors, tmp_path: Path
) -> None:
    class Stopping(Learning):
        def recommend(self, view: RoundView) -> np.ndarray:
            if view.round == 4:
                raise KeyboardInterrupt
            return super().recommend(view)

    def run(recommender: Learning, name: str) -> Run:
        return simulate(data, recommender, CLICKS, rounds=5, vectors=vectors, out=tmp_path / name)

    whole = Learning()
    expected = run(whole, "whole")
    assert whole.rounds == [1, 2, 3, 4]
    with pytest.raises(KeyboardInterrupt):
        run(Stopping(), "parts")
    resumed = Learning()
    # The manifest names the class, and this is another.
    (tmp_path / "parts" / "manifest.json").write_text(
        (tmp_path / "whole" / "manifest.json").read_text()
    )
    assert run(resumed, "parts").exposures.equals(expected.exposures)
    assert resumed.rounds == [3, 4]
