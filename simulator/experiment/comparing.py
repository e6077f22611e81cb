"""Click models side by side: held against a log, ranking recommenders, choosing nudging methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd

from evals.bootstrap import Bootstrap
from evals.compare import compare
from evals.conclusions import conclude
from evals.judging import judge_answers
from evals.labelled import LabelledExposures
from evals.report import Contents, decisions_of
from evals.testers import rank_recommenders
from simulator.clicks import WithVectors
from simulator.config import RunConfig
from simulator.data import load_dataset
from simulator.domain import Dataset, ExposureLog, IntArray
from simulator.errors import ConfigError, DataError, UnknownNameError
from simulator.experiment.asking import Answers, Bar, Questions, ask_agents
from simulator.experiment.click_models import baseline_click_models
from simulator.experiment.comparing_headlines import UPWORTHY, compare_on_headlines
from simulator.experiment.conclusions import (
    METHODS,
    nudging_click_models,
    play_methods,
)
from simulator.experiment.labelled import labelled_exposures
from simulator.experiment.parts import make_distribution
from simulator.experiment.recommender_scores import recommender_scores
from simulator.experiment.split import LogSplit, known_before, split_log
from simulator.experiment.subjects import Subject, read_subjects
from simulator.experiment.world import Say, build_world, fit_vectors
from simulator.interfaces import ClickModel
from simulator.manifest import provenance
from simulator.runlog import Run
from simulator.seeding import generator, uniforms

Part = Literal["recommenders", "nudging", "probes"]
"""What can be left out of a comparison; the log is always asked."""


@dataclass(frozen=True)
class ComparisonSettings:
    """What is compared, and how long.

    Attributes:
        config: Data, seed and vectors; rounds, users and targets of the nudging runs.
        subjects: Click models beside the baselines, which are always in the table.
        exposures: How many held-out exposures are judged, about: slates are taken whole.
        probed: How many of them the bias probes ask about again, for each variant.
        draws: Bootstrap resamples of the users.
        trained_until: The last year of which the language models have read, where that is known.
        without: Parts left out.
    """

    config: RunConfig
    subjects: tuple[Subject, ...]
    exposures: int = 10_000
    probed: int = 1_000
    draws: int = 2_000
    trained_until: int | None = None
    without: frozenset[str] = frozenset()

    @classmethod
    def read(
        cls, names: Sequence[str], flags: Mapping[str, Any], without: Sequence[str] = ()
    ) -> Self:
        """Settings from the names of click models (`read_subject`) and what they share.

        Raises:
            ConfigError: If a value is out of range, or a model is named twice.
            UnknownNameError: If a name is unknown.
        """
        for part in without:
            if part not in get_args(Part):
                raise UnknownNameError("part of a comparison", part, get_args(Part))
        subjects = read_subjects(names, flags)
        for subject in subjects:
            if subject.kind == "agent" and subject.config.agent.mode == "text":
                raise ConfigError(
                    f"{subject.name}: an agent that writes its answers (mode = text) gives no "
                    "probability to hold against a log; take mode=sample or mode=argmax."
                )
        return cls(RunConfig.read(None, flags), subjects, without=frozenset(without))

    def facts(self) -> dict[str, Any]:
        """What a manifest keeps."""
        return {
            "config": self.config.model_dump(mode="json"),
            "click_models": {
                subject.name: getattr(subject.config, subject.kind).model_dump(mode="json")
                for subject in self.subjects
            },
            "exposures": self.exposures,
            "probed": self.probed,
            "draws": self.draws,
            "trained_until": self.trained_until,
            "without": sorted(self.without),
        }


def compare_click_models(
    settings: ComparisonSettings,
    *,
    played_on: str = "",
    say: Say = lambda _: None,
    bar: Bar = lambda _title, _total: nullcontext(lambda _clicks: None),
) -> Contents:
    """Hold click models against a log, and against each other as testers of recommenders.

    Everything is judged on held-out users' late exposures. The baselines (click rate, popularity,
    matrix factorisation, replay, the fitted distribution, unless the data is too large for it a
    sequence model, and where the log knows positions position-based and cascade) are fitted on the
    other users. With the data "upworthy" agents are held against headline tests instead
    (`compare_on_headlines`).

    Args:
        settings: What is compared.
        played_on: The data of runs that shall stand beside it; "" for none.
        say: Told what is going on.
        bar: Shows how far a long part is.

    Raises:
        ConfigError: If the runs are of other data.
        NudgesimError: If the data has no log, or a model cannot be started.
    """
    config, resampling = settings.config, Bootstrap(settings.draws)
    if config.data == UPWORTHY:
        _require_same_data(UPWORTHY, played_on)
        return compare_on_headlines(
            settings.subjects,
            headlines=settings.exposures,
            draws=settings.draws,
            seed=config.seed,
            say=say,
            bar=bar,
        )
    data = load_dataset(config.data)
    _require_same_data(data.name, played_on)
    split = split_log(data)
    assert data.log is not None
    rows = whole_slates(data.log, split.judging, settings.exposures, config.seed)
    log = labelled_exposures(data, rows, split.early, cautions=split.cautions)
    log = _with_luck(log, rows, config.seed)
    say(f"{data.name}: {len(log):,} held-out exposures of {log.n_users:,} users")

    world, presets = None, {}
    if "nudging" not in settings.without:
        world, presets = build_world(config, say), nudging_click_models(config, data, say)
    questions = Questions(
        data,
        log,
        known=known_before(data, split.judging),
        probed=None if "probes" in settings.without else settings.probed,
        trained_until=settings.trained_until,
        world=world,
        distribution=next(iter(presets.values()), None),
        seed=config.seed,
        bootstrap=resampling,
    )
    asked = ask_agents(settings.subjects, questions, say=say, bar=bar)

    baselines = baseline_click_models(config, data, split, say)
    models = {**baselines, **_distributions(settings.subjects, data, split, say)}
    answers = {name: model.decide(log.shown) for name, model in models.items()}
    answers = {**asked.clicks, **answers}
    say(f"judging {len(answers)} click models, {settings.draws:,} resamples")
    judgement = judge_answers(answers, log, base=tuple(baselines), bootstrap=resampling)
    ranking, cautions = None, []
    if "recommenders" not in settings.without:
        try:
            ranking = rank_recommenders(
                recommender_scores(config, data, split, rows, say),
                log,
                {name: clicks.probability for name, clicks in answers.items()},
                bootstrap=resampling,
            )
        except DataError as reason:
            # A log without a choice in its slates says nothing of recommenders; it still judges.
            cautions.append(f"Recommenders could not be ranked: {reason}")
    conclusions = runs = None
    if world is not None:
        played = play_methods(config, METHODS, presets, say, world=world) | asked.runs
        conclusions = conclude(played, base=next(iter(presets)), bootstrap=resampling)
        beside = [*asked.agents, *presets][: max(2, len(asked.agents) + 1)]
        runs = compare([played[name, METHODS[0]] for name in beside], bootstrap=resampling)
    return Contents(
        data=data.name,
        judgement=judgement,
        baselines=tuple(baselines),
        ranking=ranking,
        conclusions=conclusions,
        probes=tuple(asked.probes),
        runs=runs,
        catalogue=data.catalogue,
        vectors=None if world is None else world.vectors,
        decisions=decisions_of(
            judgement,
            data.catalogue,
            data.user_ids,
            {name: agent.prompts for name, agent in asked.agents.items()},
        ),
        cost=_cost(asked),
        cautions=tuple(cautions),
        manifests=(("comparison", {**settings.facts(), **_facts(asked, data)}),),
    )


def contents_of_runs(runs: Sequence[Run], *, shared: bool = False, draws: int = 2_000) -> Contents:
    """A report's contents with runs side by side, and nothing else.

    Raises:
        ConfigError: If the runs cannot be paired.
    """
    comparison = compare(runs, shared=shared, bootstrap=Bootstrap(draws))
    return Contents(data=data_of(runs), runs=comparison)


def data_of(runs: Sequence[Run]) -> str:
    """The data set that runs were played on; "" where they do not say."""
    return str(runs[0].manifest.get("config", {}).get("data", "")) if runs else ""


def _require_same_data(judged_on: str, played_on: str) -> None:
    """Refuse runs of other data, before any model is asked.

    Raises:
        ConfigError: If both are known and differ.
    """
    if played_on and played_on != judged_on:
        raise ConfigError(
            f"The click models are to be judged on {judged_on}, but the runs were played on "
            f"{played_on}; leave --data out, or compare them apart."
        )


def whole_slates(log: ExposureLog, rows: IntArray, size: int, seed: int) -> IntArray:
    """About `size` of the rows, drawn by seed a slate (one user, one moment) at a time.

    Args:
        log: The log.
        rows: Row numbers to draw from, shape (n,).
        size: Enough; the last slate drawn is whole.
        seed: Of the draw.

    Returns:
        Row numbers, ascending.
    """
    if len(rows) <= size:
        return rows
    moments = np.stack([log.user[rows].astype(np.int64), log.time[rows]])
    _, slate = np.unique(moments, axis=1, return_inverse=True)
    order = generator(seed, "compare").permutation(int(slate.max()) + 1)
    enough = np.searchsorted(np.cumsum(np.bincount(slate)[order]), size) + 1
    return np.sort(rows[np.isin(slate, order[:enough])])


def _with_luck(log: LabelledExposures, rows: IntArray, seed: int) -> LabelledExposures:
    """The log with a draw a row, the same for all models: where they differ decisions flip."""
    shown = log.shown
    draw = uniforms(seed, "compare", user=shown.user, target=shown.item, position=rows)
    return replace(log, shown=replace(shown, draw=draw))


def _distributions(
    subjects: Sequence[Subject], data: Dataset, split: LogSplit, say: Say
) -> dict[str, ClickModel]:
    """The distribution models among the subjects, on vectors of early interactions."""
    models: dict[str, ClickModel] = {}
    for subject in subjects:
        if subject.kind == "distribution":
            vectors = fit_vectors(split.early, subject.config.vectors, subject.config.seed, say)
            model = make_distribution(subject.config, data, say)
            models[subject.name] = WithVectors(model, vectors.normalised())
    return models


def _cost(asked: Answers) -> pd.DataFrame | None:
    """What the log alone has cost, a row an agent."""
    return pd.DataFrame.from_dict(asked.cost, orient="index") if asked.cost else None


def _facts(asked: Answers, data: Dataset) -> dict[str, Any]:
    agents = {name: agent.facts() for name, agent in asked.agents.items()}
    return {"agents": agents, **provenance(data)}
