"""The shipped checkpoint: its form, its answers, and its quality on held-out users."""

import json
from pathlib import Path

import numpy as np
import pytest

import simulator
from prompts import load_template, shipped_examples
from simulator.clicks import AgentClicks
from simulator.data.demo import demo_split, load_demo, true_click_probability
from simulator.domain import Catalogue, Exposures, Ragged
from simulator.seeding import sample_rows
from simulator.training import Quality, share_of_the_way

FOLDER = Path(simulator.__file__).parent / "engines" / "pocket"


@pytest.fixture(scope="module")
def engine():
    from simulator.engines.transformers_local import TransformersEngine

    return TransformersEngine("pocket")


@pytest.fixture(scope="module")
def world():
    return load_demo()


def _shown(history, items, catalogue):
    n = len(items)
    zeros = np.zeros(n, dtype=np.int32)
    return Exposures(
        user=zeros,
        item=np.asarray(items, dtype=np.int32),
        target=zeros - 1,
        round=zeros + 1,
        position=zeros,
        history=Ragged.from_rows([history] * n),
        draw=np.full(n, 0.5),
        catalogue=catalogue,
    )


def test_folder_is_small_and_whole():
    names = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "README.md",
        "training.json",
    } <= names
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 5_000_000


def test_card_and_figures_agree():
    report = json.loads((FOLDER / "training.json").read_text(encoding="utf-8"))
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"| pocket agent | {report['held_out']['auc']:.3f} |" in card
    assert report["share"] >= 0.85
    assert report["smallest_mass"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("few_shot", [False, True])
def test_goes_most_of_the_way_from_chance_to_the_truth(engine, world, few_shot):
    """A fixed sample of slates; `evals/benchmarks/pocket.py` has the whole figure."""
    slates = np.flatnonzero(np.isin(world.log.user, demo_split().held_out)).reshape(-1, 8)
    rows = slates[sample_rows(0, "test pocket", len(slates), 150)].ravel()
    shown, clicked = world.logged_exposures(rows), world.log.clicked[rows]
    template = load_template("movies/click-en")
    examples = shipped_examples(template) if few_shot else ()
    answers = AgentClicks(engine, template, examples=examples).decide(shown)
    assert not answers.undecided.any()
    truth = Quality.of(true_click_probability(shown.user, shown.item), clicked)
    found = Quality.of(answers.probability.astype(np.float64), clicked)
    assert share_of_the_way(found.auc, truth.auc) > 0.82  # 0.85 on all; the sample's error is 0.02
    assert found.log_loss < truth.log_loss + 0.04
    assert abs(found.mean_probability - found.click_rate) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", ["movies/click-en", "movies/click-zh"])
def test_unknown_titles_are_judged_by_their_genres(engine, name):
    lines = [
        ("Qwxyz Avenger (1991)", ("Action", "Sci-Fi")),
        ("Bloop (1988)", ("Action", "Adventure")),
        ("Zorblax Returns (1994)", ("Adventure", "Sci-Fi")),
        ("Nebula Fist (1997)", ("Action", "Adventure", "Sci-Fi")),
        ("Unheard Of (1992)", ("Action", "Adventure", "Sci-Fi")),
        ("Never Shown (1993)", ("Drama", "War")),
        ("Nobody Knows It (1990)", ("Comedy", "Romance")),
    ]
    titles, categories = zip(*lines, strict=True)
    catalogue = Catalogue([str(k) for k in range(7)], titles, categories, domain="movies")
    agent = AgentClicks(engine, load_template(name))
    action, drama, romance = agent.decide(_shown([0, 1, 2, 3], [4, 5, 6], catalogue)).probability
    assert action > drama + 0.15
    assert action > romance + 0.15


@pytest.mark.slow
def test_writes_a_label_and_ends(engine, world):
    shown = world.logged_exposures(np.arange(0, 4_000, 200))
    agent = AgentClicks(engine, load_template("movies/click-en"), mode="text")
    answers = agent.decide(shown)
    assert not answers.undecided.any()
    assert 0 < answers.clicked.mean() < 1
