"""A compiled loop over rows sorted by falling probability, under many weightings at once.

In its own module, so that nothing loads the compiler before it is needed. The loop is one function
without slices of rows: each slice or call with arrays counts references, atomically, which costs as
much as the arithmetic of a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.compiling import compiled

ROWS, CLICKS, EXPECTED, LOSS, MISSED, ORDERED, PRECISION, CAUGHT = range(8)
"""Places in what `sum_rows` writes; see `evals.ranking.Sums`."""


@compiled
def _count_clicks(user: Any, clicked: Any, weights: Any, clicks: Any) -> None:
    """Add up the weighted clicks, which the threshold at the logged click rate asks for first."""
    for i in range(user.shape[0]):
        if clicked[i]:
            for k in range(weights.shape[1]):
                clicks[k] += weights[user[i], k]


@compiled
def sum_rows(  # noqa: C901 - one function, see above
    user: Any,
    clicked: Any,
    probability: Any,
    loss: Any,
    ends_tie: Any,
    ends_bin: Any,
    starts: Any,
    weights: Any,
    out: Any,
) -> None:
    """Go once through the rows of each group, from the highest probability down.

    Args:
        user: Each row's user, shape (n,).
        clicked: bool, shape (n,).
        probability: float64, falling within a group, shape (n,).
        loss: float64, shape (n,).
        ends_tie: Whether the next row has another probability or group, bool, shape (n,).
        ends_bin: Whether the next row is in another calibration bin or group, bool, shape (n,).
        starts: Group g is rows `starts[g]:starts[g + 1]`.
        weights: How often each user counts, a column a weighting, float32, shape (n_users, m).
        out: Zeros, float64, shape (n_groups, 8, m); whole numbers below 2**53 come out exact.
    """
    m = weights.shape[1]
    gained, lost, clicks, before = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    for g in range(starts.shape[0] - 1):
        begin, end = starts[g], starts[g + 1]
        above, hits, expected, losses = (
            out[g, ROWS],
            out[g, CLICKS],
            out[g, EXPECTED],
            out[g, LOSS],
        )
        missed, ordered = out[g, MISSED], out[g, ORDERED]
        precision, caught = out[g, PRECISION], out[g, CAUGHT]
        gained[:], lost[:], clicks[:], before[:] = 0.0, 0.0, 0.0, 0.0
        fresh = True
        _count_clicks(user[begin:end], clicked[begin:end], weights, clicks)
        for i in range(begin, end):
            who, p, nats = user[i], probability[i], loss[i]
            for k in range(m):
                w = np.float64(weights[who, k])
                expected[k] += w * p
                losses[k] += w * nats
            if ends_tie[i] and fresh:  # a probability of its own, as nearly all are
                if clicked[i]:
                    for k in range(m):
                        w = np.float64(weights[who, k])
                        room = max(clicks[k] - above[k], 0.0)
                        above[k] += w
                        hits[k] += w
                        precision[k] += w * hits[k] / max(above[k], 1.0)
                        caught[k] += min(room, w)
                else:
                    for k in range(m):
                        w = np.float64(weights[who, k])
                        ordered[k] += w * hits[k]
                        above[k] += w
            else:
                if clicked[i]:
                    for k in range(m):
                        gained[k] += weights[who, k]
                else:
                    for k in range(m):
                        lost[k] += weights[who, k]
                if ends_tie[i]:
                    for k in range(m):
                        step = gained[k] + lost[k]
                        room = max(clicks[k] - above[k], 0.0)
                        ordered[k] += lost[k] * (hits[k] + 0.5 * gained[k])
                        above[k] += step
                        hits[k] += gained[k]
                        precision[k] += gained[k] * hits[k] / max(above[k], 1.0)
                        caught[k] += gained[k] * min(room / max(step, 1.0), 1.0)
                        gained[k] = 0.0
                        lost[k] = 0.0
            fresh = ends_tie[i]
            if ends_bin[i]:
                for k in range(m):
                    surplus = expected[k] - hits[k]
                    missed[k] += abs(surplus - before[k])
                    before[k] = surplus
