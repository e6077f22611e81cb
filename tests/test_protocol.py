"""Protocols: presets, overrides, and the rules of the released code that the loop knows."""

import numpy as np
import pytest

from recommender import IPG
from simulator.clicks import DistributionClicks
from simulator.config import RunConfig
from simulator.domain import Dataset, Exposures, Ragged, Vectors
from simulator.errors import ConfigError, UnknownNameError
from simulator.interfaces import RoundView
from simulator.preference import FixedWeight, StillOnArrival
from simulator.protocol import PRESETS, NudgingProtocol
from simulator.session import simulate


def test_presets_differ_from_fair_in_named_fields_only() -> None:
    for name, fields in PRESETS.items():
        protocol = NudgingProtocol.preset(name)
        changed = {
            field
            for field in NudgingProtocol.model_fields
            if getattr(protocol, field) != getattr(NudgingProtocol(), field)
        }
        assert changed == set(fields)


def test_a_protocol_is_a_name_or_a_table_over_one() -> None:
    assert RunConfig.read(None, {"protocol": "paper"}).protocol == NudgingProtocol.preset("paper")
    table = {"preset": "released-code", "rank_cap": None}
    protocol = RunConfig.model_validate({"protocol": table}).protocol
    assert protocol == NudgingProtocol.preset("released-code", rank_cap=None)
    with pytest.raises(UnknownNameError, match="Did you mean 'released-code'"):
        RunConfig.read(None, {"protocol": "released"})
    with pytest.raises(UnknownNameError, match=r"protocol.arrive.*Did you mean 'arrived'"):
        RunConfig.read(None, {"protocol.arrive": "still"})
    with pytest.raises(ConfigError, match="rank_cap"):
        RunConfig.read(None, {"protocol.rank_cap": 1})


def test_users_who_have_their_target_stand_still() -> None:
    view = RoundView(
        round=2,
        seed=0,
        user=np.arange(3, dtype=np.int32),
        target=np.array([4, 4, 2], dtype=np.int32),
        history=Ragged.from_rows([[1, 4], [2], [2]]),
        seen=np.zeros((3, 5), dtype=bool),
    )
    kept = StillOnArrival(FixedWeight(0.6)).kept_weight(view)
    assert kept.tolist() == pytest.approx([1.0, 0.6, 1.0])


def test_shared_draws_are_the_same_for_every_target(data: Dataset, vectors: Vectors) -> None:
    targets = np.array([3, 9], dtype=np.int32)
    shared, apart = (
        simulate(
            data, IPG(vectors), DistributionClicks(), rounds=2, targets=targets, draws=draws
        ).exposures.pivot_table(index=["user", "round"], columns="target", values="draw")
        for draws in ("shared", "by target")
    )
    assert (shared[3] == shared[9]).all()
    assert not (apart[3] == apart[9]).any()


def test_click_noise_is_one_number_for_each_target() -> None:
    target = np.array([5, 5, 6], dtype=np.int32)
    shown = Exposures(
        user=np.arange(3, dtype=np.int32),
        item=np.zeros(3, dtype=np.int32),
        target=target,
        round=np.ones(3, dtype=np.int32),
        position=np.zeros(3, dtype=np.int32),
        history=Ragged.empty(3),
        draw=np.full(3, 0.5),
        user_vectors=np.ones((3, 2), dtype=np.float32),
        item_vectors=np.ones((3, 2), dtype=np.float32),
    )
    without = DistributionClicks(1, 0.8).decide(shown).probability
    added = DistributionClicks(1, 0.8, noise=0.01).decide(shown).probability - without
    assert added[0] == added[1] != added[2]
    assert ((added >= 0) & (added <= 0.01)).all()
    sure = DistributionClicks(100, 0.0, noise=1.0).decide(shown)
    assert (sure.probability <= 1).all()
    with pytest.raises(ConfigError, match="noise"):
        DistributionClicks(noise=2.0)


def test_a_protocol_is_described_by_the_nearest_preset() -> None:
    assert NudgingProtocol.preset("released-code").describe() == "released-code"
    assert NudgingProtocol.preset("paper", click_noise=0.1).describe() == "paper (click_noise=0.1)"
