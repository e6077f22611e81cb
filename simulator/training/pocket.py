"""The pocket agent: settings for the demo world, where the truth is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from prompts import load_template
from simulator.data.demo import DemoSplit, demo_split, true_click_probability
from simulator.domain import Dataset
from simulator.engines.hub import load_causal_model, load_encoder
from simulator.engines.models import resolve_model
from simulator.engines.trained_files import REPORT
from simulator.errors import DataError
from simulator.files import write_text
from simulator.training.agent import train_agent
from simulator.training.evaluation import Quality, predict, share_of_the_way
from simulator.training.pocket_card import pocket_card
from simulator.training.progress import Progress
from simulator.training.reading import Reader
from simulator.training.report import TrainingReport
from simulator.training.settings import NetworkSettings, TrainingSettings, Variety
from simulator.training.wording import Wording

POCKET = TrainingSettings(
    epochs=9.0,
    seed=7,
    templates=("movies/click-en", "movies/click-zh"),
    main_share=0.92,
    slates=3,
    bare_steps=200,
    favourite_steps=60,
    variety=Variety(examples=0.3, short_history=0.3, strange_titles=0.2, no_categories=0.04),
    batch_decisions=384,
    batch_tokens=65_536,
    learning_rate=3e-3,
    warm_up=0.04,
    stop_share=0.0,
    network=NetworkSettings(
        vocabulary=2048, whole_titles=False, hidden=64, layers=3, feed_forward=128
    ),
)
"""What made the shipped checkpoint, up to the order in which its lessons were drawn."""


@dataclass(frozen=True)
class PocketReport:
    """What came out; written beside the checkpoint as training.json.

    Attributes:
        training: How it was trained.
        held_out: The agent on the held-out users' log, each row with the history of its moment.
        truth: The true probabilities on the same rows: the best that any model can do.
        share: How far the agent's AUC gets from 0.5 to the truth's.
        smallest_mass: The least total probability of the two labels over those rows.
    """

    training: TrainingReport
    held_out: Quality
    truth: Quality
    share: float
    smallest_mass: float


def train_pocket(
    dataset: Dataset,
    out: Path,
    settings: TrainingSettings = POCKET,
    *,
    split: DemoSplit | None = None,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[Progress], None] | None = None,
) -> PocketReport:
    """Train the pocket agent on the demo world, and hold it against the truth.

    Args:
        dataset: The demo world (`simulator.data.demo.load_demo`).
        out: Folder of the new checkpoint, as of `train_agent`.
        settings: The shipped checkpoint's by default.
        split: Training and held-out users; `demo_split()` by default.
        say: As of `train_agent`.
        progress: Called after each step.

    Raises:
        DataError: If the data set is not the demo world, whose truth the report needs.
        NudgesimError: What `train_agent` raises.
    """
    if dataset.name != "demo" or dataset.log is None:
        raise DataError(
            f"The pocket agent is trained on the demo world, not on {dataset.name!r}; "
            "pass load_demo()."
        )
    split = split or demo_split()
    training = train_agent(settings, dataset, out, split=split, say=say, progress=progress)
    model = resolve_model(out)
    reader = Reader(load_causal_model(model, dtype=torch.float32).eval())
    wording = Wording(load_template(settings.templates[0]), dataset.catalogue, load_encoder(model))
    probability, mass, rows = predict(reader, wording, dataset, split.held_out)
    clicked = dataset.log.clicked[rows]
    truth = Quality.of(
        true_click_probability(
            dataset.log.user[rows], dataset.log.item[rows], seed=int(dataset.source["seed"])
        ),
        clicked,
    )
    held_out = Quality.of(probability, clicked)
    report = PocketReport(
        training=training,
        held_out=held_out,
        truth=truth,
        share=share_of_the_way(held_out.auc, truth.auc),
        smallest_mass=float(mass.min()),
    )
    write_text(out / "README.md", pocket_card(report))
    write_text(out / REPORT, json.dumps(asdict(report), indent=2) + "\n")
    return report
