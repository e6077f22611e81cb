"""What goes into a run's summary.json: the same bytes for the same run, so no seconds in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evals import metrics as m
from evals.agreement import agreement, beside
from evals.bootstrap import Bootstrap
from evals.cascade import cascade_figures
from simulator.runlog import Run

_DIGITS = 6


def summarise(
    run: Run, metrics: Sequence[m.Metric] = (), *, bootstrap: Bootstrap | None = None
) -> dict[str, Any]:
    """Metrics with intervals, failures by reason, who decided, and agreement with models beside.

    For slates also the click rate by position, for a cascade what it spared (`evals.cascade`).

    Args:
        run: At least one round.
        metrics: Further metrics of your own.
        bootstrap: Resampling; 1000 replicates and 95% by default.

    Returns:
        Plain dicts, numbers rounded to 6 digits after the point, None for what is not defined;
        ready for `json.dumps`. A metric without any value (no vectors, say) is absent.
    """
    resampling = bootstrap or Bootstrap()
    n = len(run.exposures)
    failures, sources = m.failures(run), m.sources(run)
    levels = resampling.intervals(m.per_user(run, metrics))
    cascade = cascade_figures(run, resampling)
    return {
        "rounds": run.rounds,
        "users": int(run.episodes["user"].nunique()),
        "targets": int(run.episodes["target"].nunique()),
        "episodes": len(run.episodes),
        "exposures": n,
        "clicks": int(run.exposures["clicked"].sum()),
        "interval": resampling.level,
        "metrics": {str(name): _plain(row) for name, row in levels.iterrows()},
        **_by_position(run, resampling),
        "failures": {
            "count": int(failures.sum()),
            "share": _rounded(failures.sum() / n),
            "by_reason": {str(reason): int(count) for reason, count in failures.items()},
        },
        "sources": {
            str(name): {"decisions": int(count), "share": _rounded(count / n)}
            for name, count in sources.items()
        },
        "beside": {
            model: _plain(agreement(beside(run, model), resampling)) for model in run.beside
        },
        **({} if cascade is None else {"cascade": _plain(cascade)}),
    }


def _by_position(run: Run, resampling: Bootstrap) -> dict[str, Any]:
    if m.slate_size(run) == 1:
        return {}
    levels = resampling.intervals(m.click_rate_by_position(run))
    return {"click_rate_by_position": {str(at): _plain(row) for at, row in levels.iterrows()}}


def _plain(values: Mapping[str, Any] | pd.Series[float]) -> dict[str, Any]:
    """Numbers rounded, at any depth."""
    return {
        str(name): _plain(value) if isinstance(value, Mapping) else _rounded(value)
        for name, value in values.items()
    }


def _rounded(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else round(float(value), _DIGITS)
