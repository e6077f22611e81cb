"""From a data set's log to a folder that any engine loads: an agent that has learnt its users."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch

from prompts import Template
from simulator.clicks.calibration import (
    AskedAgent,
    FittedCalibration,
    Origin,
    Platt,
    save_calibration,
)
from simulator.domain import Dataset, IntArray
from simulator.engines.hub import revision_of
from simulator.engines.trained_files import CALIBRATION, REPORT, TEMPLATE
from simulator.errors import DataError
from simulator.files import remove_leftovers, write_text
from simulator.manifest import data_sha256
from simulator.run_lock import only_writer
from simulator.training.base_model import (
    half_precision,
    save_model,
)
from simulator.training.checkpoint import Checkpoint
from simulator.training.checks import (
    check_folder,
    memory_errors,
)
from simulator.training.evaluation import Quality
from simulator.training.looking import Asking, Look
from simulator.training.model_card import model_card
from simulator.training.negatives import TrainingLog
from simulator.training.preparation import Preparation
from simulator.training.progress import Outcome, Progress
from simulator.training.reading import Reader
from simulator.training.report import TrainingReport
from simulator.training.settings import TrainingSettings
from simulator.training.through_trl import train_through_trl
from simulator.training.trainer import Trainer


def train_agent(
    settings: TrainingSettings,
    data: Dataset,
    out: Path,
    *,
    split: tuple[IntArray, IntArray],
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[Progress], None] | None = None,
) -> TrainingReport:
    """Train an agent on the log of the training users, and write it.

    Each decision is learnt from the prompt that it will be asked with: the same template, the
    history of its moment, the model's own chat format. A user's prompts go through the network as
    one tree, so that a history is computed once. If `out` holds a checkpoint of the same training,
    that is gone on with, and ends in the very same weights on the same machine.

    Args:
        settings: What to start from and how to go on.
        data: With a log of clicks and no-clicks, or without one; then no-clicks are drawn.
        out: Folder of the new model: weights, tokenizer, template, calibration.json, model card,
            training.json.
        split: Training users, and those held out for evaluation, who must not be among them;
            `simulator.experiment.split.users_split` has those that every evaluation holds out.
        say: Told what is going on, a line at a time.
        progress: Called after each step.

    Raises:
        ConfigError: If users are in both parts of the split, the folder holds another training, or
            a setting is out of range.
        DataError: If the log of the training users has clicks only, or no-clicks only.
        EngineError: If the base cannot be loaded, or memory does not suffice.
        LabelError: If the template's labels are not single tokens of the base.
        RunError: If another process or thread is training into `out`.
    """
    with only_writer(out):
        return _train(settings, data, out, split, say, progress)


def _train(
    settings: TrainingSettings,
    data: Dataset,
    out: Path,
    split: tuple[IntArray, IntArray],
    say: Callable[[str], None],
    progress: Callable[[Progress], None] | None,
) -> TrainingReport:
    if settings.threads:
        torch.set_num_threads(settings.threads)
    check_folder(out)
    remove_leftovers(out)
    prepared = Preparation.of(settings, data, split)
    base, log, stoppers = prepared.base, prepared.log, prepared.stoppers
    checkpoint = Checkpoint(out, prepared.digest())
    reader = Reader(
        base.network,
        packed=None if settings.loss == "bce" else False,
        precision=half_precision(base.network.device),
    )
    for line in prepared.facts():
        say(line)
    if not reader.packed and settings.loss == "bce":
        say(f"{base.name} reads whole prompts only, so each candidate's history is computed anew")
    main = prepared.wordings[0]
    ask = Asking(main, log, stoppers, prepared.personas, settings.batch_tokens)
    with memory_errors(settings):
        if settings.loss == "bce":
            look = partial(ask.on_the_way, reader) if len(stoppers) else None
            trainer = Trainer(
                reader, prepared.plan, settings, offset=log.offset, look=look, checkpoint=checkpoint
            )
            mass = trainer.rehearse()
            say(f"rehearsed a step: it fits; the labels hold {mass:.0%} of the probability so far")
            outcome = trainer.train(progress)
        else:
            outcome = train_through_trl(base.trained, prepared.plan, settings, progress)
        reader.give_back()
        save_model(base, out)
        # What is written is looked at: rounded, merged and loaded as an engine loads it.
        seen = ask.written(out, base.network.device) if len(stoppers) else None
    write_text(out / TEMPLATE, main.template.text)
    calibrated = None
    if seen is not None and log.offset is None:
        try:
            calibration, calibrated = _calibration(seen, settings.seed)
        except DataError as error:
            # A model that was trained for hours is worth having without one.
            say(f"not calibrated by the users kept out: {error}")
        else:
            origin = _origin(log, seen, main.template, out, personas=settings.personas)
            save_calibration(out / CALIBRATION, FittedCalibration(calibration, origin))
    report = _report(prepared, reader, outcome, seen, calibrated)
    write_text(out / "README.md", model_card(report))
    write_text(out / REPORT, json.dumps(asdict(report), indent=2) + "\n")
    checkpoint.remove()
    return report


def _calibration(seen: Look, seed: int) -> tuple[Platt, Quality]:
    """Fitted to all users kept out; and how good each is by one that is fitted to the others."""
    return Platt.fit(seen.probability, seen.clicked), seen.cross_calibrated(seed)


def _origin(
    log: TrainingLog, seen: Look, template: Template, out: Path, *, personas: bool
) -> Origin:
    static = template.render_static()
    return Origin(
        data=log.data.name,
        data_sha256=data_sha256(log.data),
        split="training users kept out to stop by",
        exposures=len(seen.clicked),
        users=len(np.unique(seen.user)),
        agent=AskedAgent(
            model=str(out),
            model_revision=revision_of(out),
            template=template.name,
            template_version=template.version,
            template_sha256=template.sha256,
            examples=0,
            static_sha256=hashlib.sha256(static.encode()).hexdigest(),
            personas=personas,
        ),
    )


def _report(
    prepared: Preparation,
    reader: Reader,
    outcome: Outcome,
    seen: Look | None,
    calibrated: Quality | None,
) -> TrainingReport:
    settings, log, base = prepared.settings, prepared.log, prepared.base
    assert log.data.log is not None
    rows = int(np.isin(log.data.log.user, prepared.learners).sum())
    asked = outcome.decisions + outcome.too_long
    return TrainingReport(
        settings=settings,
        data=log.data.name,
        data_sha256=data_sha256(log.data),
        base_revision=base.revision,
        templates=tuple(template.name for template in prepared.templates),
        no_clicks=log.no_clicks,
        taught=prepared.taught,
        users=len(prepared.learners),
        decisions=rows,
        stop_users=len(prepared.stoppers),
        stop=None if seen is None else seen.quality,
        calibrated=calibrated,
        smallest_mass=None if seen is None else float(seen.mass.min()),
        parameters=base.parameters,
        steps=outcome.steps,
        best_step=outcome.best_step,
        epochs=outcome.decisions / max(rows, 1),
        too_long=outcome.too_long / max(asked, 1),
        seconds=outcome.seconds,
        decisions_per_second=outcome.decisions / max(outcome.seconds, 1e-9),
        packed=reader.packed,
        click_loss=_tenths(outcome.click_loss),
    )


def _tenths(values: tuple[float, ...]) -> tuple[float, ...]:
    parts = np.array_split(np.asarray(values), min(10, len(values)))
    return tuple(round(float(part.mean()), 4) for part in parts)
