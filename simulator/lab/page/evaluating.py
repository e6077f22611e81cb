"""The button that evaluates: one evaluation at a time, with progress, and an end on demand."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from simulator.errors import NudgesimError
from simulator.lab.evaluation import COMPARED, Evaluation
from simulator.lab.laboratory import Lab
from simulator.lab.variants import Variant

State = Literal["running", "done", "cancelled", "failed"]


class _Cancelled(Exception):
    """The author has ended the evaluation."""


@dataclass
class Trial:
    """One press of the button.

    Attributes:
        number: From 1, in the order of the sitting.
        text: The template that is evaluated.
        name: The template's name.
        version: The template's version.
        sha256: The template's digest.
        exposures: How many it is judged on.
        state: How far it is.
        done: Decisions so far.
        total: Decisions in all.
        seconds: How long it took, or has taken so far.
        message: Why it failed, or why the model could not be asked.
        cautions: What a reader must know of the figures.
        figures: By measure: value, low, high, and where it is compared difference,
            difference_low, difference_high and p; JSON numbers, None where there is none.
        costs: By name, as of `Evaluation.costs`.
        against: Number of the trial whose template was the incumbent; 0 for the opened one.
    """

    number: int
    text: str
    name: str
    version: int
    sha256: str
    exposures: int
    state: State = "running"
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    message: str = ""
    cautions: tuple[str, ...] = ()
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    costs: Mapping[str, Any] = field(default_factory=dict)
    against: int = 0


class Evaluator:
    """Runs trials in a thread of its own, and keeps them.

    Args:
        lab: Whose engine tells `told` of every portion that it asks; enters them in its book.

    Attributes:
        trials: Of this sitting, oldest first.
    """

    def __init__(self, lab: Lab) -> None:
        self.trials: list[Trial] = []
        self._lab = lab
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether a trial is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, trial: Trial, variant: Variant, incumbent: Variant | None) -> None:
        """Begin a trial; nothing else may be running."""
        self._cancelled.clear()
        trial.total = trial.exposures * (1 if incumbent is None else 2)
        self.trials.append(trial)
        self._thread = threading.Thread(
            target=self._run, args=(trial, variant, incumbent), name="evaluation"
        )
        self._thread.start()

    def told(self, prompts: int) -> None:
        """Take note of a portion; ends the trial that was cancelled."""
        if self._cancelled.is_set():
            raise _Cancelled
        trial = self.trials[-1]
        trial.done = min(trial.done + prompts, trial.total)

    def cancel(self) -> None:
        """End the trial after the portion that is being asked; its answers stay in the cache."""
        self._cancelled.set()

    def close(self) -> None:
        """End what runs, and wait for it."""
        self.cancel()
        if self._thread is not None:
            self._thread.join()

    def _run(self, trial: Trial, variant: Variant, incumbent: Variant | None) -> None:
        began = time.monotonic()

        def progress(_: str, done: int, total: int) -> None:
            # Equal prompts are asked once, so that rows run ahead of what the engine was told.
            trial.done, trial.total = done, total
            trial.seconds = time.monotonic() - began
            if self._cancelled.is_set():
                raise _Cancelled

        try:
            found = self._lab.evaluate(
                [variant], incumbent=incumbent, exposures=trial.exposures, progress=progress
            )
            _note(trial, found, variant)
        except _Cancelled:
            trial.state = "cancelled"
        except NudgesimError as error:
            trial.message, trial.state = str(error), "failed"
        except Exception as error:
            trial.message, trial.state = f"{type(error).__name__}: {error}", "failed"
            raise
        finally:
            trial.seconds = time.monotonic() - began


def _note(trial: Trial, found: Evaluation, variant: Variant) -> None:
    """Take what an evaluation found about its variant."""
    name = next(name for name, one in found.variants.items() if one is variant)
    trial.cautions = found.cautions
    trial.figures = _figures(_row(found.board(), name))
    trial.costs = {key: _plain(value) for key, value in _row(found.costs, name).items()}
    trial.message = found.refused.get(name, "")
    trial.state = "failed" if trial.message else "done"


def _row(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """A variant's row, empty where it has none."""
    if name not in table.index:
        return {}
    return {str(column): value for column, value in table.loc[name].items()}


def _figures(row: Mapping[str, Any]) -> Mapping[str, Mapping[str, float | None]]:
    parts = {"value": "", "low": "_low", "high": "_high"}
    compared = {
        "difference": "_difference",
        "difference_low": "_difference_low",
        "difference_high": "_difference_high",
        "p": "_p",
    }
    measures = ("auc", "log_loss", "calibration_error", "click_rate_ratio")
    return {
        measure: {
            key: _plain(row.get(f"{measure}{suffix}", math.nan))
            for key, suffix in {**parts, **(compared if measure in COMPARED else {})}.items()
        }
        for measure in measures
    }


def _plain(value: Any) -> Any:
    """JSON has no NaN and no numpy."""
    if isinstance(value, str):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
