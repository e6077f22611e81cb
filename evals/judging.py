"""How true are click models to the users who left a log? Measures, intervals, differences.

All models are asked about every row once and measured on the rows that all of them answered with a
probability. Users are resampled, the same for every model and every measure, so all differences are
paired. Intervals are percentiles of the replicates; those of distances are moved, see
`evals.judgement_frames`. The p-value of a difference is that of a two-sided t-test with the
replicates' standard deviation as its standard error and one degree of freedom fewer than users: for
a mean over users nearly the paired t-test. Counting replicates instead would set p a floor of
2 / replicates, which Holm's correction over the whole table would lift above any threshold.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd

from evals import judgement_frames as frames
from evals.bootstrap import Bootstrap
from evals.judgement import Judgement
from evals.labelled import LabelledExposures
from evals.model_figures import Ground, ModelFigures
from evals.segments import FEWEST_EXPOSURES, FEWEST_USERS
from simulator.domain import BoolArray, Clicks, FloatArray
from simulator.errors import ConfigError, DataError, UnknownNameError
from simulator.interfaces import ClickModel

_LANES = 128
"""Replicates gone through at once."""


def judge(
    models: Mapping[str, ClickModel],
    log: LabelledExposures,
    *,
    base: str | Sequence[str] | None = None,
    bootstrap: Bootstrap | None = None,
) -> Judgement:
    """Ask click models about logged exposures and hold their probabilities against the log.

    Args:
        models: By name; rows that one leaves undecided, or without a probability, are counted
            and left out for all.
        log: What logged users were shown and did.
        base: The model that differences are taken to, or several; the first by default.
        bootstrap: Resampling of users; 1000 replicates and 95% by default.

    Raises:
        ConfigError: If there is no model, or one gives no probability.
        UnknownNameError: If no model is called as a base is.
        DataError: If what all models answered is only clicks or only no-clicks.
    """
    answers = {name: model.decide(log.shown) for name, model in models.items()}
    return judge_answers(answers, log, base=base, bootstrap=bootstrap)


def judge_answers(
    answers: Mapping[str, Clicks],
    log: LabelledExposures,
    *,
    base: str | Sequence[str] | None = None,
    bootstrap: Bootstrap | None = None,
) -> Judgement:
    """`judge` with the models' answers at hand, row for row with the log; nobody is asked.

    Args:
        answers: By model.
        log: What the answers are held against.
        base: As in `judge`.
        bootstrap: As in `judge`.

    Raises:
        ConfigError: As in `judge`.
        UnknownNameError: As in `judge`.
        DataError: As in `judge`, or if a model has not one answer a row.
    """
    bases = _checked_bases(answers, base)
    resampling = bootstrap or Bootstrap()
    answered = {name: _answered(name, given, len(log)) for name, given in answers.items()}
    common = np.logical_and.reduce(list(answered.values()))
    ground = Ground.of(_taken(log, common, answered))
    models = {
        name: ModelFigures(given.probability[common], ground) for name, given in answers.items()
    }
    levels, replicates = _weighed(list(models.values()), ground, resampling)
    names = tuple(models)
    found = frames.all_figures(models, levels, replicates, resampling)
    return Judgement(
        models=names,
        base=bases[0],
        log=log,
        answers=answers,
        bootstrap=resampling,
        measures=frames.measures(found, ground, models),
        differences=frames.differences(models, levels, replicates, bases, resampling),
        calibration=frames.calibration(found, models),
        segments=frames.segments(found, ground),
        alignment=frames.alignment(found, ground),
        failures=_failures(answers, answered),
        cautions=(*log.cautions, *_cautions(answers, answered, ground)),
    )


def _checked_bases(
    answers: Mapping[str, Clicks], base: str | Sequence[str] | None
) -> tuple[str, ...]:
    if not answers:
        raise ConfigError("No click model to judge; give at least one, by name.")
    bases = (base,) if isinstance(base, str) else tuple(base or ())
    for name in bases:
        if name not in answers:
            raise UnknownNameError("click model", name, tuple(answers))
    return bases or (next(iter(answers)),)


def _answered(name: str, given: Clicks, n: int) -> BoolArray:
    """The rows that a model answered with a probability."""
    if len(given) != n:
        raise DataError(f"{name} gave {len(given)} answers to {n} exposures; it needs one a row.")
    p = given.probability
    out: BoolArray = np.isfinite(p) & ~given.undecided
    if not out.any():
        raise ConfigError(
            f"{name} gave no probability for any exposure, so there is nothing to judge; an agent "
            'gives them with mode="sample" or mode="argmax".'
        )
    if (p[out] < 0).any() or (p[out] > 1).any():
        raise DataError(f"{name} gave probabilities outside [0, 1].")
    return out


def _taken(
    log: LabelledExposures, common: BoolArray, answered: Mapping[str, BoolArray]
) -> LabelledExposures:
    """The rows that all answered."""
    if common.all():
        return log
    try:
        return log.take(common)
    except DataError as error:
        lost = ", ".join(f"{name} {int((~rows).sum()):,}" for name, rows in answered.items())
        raise DataError(
            f"Only {int(common.sum()):,} of {len(log):,} exposures were answered by every model "
            f"(without an answer: {lost}), and they do not hold both clicks and no-clicks. Leave "
            "out the model that answers least, or give it a fallback."
        ) from error


def _weighed(
    models: Sequence[ModelFigures], ground: Ground, resampling: Bootstrap
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Each model's figures, shape (k,), and in all replicates, shape (k, replicates).

    A core takes a model at a time; the loops run without Python's lock.
    """
    once = np.ones((ground.n_users, 1))
    possible = ground.possible_auc(once)
    levels = [model.under(once, possible)[:, 0] for model in models]
    parts: list[list[FloatArray]] = [[] for _ in models]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for weights in _blocks(resampling, ground.n_users):
            under = partial(
                ModelFigures.under, weights=weights, possible_auc=ground.possible_auc(weights)
            )
            for part, figures in zip(parts, pool.map(under, models), strict=True):
                part.append(figures)
    return levels, [np.concatenate(part, axis=1) for part in parts]


def _blocks(resampling: Bootstrap, n_users: int) -> Iterator[FloatArray]:
    for block in resampling.weights(n_users):
        for start in range(0, len(block), _LANES):
            yield np.ascontiguousarray(block[start : start + _LANES].T, dtype=np.float32)


def _failures(answers: Mapping[str, Clicks], answered: Mapping[str, BoolArray]) -> pd.DataFrame:
    """Failures on record by reason, those that a fallback then decided too; and silent ones."""
    rows = []
    for name, given in answers.items():
        reason = given.failure.copy()
        silent = (reason == "") & ~answered[name]
        reason[silent] = np.where(given.undecided[silent], "no answer", "no probability")
        reasons, counts = np.unique(reason[reason != ""].astype(str), return_counts=True)
        for k in np.argsort(-counts, kind="stable"):
            rows.append((name, str(reasons[k]), int(counts[k]), counts[k] / len(given)))
    return pd.DataFrame(rows, columns=["model", "reason", "count", "share"])


def _cautions(
    answers: Mapping[str, Clicks], answered: Mapping[str, BoolArray], ground: Ground
) -> Iterator[str]:
    n = len(next(iter(answers.values())))
    if len(ground.log) < n:
        lost = ", ".join(
            f"{int((~rows).sum()):,} to {name}" for name, rows in answered.items() if not rows.all()
        )
        yield (
            f"Measured on the {len(ground.log):,} of {n:,} exposures that every model answered "
            f"with a probability; lost: {lost}."
        )
    for name, given in answers.items():
        fallen = answered[name] & (given.failure != "")
        if fallen.any():
            by = ", ".join(sorted({str(source) for source in given.source[fallen]}))
            yield f"{int(fallen.sum()):,} of {name}'s decisions failed and were decided by {by}."
    for kind, segments in ground.kinds.items():
        small = sum(bool(segments.note(k, "log_loss")) for k in range(len(segments.names)))
        if small:
            yield (
                f"{small} of {len(segments.names)} {kind} segments are too small to tell (fewer "
                f"than {FEWEST_EXPOSURES} exposures or {FEWEST_USERS} users)."
            )
