"""The cheap model where it is sure, the agent where it is not, and what is reported of both."""

from __future__ import annotations

import numpy as np
import pytest

from evals.summary import summarise
from recommender import RandomItems
from simulator.clicks import Cascade, DistributionClicks, Fallback
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.errors import ConfigError
from simulator.session import simulate

CHEAP = DistributionClicks(w=5.0, b=0.1)


class Counting:
    """An agent that always clicks, and remembers which rows it was asked."""

    def __init__(self, failure: str = "") -> None:
        self.failure = failure
        self.asked: list[Exposures] = []

    def decide(self, shown: Exposures) -> Clicks:
        self.asked.append(shown)
        n = len(shown)
        return Clicks.of(
            np.ones(n, dtype=bool),
            source="" if self.failure else "agent",
            probability=np.ones(n, dtype=np.float32),
            failure=self.failure,
        )


def exposures(data: Dataset, vectors: Vectors, times: int = 1) -> Exposures:
    rows = np.repeat(np.arange(len(data.log or [])), times)
    return data.logged_exposures(rows).with_vectors(vectors)


def test_the_agent_decides_inside_the_band_alone(data: Dataset, vectors: Vectors) -> None:
    shown = exposures(data, vectors)
    cheap, agent = CHEAP.decide(shown), Counting()
    clicks = Cascade(CHEAP, agent, band=(0.3, 0.7), audit=0).decide(shown)
    inside = (cheap.probability >= 0.3) & (cheap.probability <= 0.7)
    assert 0 < inside.sum() < len(shown)
    assert np.array_equal(clicks.source == "agent", inside)
    assert clicks.clicked[inside].all()
    assert np.array_equal(clicks.clicked[~inside], cheap.clicked[~inside])
    assert np.array_equal(agent.asked[0].item, shown.item[inside])


def test_an_empty_band_asks_nobody_and_a_full_one_everybody(
    data: Dataset, vectors: Vectors
) -> None:
    shown = exposures(data, vectors)
    agent = Counting()
    clicks = Cascade(CHEAP, agent, band=(1, 1), audit=0).decide(shown)
    assert not agent.asked
    assert set(clicks.source) == {"distribution"}
    assert set(Cascade(CHEAP, agent, band=(0, 1)).decide(shown).source) == {"agent"}


def test_the_audit_is_a_fair_share_that_does_not_depend_on_the_batch(
    data: Dataset, vectors: Vectors
) -> None:
    shown = exposures(data, vectors, times=30)
    rounds = np.arange(len(shown), dtype=np.int32)
    shown = Exposures(**{**shown.__dict__, "round": rounds})
    cascade = Cascade(CHEAP, Counting(), band=(1, 1), audit=0.2, seed=4)
    audited = cascade.decide(shown).source == "agent"
    assert audited.mean() == pytest.approx(0.2, abs=0.03)
    parts = [cascade.decide(shown.take(part)) for part in np.array_split(rounds, 7)]
    assert np.array_equal(np.concatenate([part.source == "agent" for part in parts]), audited)
    other = Cascade(CHEAP, Counting(), band=(1, 1), audit=0.2, seed=5).decide(shown)
    assert not np.array_equal(other.source == "agent", audited)


def test_what_the_agent_fails_is_on_record(data: Dataset, vectors: Vectors) -> None:
    shown = exposures(data, vectors)
    failing = Counting(failure="no answer")
    alone = Cascade(CHEAP, failing, band=(0, 1)).decide(shown)
    assert alone.undecided.all()
    backed = Cascade(CHEAP, Fallback(failing, CHEAP), band=(0, 1)).decide(shown)
    assert not backed.undecided.any()
    assert set(backed.failure) == {"no answer"}


def test_numbers_out_of_range_are_named(data: Dataset, vectors: Vectors) -> None:
    with pytest.raises(ConfigError, match="rising numbers"):
        Cascade(CHEAP, Counting(), band=(0.7, 0.3))
    with pytest.raises(ConfigError, match="audit = 2"):
        Cascade(CHEAP, Counting(), band=(0, 1), audit=2)

    class Silent:
        def decide(self, shown: Exposures) -> Clicks:
            return Clicks.of(np.zeros(len(shown), dtype=bool), source="silent")

    with pytest.raises(ConfigError, match=r"Silent gave no probability in .* rows"):
        Cascade(Silent(), Counting(), band=(0, 1)).decide(exposures(data, vectors))


def test_the_summary_tells_share_and_agreement(data: Dataset, vectors: Vectors) -> None:
    run = simulate(
        data,
        RandomItems(),
        Cascade(CHEAP, Counting(), band=(0.3, 0.7), audit=0.1),
        rounds=5,
        vectors=vectors,
        beside={"distribution": CHEAP},
        config={"cascade": {"cheap": "distribution", "band": [0.3, 0.7], "audit": 0.1}},
    )
    told = summarise(run)["cascade"]
    rows = run.exposures
    cheap = rows["distribution:probability"]
    inside, asked = (cheap >= 0.3) & (cheap <= 0.7), rows["source"] == "agent"
    assert told["share_in_band"] == pytest.approx(inside.mean(), abs=1e-6)
    assert told["share_asked"] == pytest.approx(asked.mean(), abs=1e-6)
    assert told["outside_band"]["exposures"] == (asked & ~inside).sum() > 0
    # This agent always clicks, so it agrees wherever the cheap model clicks.
    agreed = rows.loc[inside, "distribution:clicked"].mean()
    assert told["in_band"]["agreement"] == pytest.approx(agreed, abs=1e-6)
    assert "cascade" not in summarise(
        simulate(data, RandomItems(), CHEAP, rounds=1, vectors=vectors)
    )
