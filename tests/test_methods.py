"""Every recommender by name, under every protocol, from training to a run's figures."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from evals.metrics import curves, measurement_of
from recommender import PresentPreference
from recommender.sequence.right_padded import RightPadded
from simulator.config import RecommenderName, RunConfig
from simulator.domain import Dataset, Vectors
from simulator.engines.scripted import ScriptedEngine
from simulator.experiment import World, run_experiment
from simulator.experiment.parts import make_evolution, make_recommender
from simulator.experiment.planners import llm_ipp
from simulator.preference import FixedWeight, StillOnArrival
from simulator.protocol import PRESETS

WIDTH = 8


def nothing(_: str) -> None:
    """Say nothing."""


def config_of(**settings: object) -> RunConfig:
    small = {
        "clicks": "distribution",
        "distribution": {"preset": "released-code"},
        "rounds": 3,
        "vectors": {"dimension": WIDTH},
        "nudge": {"intentions": 4},
    }
    return RunConfig.model_validate({**small, **settings})


@pytest.fixture
def world(data: Dataset, vectors: Vectors) -> World:
    users, targets = np.arange(20, dtype=np.int32), np.array([3, 40], dtype=np.int32)
    return World(data, vectors, vectors, users, targets)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*get_args(RecommenderName)} - {"llm-ipp"}))
def test_every_method_plays_and_repeats(name: str, world: World, tmp_path: Path) -> None:
    config = config_of(recommender=name)
    said: list[str] = []
    first = run_experiment(config, tmp_path / "first", world=world, say=said.append)
    n_trained = sum("training" in line for line in said)
    again = run_experiment(config, tmp_path / "again", world=world, say=said.append)
    assert len(first.exposures) == 3 * 2 * 20
    assert first.exposures.equals(again.exposures)
    assert sum("training" in line for line in said) == n_trained, "what is cached trains once"
    # Nothing in the history is shown, and nothing twice.
    for (user, _), shown in first.exposures.groupby(["user", "target"])["item"]:
        assert shown.is_unique
        assert not set(shown) & set(world.data.interactions.histories[user].tolist())


@pytest.mark.slow
@pytest.mark.parametrize("protocol", sorted(PRESETS))
def test_every_protocol_plays_and_measures_itself(
    protocol: str, world: World, tmp_path: Path
) -> None:
    run = run_experiment(config_of(protocol=protocol), tmp_path / "run", world=world)
    assert run.manifest["config"]["protocol"]["measured"] == measurement_of(run).measured
    assert set(curves(run)) == {"HR", "IoI", "IoR"}
    assert run.manifest["config"]["draws"] == (
        "shared" if protocol == "released-code" else "by target"
    )


@pytest.mark.slow
def test_the_released_code_scores_with_one_model_whatever_the_name(world: World) -> None:
    sasrec, ipg = (
        make_recommender(config_of(recommender=name, protocol="released-code"), world, nothing)
        for name in ("sasrec", "ipg")
    )
    assert isinstance(sasrec.representation, RightPadded)
    assert sasrec.representation.model is ipg.representation.model
    own = make_recommender(config_of(recommender="sasrec"), world, nothing)
    assert own.representation is not sasrec.representation.model


def test_an_ablation_leaves_its_part_out(world: World) -> None:
    for part, recommender, protocol in (
        ("intention", "itmprec", "fair"),
        ("arousal", "itmprec", "fair"),
    ):
        config = config_of(recommender=recommender, protocol=protocol, without=[part])
        assert make_recommender(config, world, nothing).intention_weight == (
            0.0 if part == "intention" else 1.0
        )
        fixed = isinstance(make_evolution(config, world, nothing), FixedWeight)
        assert fixed == (part == "arousal")


def test_who_moves_by_arousal_is_the_protocols_to_say(world: World) -> None:
    for protocol, recommender, by_arousal in (
        ("fair", "ipg", True),
        ("paper", "ipg", False),
        ("paper", "itmprec", True),
    ):
        config = config_of(recommender=recommender, protocol=protocol)
        evolution = make_evolution(config, world, nothing)
        assert isinstance(evolution, FixedWeight) != by_arousal
    still = {"preset": "fair", "arrived": "still"}
    evolution = make_evolution(config_of(protocol=still), world, nothing)
    assert isinstance(evolution, StillOnArrival)


def test_llm_ipp_shows_the_titles_that_the_model_wrote(world: World) -> None:
    catalogue = world.data.catalogue
    unseen = np.flatnonzero(
        ~world.data.interactions.histories.mask(len(catalogue))[:20].any(axis=0)
    )[:3]
    text = "\n".join(f"{place}. {catalogue.titles[row]}" for place, row in enumerate(unseen, 1))
    engine = ScriptedEngine(text=lambda _: text)
    planner = llm_ipp(config_of(recommender="llm-ipp"), world, engine)
    paths = planner.paths(np.array([0, 1], dtype=np.int32), np.array([3, 40], dtype=np.int32))
    assert paths.tolist() == [unseen.tolist()] * 2
    assert isinstance(planner.beyond.representation, PresentPreference)
