"""All figures of one click model on a log, each under any weighting of the log's users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evals import measures as m
from evals.alignment import MEASURES, RATIOS, Trial, draw_trial
from evals.labelled import LabelledExposures
from evals.ranking import SortedRows, user_auc
from evals.segments import Segments
from simulator.domain import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Ground:
    """What is the same for every model.

    Attributes:
        log: The rows that all models answered.
        user: Each row's user, 0 .. n_users - 1, shape (n,).
        n_users: Users behind the rows.
        kinds: The log's segments; a kind without any is left out.
        trials: Agent4Rec's items by ratio.
        truth: The rows by true probability, where it is known.
    """

    log: LabelledExposures
    user: IntArray
    n_users: int
    kinds: Mapping[str, Segments]
    trials: Mapping[str, Trial]
    truth: SortedRows | None

    @classmethod
    def of(cls, log: LabelledExposures) -> Ground:
        """Prepare a log."""
        users, user = np.unique(log.shown.user, return_inverse=True)
        kinds = {
            kind: Segments.of(kind, labels, user, log.clicked)
            for kind, labels in log.segments.items()
        }
        return cls(
            log,
            user,
            len(users),
            {kind: segments for kind, segments in kinds.items() if segments.names},
            {ratio: draw_trial(log, user, len(users), k) for ratio, k in RATIOS.items()},
            None if log.truth is None else _sorted(log.truth, log, user),
        )

    def possible_auc(self, weights: FloatArray) -> FloatArray | None:
        """The AUC of the true probabilities under weightings, shape (m,)."""
        return None if self.truth is None else m.auc(self.truth.sums(weights))[0]


@dataclass(frozen=True)
class Figure:
    """What a figure is about; the parts that do not apply are empty.

    Attributes:
        table: "measures", "calibration", "segments" or "alignment".
        measure: Such as "auc".
        kind: Of the segment.
        part: The segment's or the calibration bin's number, or the ratio.
    """

    table: str
    measure: str
    kind: str = ""
    part: str | int = ""


class ModelFigures:
    """One model's figures.

    Attributes:
        figures: What they are.
        rows: By falling probability.
        own_auc: Each user's own, NaN for users with one kind of answer, shape (n_users,).
    """

    def __init__(self, probability: FloatArray, ground: Ground) -> None:
        log, user, n_users = ground.log, ground.user, ground.n_users
        p, y = probability.astype(np.float64), log.clicked
        self.rows = _sorted(p, log, user)
        self.own_auc = user_auc(p, y, user, n_users)
        self._truth = ground.truth is not None
        self._kinds = {
            kind: SortedRows.of(p, y, user, segments.code, len(segments.names))
            for kind, segments in ground.kinds.items()
        }
        self._means = _Means(n_users)
        self._means.over_rows(Figure("measures", "brier"), user, (p - y) ** 2)
        if log.truth is not None:
            self._means.over_rows(Figure("measures", "truth_gap"), user, np.abs(p - log.truth))
        self._means.over_users(Figure("measures", "user_auc"), self.own_auc)
        bins, owner, clicked = self.rows.bin, self.rows.user, self.rows.clicked
        for number in np.unique(bins):
            inside = bins == number
            about = Figure("calibration", "clicked", part=int(number))
            self._means.over_rows(about, owner[inside], clicked[inside])
        for ratio, trial in ground.trials.items():
            for measure, score in zip(MEASURES, trial.scores(p).T, strict=True):
                self._means.over_users(Figure("alignment", measure, part=ratio), score)
        self.figures = self._describe(ground)

    def under(self, weights: FloatArray, possible_auc: FloatArray | None) -> FloatArray:
        """All figures under weightings.

        Args:
            weights: How often each user counts, shape (n_users, m).
            possible_auc: `Ground.possible_auc(weights)`.

        Returns:
            float64, shape (len(figures), m); NaN where one is not defined.
        """
        sums = self.rows.sums(weights)
        overall = [measure(sums)[0] for measure in m.OVERALL.values()]
        if possible_auc is not None:
            overall += [possible_auc, m.auc_reached(overall[0], possible_auc)]
        parts = [np.stack(overall), self._means.under(weights)]
        for rows in self._kinds.values():
            sums = rows.sums(weights)
            spread = np.stack([m.total_variation(sums), m.jensen_shannon(sums)])
            parts += [spread, *(measure(sums) for measure in m.BY_SEGMENT.values())]
        return np.concatenate(parts)

    def _describe(self, ground: Ground) -> list[Figure]:
        """The figures in the order of `under`."""
        names = [*m.OVERALL, *(("possible_auc", "auc_reached") if self._truth else ())]
        out = [Figure("measures", name) for name in names] + self._means.figures
        for kind, segments in ground.kinds.items():
            out += [
                Figure("measures", f"{name}:{kind}", kind)
                for name in ("total_variation", "jensen_shannon")
            ]
            out += [
                Figure("segments", name, kind, part)
                for name in m.BY_SEGMENT
                for part in range(len(segments.names))
            ]
        return out


class _Means:
    """Means over rows or over users, all of them by one matrix product each for sums and counts."""

    def __init__(self, n_users: int) -> None:
        self.figures: list[Figure] = []
        self._n_users = n_users
        self._sums: list[FloatArray] = []
        self._counts: list[FloatArray] = []

    def over_rows(self, figure: Figure, user: IntArray, values: FloatArray) -> None:
        """Add a mean over rows, with their users and values."""
        self.figures.append(figure)
        sums = np.bincount(user, weights=values, minlength=self._n_users)
        self._sums.append(sums.astype(np.float64))
        self._counts.append(np.bincount(user, minlength=self._n_users).astype(np.float64))

    def over_users(self, figure: Figure, values: FloatArray) -> None:
        """Add a mean over the users that have a value, shape (n_users,), NaN for none."""
        self.figures.append(figure)
        self._sums.append(np.nan_to_num(values, nan=0.0))
        self._counts.append((~np.isnan(values)).astype(np.float64))

    def under(self, weights: FloatArray) -> FloatArray:
        """The means under weightings, shape (len(figures), m)."""
        counts = np.stack(self._counts) @ weights
        sums = np.stack(self._sums) @ weights
        return np.asarray(
            np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
        )


def _sorted(p: FloatArray, log: LabelledExposures, user: IntArray) -> SortedRows:
    return SortedRows.of(p, log.clicked, user, np.zeros(len(user), dtype=np.int64), 1)
