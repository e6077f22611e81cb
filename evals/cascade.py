"""What a cascade spared, and whether the two models agree where the cheap one was sure."""

from __future__ import annotations

from typing import Any

from evals.agreement import agreement, beside
from evals.bootstrap import Bootstrap
from simulator.runlog import Run


def cascade_figures(run: Run, bootstrap: Bootstrap) -> dict[str, Any] | None:
    """How much of a run its agent was asked, and how far it agrees with the cheap model.

    Args:
        run: Any run.
        bootstrap: Resamples users for the intervals.

    Returns:
        None for a run without a cascade. Else share_in_band, the share of exposures in which the
        cheap model was in doubt; share_asked, the share that the agent decided, those drawn for the
        audit included; and `agreement` of the two on the same draws, in_band and outside_band, each
        over the exposures that the agent decided there.
    """
    settings = run.manifest.get("config", {}).get("cascade")
    if settings is None:
        return None
    rows = beside(run, settings["cheap"])
    low, high = settings["band"]
    doubtful = (rows["probability_other"] >= low) & (rows["probability_other"] <= high)
    asked = (rows["source"] != settings["cheap"]) & (rows["failure"] == "")
    return {
        "share_in_band": float(doubtful.mean()),
        "share_asked": float((asked | (rows["failure"] != "")).mean()),
        "in_band": agreement(rows[doubtful & asked], bootstrap),
        "outside_band": agreement(rows[~doubtful & asked], bootstrap),
    }
