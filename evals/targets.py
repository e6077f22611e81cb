"""A run's figures target by target, and intervals that treat targets as the sample.

A paper's table is one number a method, the mean over some twenty targets; what another draw of
targets would have given is the uncertainty that matters when it is compared with ours. Users are
many and move that number little. Targets of one run hang together through nothing but their users,
while the cells of several seeds share targets, so both ways count as clusters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evals.metrics import curves, cutoffs, measurement_of
from simulator.domain import FloatArray
from simulator.protocol import Measurement
from simulator.runlog import Run

_SWAPPED = {"user": "target", "target": "user"}
_COLUMNS = ("user", "target", "round", "position", "clicked", "similarity", "rank")


def target_curves(run: Run, measurement: Measurement | None = None) -> dict[str, pd.DataFrame]:
    """HR, IoI and IoR of each target over rounds, HR@P always over the first P rounds.

    Args:
        run: At least one round, with targets.
        measurement: See `Measurement`; the run's own by default.

    Returns:
        By metric one row a target (catalogue row, in the order of the run), one column a
        P = 1 .. rounds; metrics that the run has no values for are absent.
    """
    rule = measurement or measurement_of(run)
    targets = pd.Index(run.episodes["target"].unique(), name="target")
    # The same figures with targets in the place of users: each of their means is then a target's.
    turned = Run(
        run.manifest,
        run.episodes.rename(columns=_SWAPPED),
        run.exposures[list(_COLUMNS)].rename(columns=_SWAPPED),
        run.cost,
    )
    found = curves(turned, rule.model_copy(update={"hit_rate": "rounds"}))
    return {name: frame.reindex(targets) for name, frame in found.items()}


def per_target(run: Run, measurement: Measurement | None = None) -> pd.DataFrame:
    """HR, IoI and IoR of each target, the mean over its users.

    A column's mean over targets is the run's figure. Where the protocol averages HR over "targets",
    HR@P is the whole run's click rate of each of the first P targets and NaN for the others.

    Args:
        run: At least one round, with targets.
        measurement: See `Measurement`; the run's own by default.

    Returns:
        One row a target (catalogue row, in the order of the run), columns HR@5 .. IoR@20.
    """
    rule = measurement or measurement_of(run)
    found = target_curves(run, rule)
    columns = {f"{name}@{p}": frame[p] for name, frame in found.items() for p in cutoffs(run)}
    if rule.hit_rate == "targets":
        whole = found["HR"][run.rounds]
        for p in cutoffs(run):
            columns[f"HR@{p}"] = whole.where(np.arange(len(whole)) < p)
    return pd.DataFrame(columns)


def estimate(tables: Sequence[pd.DataFrame], *, level: float = 0.95) -> pd.DataFrame:
    """Means over targets and seeds, with standard errors and intervals.

    With one table the standard error is that over targets. With several, targets and seeds are two
    ways of clustering whose variances add up less that of their crossing (Cameron, Gelbach and
    Miller, "Robust inference with multiway clustering", 2011), and Student's t has Satterthwaite's
    degrees of freedom, so that two seeds give the wide interval that they deserve where seeds
    differ.

    Args:
        tables: `per_target` of the runs of one method, a table a seed.
        level: Coverage of the intervals, in (0, 1).

    Returns:
        Columns mean, se, low, high, targets; one row a metric. NaN but for the mean where there is
        one target alone.
    """
    cells = pd.concat(tables, keys=range(len(tables)), names=["seed"])
    rows = {name: _estimate(cells[name].dropna(), level) for name in cells.columns}
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["mean", "se", "low", "high", "targets"]
    ).astype({"targets": int})


def paired_estimate(
    tables: Sequence[pd.DataFrame], base: Sequence[pd.DataFrame], *, level: float = 0.95
) -> pd.DataFrame:
    """As `estimate`, of the differences of two methods, paired by target within each seed.

    Without any target in common there is nothing to pair, and the result has no rows.
    """
    gaps = []
    for ours, theirs in zip(tables, base, strict=True):
        shared = ours.index.intersection(theirs.index)
        gaps.append(ours.loc[shared] - theirs.loc[shared])
    if not sum(map(len, gaps)):
        return pd.DataFrame(columns=["mean", "se", "low", "high", "targets"])
    return estimate(gaps, level=level)


def _estimate(values: pd.Series[float], level: float) -> tuple[float, ...]:
    from scipy.stats import t

    mean = float(values.mean())
    target = values.index.get_level_values("target")
    seed = values.index.get_level_values("seed")
    n_targets, n_seeds = target.nunique(), seed.nunique()
    if n_targets < 2:
        return mean, np.nan, np.nan, np.nan, n_targets
    share = ((values - mean) / len(values)).to_numpy(dtype=np.float64)
    by_target = _clustered(share, pd.factorize(target)[0])
    if n_seeds < 2:
        variance, freedom = by_target, n_targets - 1.0
    else:
        by_seed = _clustered(share, pd.factorize(seed)[0])
        by_cell = _clustered(share, np.arange(len(share)))
        variance = max(by_target + by_seed - by_cell, by_target, by_seed)
        spread = by_target**2 / (n_targets - 1) + by_seed**2 / (n_seeds - 1)
        freedom = (by_target + by_seed) ** 2 / spread if spread > 0 else n_targets - 1.0
    se = float(np.sqrt(variance))
    half = float(t.ppf((1 + level) / 2, freedom)) * se
    return mean, se, mean - half, mean + half, n_targets


def _clustered(share: FloatArray, cluster: np.ndarray) -> float:
    """Variance of a sum whose terms hang together within clusters, with n / (n - 1)."""
    sums = np.bincount(cluster, weights=share)
    return float(np.sum(sums**2) * len(sums) / (len(sums) - 1))
