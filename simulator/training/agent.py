"""From a data set's log to a folder that any engine loads: an agent that has learnt its users."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from prompts import Template, load_template, template_names
from simulator.clicks.calibration import (
    AskedAgent,
    FittedCalibration,
    Origin,
    Platt,
    save_calibration,
)
from simulator.data import split_users
from simulator.domain import Dataset, IntArray
from simulator.engines.hub import revision_of
from simulator.errors import ConfigError, DataError, EngineError
from simulator.files import write_text
from simulator.manifest import data_sha256
from simulator.training.base_model import BaseModel, half_precision, open_base, save_model
from simulator.training.checkpoint import Checkpoint
from simulator.training.lesson_plan import LessonPlan
from simulator.training.looking import Look
from simulator.training.model_card import model_card
from simulator.training.negatives import TrainingLog, with_no_clicks
from simulator.training.reading import Reader
from simulator.training.report import TrainingReport
from simulator.training.settings import TrainingSettings
from simulator.training.trainer import Outcome, Progress, Trainer
from simulator.training.wording import Wording

CALIBRATION = "calibration.json"
"""The name of the calibration's file beside a trained model."""
REPORT = "training.json"
TEMPLATE = "template.j2"

_LOOKED_AT = 6_000
"""Exposures of the users kept out that are enough to tell whether training still helps."""


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
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    users = _training_users(data, split)
    learners, stoppers = _kept_out(users, settings)
    log = with_no_clicks(data, users, settings.negatives, seed=settings.seed)
    _check_log(log.data, learners, stoppers)
    templates = _templates(settings, data)
    base = open_base(settings, data.catalogue, templates)
    checkpoint = Checkpoint(out, _digest(settings, log, users, base, templates))
    _check_folder(out)
    wordings = [Wording(template, data.catalogue, base.encoder) for template in templates]
    for wording in wordings:
        _ = wording.labels  # raises where they are no tokens
    precision = half_precision(base.network.device)
    reader = Reader(base.network, precision=precision)
    for line in _facts(base, reader, log, learners, stoppers):
        say(line)

    def look(most: int | None = _LOOKED_AT) -> Look:
        return Look.at(
            reader,
            wordings[0],
            log,
            stoppers,
            batch_tokens=settings.batch_tokens,
            most=most,
        )

    trainer = Trainer(
        reader,
        LessonPlan(wordings, log.data, learners, settings),
        settings,
        offset=log.offset,
        look=(lambda: look().quality) if len(stoppers) else None,
        checkpoint=checkpoint,
    )
    with _memory(settings):
        mass = trainer.rehearse()
        say(f"rehearsed a step: it fits; the labels hold {mass:.0%} of the probability so far")
        outcome = trainer.train(progress)
        seen = look(None) if len(stoppers) else None
    save_model(base, out)
    write_text(out / TEMPLATE, templates[0].text)
    if seen is not None and log.offset is None:
        fitted = FittedCalibration(
            Platt.fit(seen.probability, seen.clicked), _origin(log, seen, templates[0], out)
        )
        save_calibration(out / CALIBRATION, fitted)
    report = _report(settings, log, base, reader, templates, learners, stoppers, outcome, seen)
    write_text(out / "README.md", model_card(report))
    write_text(out / REPORT, json.dumps(asdict(report), indent=2) + "\n")
    checkpoint.remove()
    return report


def _training_users(data: Dataset, split: tuple[IntArray, IntArray]) -> IntArray:
    users, held_out = (np.unique(np.asarray(part)) for part in split)
    both = np.intersect1d(users, held_out)
    if len(both):
        raise ConfigError(
            f"{len(both)} users of {data.name} are in both parts of the split (user row "
            f"{both[0]} is one); what is learnt from them must not be judged on them. Take them "
            "out of one part."
        )
    if not len(users) or users[0] < 0 or users[-1] >= data.n_users:
        raise ConfigError(f"Training users must be rows 0..{data.n_users - 1} of {data.name}.")
    return users


def _kept_out(users: IntArray, settings: TrainingSettings) -> tuple[IntArray, IntArray]:
    """Users to learn from, and those kept out to stop by."""
    if not settings.stop_share:
        return users, users[:0]
    learners, stoppers = split_users(len(users), held_out=settings.stop_share, seed=settings.seed)
    return users[learners], users[stoppers]


def _check_log(data: Dataset, learners: IntArray, stoppers: IntArray) -> None:
    """Refuse a log from which nothing can be told."""
    assert data.log is not None
    parts = {"training users": learners}
    if len(stoppers):
        parts["users kept out to stop by"] = stoppers
    for name, users in parts.items():
        clicked = data.log.clicked[np.isin(data.log.user, users)]
        if clicked.all() or not clicked.any():
            kind = "clicks" if clicked.any() else "no-clicks"
            what = f"all {len(clicked):,} are {kind}" if len(clicked) else "there are none"
            raise DataError(
                f"The logged exposures of the {len(users)} {name} of {data.name} cannot teach what "
                f"is clicked and what is not: {what}. Take more users, or a log with both; for one "
                "without any no-clicks leave the log out, so that they are drawn."
            )


def _templates(settings: TrainingSettings, data: Dataset) -> list[Template]:
    own = f"{data.catalogue.domain}/click-en"
    auto = own if own in template_names() else "general/click-en"
    return [load_template(auto if name == "auto" else name) for name in settings.templates]


def _check_folder(out: Path) -> None:
    if (out / REPORT).exists():
        raise ConfigError(
            f"{out} holds a model that was trained already; take another --out, or delete it."
        )


def _digest(
    settings: TrainingSettings,
    log: TrainingLog,
    users: IntArray,
    base: BaseModel,
    templates: list[Template],
) -> str:
    """Of everything that decides the weights."""
    chosen = {k: v for k, v in asdict(settings).items() if k not in ("checkpoint_steps",)}
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode())
    digest.update(base.revision.encode() + data_sha256(log.data).encode())
    for template in templates:
        digest.update(template.sha256.encode())
    assert log.data.log is not None
    shown = log.data.log
    for column in (users, shown.user, shown.item, shown.time, shown.clicked):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _facts(
    base: BaseModel, reader: Reader, log: TrainingLog, learners: IntArray, stoppers: IntArray
) -> Iterator[str]:
    yield (
        f"{base.name}: {base.parameters / 1e6:.2f} M parameters on {reader.device.type}; "
        f"no-clicks: {log.no_clicks}; {len(learners):,} users to learn from, "
        f"{len(stoppers):,} to stop by"
    )
    if not base.encoder.has_chat_template and base.revision:
        yield f"{base.name} has no chat template: prompts are raw text, as at inference"
    if not reader.packed:
        yield f"{base.name} reads whole prompts only, so a history is computed for each candidate"


@contextmanager
def _memory(settings: TrainingSettings) -> Iterator[None]:
    """Tell what to do where memory does not suffice."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        text = str(error)
        if not isinstance(error, RuntimeError) or "memory" in text:
            raise EngineError(
                f"Memory does not suffice ({text.splitlines()[0] if text else 'MemoryError'}). "
                "Send fewer tokens through at a time (batch_tokens, now "
                f"{settings.batch_tokens:,}), train adapters in place of all weights "
                "(--lora), or take a smaller base."
            ) from error
        raise


def _origin(log: TrainingLog, seen: Look, template: Template, out: Path) -> Origin:
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
        ),
    )


def _report(
    settings: TrainingSettings,
    log: TrainingLog,
    base: BaseModel,
    reader: Reader,
    templates: list[Template],
    learners: IntArray,
    stoppers: IntArray,
    outcome: Outcome,
    seen: Look | None,
) -> TrainingReport:
    assert log.data.log is not None
    rows = int(np.isin(log.data.log.user, learners).sum())
    drawn = log.offset is not None
    asked = outcome.decisions + outcome.too_long
    return TrainingReport(
        settings=settings,
        data=log.data.name,
        data_sha256=data_sha256(log.data),
        base_revision=base.revision,
        templates=tuple(template.name for template in templates),
        no_clicks=log.no_clicks,
        users=len(learners),
        decisions=rows,
        stop_users=len(stoppers),
        stop=None if seen is None else seen.quality,
        calibrated=None if seen is None or drawn else seen.cross_calibrated(settings.seed),
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
