"""What `judge` found out about click models on labelled exposures, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from evals.bootstrap import Bootstrap
from evals.labelled import LabelledExposures
from simulator.domain import Clicks


@dataclass(frozen=True, eq=False)
class Judgement:
    """Click models held against the same labelled exposures, axis one of a comparison.

    All measures are over the rows that every model answered with a probability, so that all
    differences are paired. Intervals resample users.

    Attributes:
        models: Names, in order.
        base: The model that differences are taken to; the first of several.
        log: What they were judged on.
        answers: Each model's answers to all rows of the log, undecided ones included.
        bootstrap: How intervals were made.
        measures: Columns model, measure, value, low, high, exposures, users; users is the number
            that the value rests on. Measures: auc, user_auc (mean over users with both answers),
            pr_auc, log_loss, brier, calibration_error, click_rate_ratio (expected clicks / logged
            clicks), kappa and f1 (at the logged click rate); for each kind of segment, such as
            category, total_variation:category and jensen_shannon:category (how clicks are spread
            over the segments, expected against logged); where the truth is known also possible_auc
            (of the true probabilities), auc_reached (the share of the way from 0.5 to there) and
            truth_gap (mean |P - truth|). Defined in `evals.measures`.
        differences: Columns model, base, measure, difference, low, high, p, p_corrected
            (Holm, over the whole table). A pair of bases is there once, less the earlier one.
        calibration: Columns model, probability, clicked, low, high, exposures; a row a bin.
        segments: Columns model, kind, segment, measure (auc, log_loss, calibration_error,
            click_rate, expected_click_rate, click_rate_ratio), value, low, high, exposures, users,
            clicks, note; value NaN and a note where the segment is too small to tell.
        alignment: Agent4Rec's protocol; columns model, ratio ("1:1", "1:3", "1:9"), measure
            (accuracy, precision, recall, f1), value, low, high, exposures, users.
        failures: Columns model, reason, count, share (of all rows).
        cautions: What a reader must know, in sentences.
    """

    models: tuple[str, ...]
    base: str
    log: LabelledExposures
    answers: Mapping[str, Clicks]
    bootstrap: Bootstrap
    measures: pd.DataFrame
    differences: pd.DataFrame
    calibration: pd.DataFrame
    segments: pd.DataFrame
    alignment: pd.DataFrame
    failures: pd.DataFrame
    cautions: tuple[str, ...]

    def value(self, model: str, measure: str) -> float:
        """A measure of a model."""
        rows = self.measures.set_index(["model", "measure"])["value"]
        return float(rows.loc[(model, measure)])
