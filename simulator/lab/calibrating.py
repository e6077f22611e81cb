"""Fits calibrations to an agent, and tells what each would do for users it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from evals.bootstrap import Bootstrap
from evals.judgement import Judgement
from evals.judging import judge_answers
from evals.labelled import LabelledExposures
from simulator.clicks import AgentClicks
from simulator.clicks.calibration import (
    KINDS,
    AgentCalibration,
    AskedAgent,
    Batch,
    ContentFree,
    Contextual,
    FittedCalibration,
    Isotonic,
    Origin,
    Platt,
    Temperature,
)
from simulator.domain import BoolArray, Clicks, Dataset, Exposures, FloatArray, IntArray
from simulator.engines.models import POCKET
from simulator.errors import ConfigError, NudgesimError, UnknownNameError
from simulator.lab.asking import ask
from simulator.lab.samples import Samples
from simulator.manifest import data_sha256
from simulator.seeding import generator

RAW = "as asked"
"""What the uncalibrated agent is called in a judgement."""

_Map: TypeAlias = Platt | Temperature | Isotonic | Batch
_Fit: TypeAlias = Callable[[FloatArray, BoolArray], _Map]

_FITS: Mapping[str, _Fit] = {
    "platt": Platt.fit,
    "temperature": Temperature.fit,
    "isotonic": Isotonic.fit,
    "batch": lambda probability, _: Batch.fit(probability),
}


@dataclass(frozen=True, eq=False)
class CalibrationEffect:
    """Calibrations of an agent, and what they do for it.

    Attributes:
        fitted: By method, in the order asked for; fitted to all exposures.
        judgement: The agent `RAW`, the base, and each method. What a method answers for a user
            comes from a fit to the other users (cross-fitting), so that no effect is in-sample.
        refused: Why a method could not be fitted, by method.
        cautions: What a reader must know beside the judgement's own, in sentences.
    """

    fitted: Mapping[str, FittedCalibration]
    judgement: Judgement
    refused: Mapping[str, str]
    cautions: tuple[str, ...] = ()


def calibrate(
    agent: AgentClicks,
    data: Dataset,
    methods: Sequence[str] = KINDS,
    *,
    exposures: int = 2000,
    folds: int = 5,
    seed: int = 0,
    bootstrap: Bootstrap | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> CalibrationEffect:
    """Fit calibrations on development users, and read their effect by cross-fitting.

    Args:
        agent: Uncalibrated, in mode sample or argmax; asked about each exposure once, and told of
            users what is known before.
        data: With a log.
        methods: Of `KINDS`. One alone that cannot be fitted raises; of several it is refused.
        exposures: How many of the development users' logged exposures, drawn by seed.
        folds: Parts of the users; each is answered for by a fit to the others.
        seed: Of the exposures and the folds.
        bootstrap: Of users; 1000 replicates and 95% by default.
        progress: Told the exposures answered, and their number in all.

    Raises:
        ConfigError: If no method is named, the agent is calibrated or gives no probabilities, or
            there are fewer than two folds, or fewer users than folds.
        UnknownNameError: If there is no such method.
        DataError: If the exposures do not tell.
    """
    check_methods(methods)
    _check(agent, folds)
    # A calibration is read as a whole; segments would only bring cautions about small ones.
    samples = Samples(data, seed)
    agent = agent.knowing(samples.known())
    log = replace(samples.log("development", exposures), segments={})
    raw = ask(agent, log.shown, lambda done: progress(done, len(log))).answers
    sample = _Sample.of(agent, log, raw, _folds(log.shown.user, folds, seed))
    origin = _origin(agent, data, log.shown.user[sample.rows])
    fitted: dict[str, FittedCalibration] = {}
    refused: dict[str, str] = {}
    answers: dict[str, Clicks] = {RAW: raw}
    for method in methods:
        try:
            calibration, mapped = sample.calibrated(method)
        except NudgesimError as error:
            if len(methods) == 1:
                raise
            refused[method] = str(error)
            continue
        # Nothing of the log goes into the methods that ask the agent about nothing.
        on = origin if method in _FITS else replace(origin, exposures=0, users=0)
        fitted[method] = FittedCalibration(calibration, on)
        answers[method] = _with_probability(raw, sample.rows, mapped, log.shown.draw)
    judgement = judge_answers(answers, log, base=RAW, bootstrap=bootstrap)
    return CalibrationEffect(fitted, judgement, refused, tuple(_cautions(agent, data, fitted)))


def check_methods(methods: Sequence[str]) -> None:
    """Refuse what is no method, before a model is loaded for it.

    Raises:
        ConfigError: If none is named.
        UnknownNameError: If there is no such method.
    """
    if not methods:
        raise ConfigError(f"Name a calibration method, such as {KINDS[0]}.")
    for method in methods:
        if method not in KINDS:
            raise UnknownNameError("calibration method", method, KINDS)


def _check(agent: AgentClicks, folds: int) -> None:
    if folds < 2:
        raise ConfigError(f"folds = {folds}: cross-fitting needs 2 or more.")
    if agent.calibration is not None:
        raise ConfigError(
            "The agent is calibrated already; open it without agent.calibration to fit another."
        )
    if agent.mode == "text":
        raise ConfigError(
            "Mode text gives no probabilities to calibrate; open the agent in mode sample."
        )


def _folds(user: IntArray, folds: int, seed: int) -> IntArray:
    """The fold of each row's user, shape (n,); folds differ by one user at most."""
    users, code = np.unique(user, return_inverse=True)
    if len(users) < folds:
        raise ConfigError(
            f"The exposures are of {len(users)} users, too few for {folds} folds; ask for more "
            "exposures, or fewer folds."
        )
    shuffled = generator(seed, "calibration folds").permutation(len(users))
    return np.asarray(shuffled[code] % folds)


@dataclass(frozen=True, eq=False)
class _Sample:
    """The n exposures that an agent decided.

    Attributes:
        agent: Who.
        shown: What.
        rows: Which rows of the log they are, shape (n,).
        probability: P(click) as asked, float64, shape (n,).
        clicked: What the users did, shape (n,).
        fold: Of each row's user, shape (n,).
    """

    agent: AgentClicks
    shown: Exposures
    rows: IntArray
    probability: FloatArray
    clicked: BoolArray
    fold: IntArray

    @classmethod
    def of(cls, agent: AgentClicks, log: LabelledExposures, raw: Clicks, fold: IntArray) -> _Sample:
        """Those of a log; `raw` and `fold` have a row each for each of the log's."""
        rows = np.flatnonzero(~raw.undecided)
        p = raw.probability[rows].astype(np.float64)
        return cls(agent, log.shown.take(rows), rows, p, log.clicked[rows], fold[rows])

    def calibrated(self, method: str) -> tuple[AgentCalibration, FloatArray]:
        """The calibration, and each row's P(click) by one that has not seen the row's user."""
        if method in _FITS:
            return _FITS[method](self.probability, self.clicked), self._cross_fitted(_FITS[method])
        ask_labels, template = self.agent.label_probabilities, self.agent.template
        if method == "content-free":
            calibration = ContentFree.fit(ask_labels, template, self.agent.examples)
            return calibration, calibration.apply(self.probability)
        contextual = Contextual()
        bias = contextual.bias(ask_labels, template, self.agent.prompts(self.shown))
        return contextual, contextual.apply(self.probability, bias)

    def _cross_fitted(self, fit: _Fit) -> FloatArray:
        """Each row's probability by a fit to the other folds."""
        out = np.full(len(self.probability), np.nan)
        for here in (self.fold == k for k in np.unique(self.fold)):
            calibration = fit(self.probability[~here], self.clicked[~here])
            out[here] = calibration.apply(self.probability[here])
        return out


def _with_probability(
    raw: Clicks, rows: IntArray, probability: FloatArray, draw: FloatArray
) -> Clicks:
    """The raw answers with other probabilities at the decided rows."""
    out = np.full(len(raw), np.nan, dtype=np.float32)
    out[rows] = probability
    return replace(raw, clicked=draw < out, probability=out)


def _cautions(
    agent: AgentClicks, data: Dataset, fitted: Mapping[str, FittedCalibration]
) -> Iterator[str]:
    if data.name == "demo" and agent.facts()["model"] == POCKET:
        yield (
            "The pocket agent has learnt from these very users and is truer of them than of "
            "others; a calibration fitted here can make it worse for held-out users."
        )
    platt = fitted.get("platt")
    if platt is not None and isinstance(platt.calibration, Platt) and platt.calibration.slope <= 0:
        yield (
            f"Platt's slope is {platt.calibration.slope:.2f}: the agent's likelier clicks are the "
            "users' rarer ones, and it is turned round. Mend the prompt or take another model "
            "before you calibrate it."
        )


def _origin(agent: AgentClicks, data: Dataset, user: IntArray) -> Origin:
    return Origin(
        data=data.name,
        data_sha256=data_sha256(data),
        split="development users",
        exposures=len(user),
        users=len(np.unique(user)),
        agent=AskedAgent.of(agent.facts()),
    )
