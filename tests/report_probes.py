"""Invented findings of bias probes, for tests of the report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evals.probes import Probes
from simulator.seeding import generator


def probes(agent: str, seed: int) -> Probes:
    """Probes with shifts of all kinds."""
    draws = generator(seed, "report probes")
    rows = [
        ("label swap", "yes and no swapped"),
        ("example order", "reversed"),
        ("example order", "clicks last"),
        ("example balance", "all clicks"),
        ("example balance", "no clicks"),
        ("wording", "would you watch it?"),
        ("neutral titles", "titles as codes"),
        ("positivity", ""),
        ("popularity", ""),
    ]
    shift = draws.normal(size=len(rows)) * 0.06
    half = 0.01 + 0.03 * draws.random(len(rows))
    auc = draws.normal(size=len(rows)) * 0.02
    table = pd.DataFrame(rows, columns=["probe", "variant"]).assign(
        exposures=1000,
        users=40,
        shift=shift,
        shift_low=shift - half,
        shift_high=shift + half,
        p_corrected=np.where(np.abs(shift) > half, 0.004, 0.6),
        moved=np.where(np.arange(len(rows)) < 7, np.abs(shift) + 0.02, np.nan),
        flipped=np.abs(shift) / 2,
        auc=0.7 + auc,
        auc_difference=auc,
        auc_low=auc - 0.01,
        auc_high=auc + 0.01,
        failures=0,
        note=["", "", "", "", "", "", "", "P(click) less the logged click rate", "slope"],
    )
    worst = pd.DataFrame(
        {
            "probe": "label swap",
            "variant": "yes and no swapped",
            "row": np.arange(5) * 7,
            "probability": 0.81,
            "probability_variant": np.linspace(0.1, 0.4, 5),
        }
    )
    return Probes(agent, table, worst, ())
