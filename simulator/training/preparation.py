"""All that a training needs, made and checked before the first step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np

from prompts import Personas, Template, load_template, template_names
from simulator.domain import Dataset, IntArray, middle_times
from simulator.manifest import data_sha256
from simulator.training.base_model import BaseModel, begin_points, begin_titles, open_base
from simulator.training.checks import check_log, kept_out, training_users
from simulator.training.lesson_plan import LessonPlan
from simulator.training.negatives import TrainingLog, with_no_clicks
from simulator.training.settings import SCRATCH, TrainingSettings
from simulator.training.teacher import Teacher
from simulator.training.wording import Wording


@dataclass(frozen=True, eq=False)
class Preparation:
    """What a training starts from.

    Attributes:
        settings: As given.
        log: With clicks and no-clicks.
        learners: User rows to learn from.
        stoppers: User rows kept out to stop by.
        base: The network and its tokenizer.
        wordings: One for each template, the main one first.
        personas: What prompts say of the users, or None.
        taught: Whether a teacher is part of the plan.
        plan: The lessons.
    """

    settings: TrainingSettings
    log: TrainingLog
    learners: IntArray
    stoppers: IntArray
    base: BaseModel
    wordings: list[Wording]
    personas: Personas | None
    taught: bool
    plan: LessonPlan

    @classmethod
    def of(
        cls, settings: TrainingSettings, data: Dataset, split: tuple[IntArray, IntArray]
    ) -> Preparation:
        """Make it; arguments and errors as of `train_agent`."""
        users = training_users(data, split)
        learners, stoppers = kept_out(users, settings)
        log = with_no_clicks(data, users, settings.negatives, seed=settings.seed)
        check_log(log.data, learners, stoppers)
        templates = _templates(settings, data)
        base = open_base(settings, data.catalogue, templates)
        wordings = [Wording(template, data.catalogue, base.encoder) for template in templates]
        for wording in wordings:
            _ = wording.labels  # raises where they are no tokens
        personas = _personas(data, learners, stoppers, templates[0]) if settings.personas else None
        teacher = _teacher(settings, log, learners)
        if teacher is not None and settings.base == SCRATCH and settings.network.whole_titles:
            begin_titles(base, data.catalogue, teacher.item_features())
        if settings.base == SCRATCH and settings.personas:
            begin_points(base)
        if log.offset is not None:
            # Personas know interactions there, and no part of a log that was drawn.
            settings = replace(settings, variety=replace(settings.variety, shuffled=0.0))
        plan = LessonPlan(
            wordings, log.data, learners, settings, personas=personas, teacher=teacher
        )
        taught = teacher is not None
        return cls(settings, log, learners, stoppers, base, wordings, personas, taught, plan)

    @property
    def templates(self) -> list[Template]:
        """The main one first."""
        return [wording.template for wording in self.wordings]

    def digest(self) -> str:
        """Of everything that decides the weights."""
        chosen = {k: v for k, v in asdict(self.settings).items() if k not in ("checkpoint_steps",)}
        digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode())
        digest.update(self.base.revision.encode() + data_sha256(self.log.data).encode())
        for template in self.templates:
            digest.update(template.sha256.encode())
        shown = self.log.data.log
        assert shown is not None
        users = np.union1d(self.learners, self.stoppers)
        for column in (users, shown.user, shown.item, shown.time, shown.clicked):
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def facts(self) -> Iterator[str]:
        """What a user is told before the first step, in lines."""
        base = self.base
        yield (
            f"{base.name}: {base.parameters / 1e6:.2f} M parameters on {base.network.device.type}; "
            f"no-clicks: {self.log.no_clicks}; {len(self.learners):,} users to learn from, "
            f"{len(self.stoppers):,} to stop by"
        )
        if not base.encoder.has_chat_template and base.revision:
            yield f"{base.name} has no chat template: prompts are raw text, as at inference"


def _teacher(settings: TrainingSettings, log: TrainingLog, learners: IntArray) -> Teacher | None:
    """Nobody where no-clicks are drawn: an opinion of the draw would be one."""
    if settings.teacher is None or log.offset is not None or settings.loss != "bce":
        return None
    assert log.data.log is not None
    return Teacher(log.data.log, learners, log.data.n_items, settings.teacher, seed=settings.seed)


def _personas(
    data: Dataset, learners: IntArray, stoppers: IntArray, template: Template
) -> Personas:
    """By all that learners did, and by the earlier half of what the users kept out did."""
    # Drawn no-clicks tell nothing of a user: personas know the data as an agent will have it.
    told = data.interactions if data.log is None else data.log
    early = told.time < middle_times(told.user, told.time, data.n_users)[told.user]
    known = np.isin(told.user, learners) | (early & np.isin(told.user, stoppers))
    return Personas(data, np.flatnonzero(known), language=template.front_matter.language)


def _templates(settings: TrainingSettings, data: Dataset) -> list[Template]:
    own = f"{data.catalogue.domain}/click-en"
    auto = own if own in template_names() else "general/click-en"
    named = [load_template(auto if name == "auto" else name) for name in settings.templates]
    if settings.bare_history:
        named = [template.with_bare_history() for template in named]
    if settings.window is not None:
        named = [template.with_history(*settings.window) for template in named]
    return named
