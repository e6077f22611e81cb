"""A tiny training run, from the log to a folder that an engine loads."""

import json
from dataclasses import replace

import numpy as np
import pytest

from simulator.data.demo import DemoSplit, demo_split, load_demo
from simulator.training import POCKET, train_pocket

SETTINGS = replace(
    POCKET,
    epochs=0.5,
    bare_steps=110,
    favourite_steps=5,
    batch_decisions=160,
    network=replace(POCKET.network, layers=2),
    warm_up=0.1,
    threads=1,
)


@pytest.mark.slow
def test_loss_falls_and_the_checkpoint_loads(tmp_path):
    world, (train, held_out) = load_demo(), demo_split()
    steps = []
    report = train_pocket(
        world,
        tmp_path,
        SETTINGS,
        split=DemoSplit(train[:60], held_out[:10]),
        progress=steps.append,
    )
    assert [step.step for step in steps] == list(range(1, report.training.steps + 1))
    easy = [step.click_loss for step in steps[: SETTINGS.bare_steps]]
    assert np.mean(easy[-25:]) < np.mean(easy[:25]) - 0.03
    assert report.smallest_mass > 0.5
    written = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert written["held_out"]["decisions"] == 10 * 80
    assert "pocket agent" in (tmp_path / "README.md").read_text(encoding="utf-8")

    from simulator.engines.transformers_local import TransformersEngine
    from simulator.interfaces import Prompt

    answers = TransformersEngine(tmp_path).label_probabilities(
        [Prompt("", "Watched so far: nothing yet.\n", "Answer:")], ("yes", "no")
    )
    assert answers.probabilities.sum() == pytest.approx(1)
