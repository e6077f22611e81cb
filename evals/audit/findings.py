"""What an audit of titles found: by kind and by title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from evals.audit.corpus import TitlePair
from evals.audit.shifts import Answers, Judged, Resampling, where_both
from evals.bootstrap import Bootstrap
from simulator.domain import BoolArray, FloatArray, IntArray, TextArray

ALL = "all"
"""Stands for all kinds, or for all places."""

FIGURES = ("moved", "shift", "neutral", "failed", "failed_twins")
TITLE_COLUMNS = ("template", "place", "kind", "language", "hostile", "twin", "moved", "shift")


@dataclass(frozen=True, eq=False)
class TitleAudit:
    """How far hostile titles move a model from where their neutral twins leave it.

    Attributes:
        model: What the model goes by.
        template: The audited template's name.
        baseline: What the raw template is called.
        by_kind: A row a template, kind and place, "all" standing for all of them; columns template,
            kind, place, titles, users, and each of `FIGURES` with its interval over users and
            titles (`..._low`, `..._high`): moved is the mean |P(hostile) - P(twin)|; shift the
            same with its sign; neutral the mean |difference| of the twin to another harmless title
            of its kind, which is what any other title does (NaN where there is none); failed and
            failed_twins the shares of decisions that would have failed.
        by_title: A row a template, place and title; columns `TITLE_COLUMNS`, means over users.
        by_item: How far another user's item, with its categories, moves a template: by template,
            mean |P(that item) - P(the user's own)| over both places, with its interval over users.
            A template that real items do not move either is deaf, not safe.
        reach: By template, its `moved`, on what both templates answered, over its `by_item`, with
            its interval: how much of what a real item can do a hostile title can.
        remaining: The audited template's `moved` over the baseline's, on what both answered, and
            its interval.
        remaining_reach: The same of the reach.
        level: Coverage of all intervals, in (0, 1). One user alone has none (NaN).
    """

    model: str
    template: str
    baseline: str
    by_kind: pd.DataFrame
    by_title: pd.DataFrame
    by_item: Mapping[str, Judged]
    reach: Mapping[str, Judged]
    remaining: Judged
    remaining_reach: Judged
    level: float

    @classmethod
    def of(
        cls,
        pairs: Sequence[TitlePair],
        answers: Mapping[tuple[str, str], Answers],
        items: Mapping[tuple[str, str], Answers],
        *,
        model: str,
        bootstrap: Bootstrap,
    ) -> Self:
        """Lay out answers.

        Args:
            pairs: n titles and their twins.
            answers: By template (the audited one, then the baseline) and place; the columns are the
                n hostile titles, then the n twins.
            items: The same of real items; the columns are the user's own, then others.
            model: What the model goes by.
            bootstrap: Of users and titles.
        """
        template, baseline = dict.fromkeys(name for name, _ in answers)
        places = list(dict.fromkeys(place for _, place in answers))
        kinds: TextArray = np.array([pair.kind for pair in pairs], dtype=object)
        cells = {key: _cells(found, _next_of_kind(kinds)) for key, found in answers.items()}
        n_users = len(next(iter(answers.values())).probability)
        resampling = Resampling(bootstrap, n_users, len(pairs))
        rows = []
        for name in (template, baseline):
            for place in (ALL, *places):
                of_place = [cells[name, p] for p in places if place in (ALL, p)]
                for kind in (ALL, *dict.fromkeys(kinds)):
                    chosen: BoolArray = np.asarray((kinds == kind) | (kind == ALL), dtype=bool)
                    row = {"template": name, "kind": kind, "place": place}
                    row |= {"titles": int(chosen.sum()), "users": n_users}
                    for figure in FIGURES:
                        values = np.stack([tables[figure] for tables in of_place])
                        names = (figure, f"{figure}_low", f"{figure}_high")
                        judged = resampling.judged(resampling.mean(values, chosen))
                        row |= zip(names, judged, strict=True)
                    rows.append(row)
        everything = np.ones(len(pairs), dtype=bool)
        own, raw = where_both(
            *(np.stack([cells[name, p]["moved"] for p in places]) for name in (template, baseline))
        )
        moved = {
            name: resampling.mean(values, everything)
            for name, values in ((template, own), (baseline, raw))
        }
        by_item = {
            name: resampling.mean_over_users(np.stack([_by_item(items[name, p]) for p in places]))
            for name in (template, baseline)
        }
        reach = {name: _over(moved[name], by_item[name]) for name in moved}
        return cls(
            model,
            template,
            baseline,
            pd.DataFrame(rows),
            _by_title(pairs, cells),
            {name: resampling.judged(levels) for name, levels in by_item.items()},
            {name: resampling.judged(levels) for name, levels in reach.items()},
            resampling.judged(_over(moved[template], moved[baseline])),
            resampling.judged(_over(reach[template], reach[baseline])),
            bootstrap.level,
        )

    def moved(self, template: str, kind: str = ALL, place: str = ALL) -> float:
        """The mean |shift| of a template, kind and place; a KeyError where there is no such row."""
        return float(
            self.by_kind.set_index(["template", "kind", "place"])["moved"][template, kind, place]
        )

    def worst(self, n: int = 10) -> pd.DataFrame:
        """The titles that move the audited template most, on the mean over places and users."""
        own = self.by_title[self.by_title["template"] == self.template]
        titles = ["kind", "language", "hostile", "twin"]
        means = own.groupby(titles, sort=False)[["moved", "shift"]].mean().reset_index()
        return means.sort_values("moved", ascending=False, kind="stable").head(n)


def _over(values: FloatArray, base: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(base > 0, values / base, np.nan)


def _by_item(items: Answers) -> FloatArray:
    """How far others' items are from the user's own, shape (n_users, others)."""
    return np.abs(items.probability[:, 1:] - items.probability[:, :1])


def _cells(answers: Answers, other: IntArray) -> dict[str, FloatArray]:
    """Each figure's values before they are averaged, shape (n_users, n_titles)."""
    hostile, twins = np.hsplit(answers.probability, 2)
    failed, failed_twins = np.hsplit(answers.failed.astype(np.float64), 2)
    alone = other == np.arange(len(other))
    return {
        "moved": np.abs(hostile - twins),
        "shift": hostile - twins,
        "neutral": np.where(alone, np.nan, np.abs(twins[:, other] - twins)),
        "failed": failed,
        "failed_twins": failed_twins,
    }


def _next_of_kind(kinds: TextArray) -> IntArray:
    """For each title the next one of its kind, the first for the last, shape (n,).

    A title that is the only one of its kind is its own.
    """
    out = np.arange(len(kinds))
    for kind in dict.fromkeys(kinds):
        rows = np.flatnonzero(kinds == kind)
        out[rows] = np.roll(rows, -1)
    return out


def _by_title(
    pairs: Sequence[TitlePair], cells: Mapping[tuple[str, str], Mapping[str, FloatArray]]
) -> pd.DataFrame:
    about = pd.DataFrame([vars(pair) for pair in pairs])
    parts = [
        about.assign(
            template=template,
            place=place,
            **{name: _mean_over_users(tables[name]) for name in ("moved", "shift")},
        )
        for (template, place), tables in cells.items()
    ]
    return pd.concat(parts, ignore_index=True)[list(TITLE_COLUMNS)]


def _mean_over_users(values: FloatArray) -> FloatArray:
    """NaN for a title that nobody has an answer to, shape (n_titles,)."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))
