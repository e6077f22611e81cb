"""How an exhibit was made and how to read it, in sentences."""

from __future__ import annotations

from simulator.domain import Dataset
from simulator.reproduction.published import DATASETS, published_counts
from simulator.reproduction.settings import ReproductionSettings


def how_it_was_made(settings: ReproductionSettings, data: Dataset) -> tuple[str, ...]:
    """Data, size and click model."""
    users = settings.users or data.n_users
    pool = f"{settings.pool}" if settings.pool else "the whole catalogue"
    seeds = "seed 0" if settings.seeds == 1 else f"seeds 0 to {settings.seeds - 1}"
    return (
        f"{users:,} of {data.n_users:,} users, {settings.targets} targets out of {pool}, "
        f"{settings.rounds} rounds, {seeds}; clicks by the distribution model "
        f"({settings.distribution}) under every protocol.",
        _same_data(settings, data),
    )


def _same_data(settings: ReproductionSettings, data: Dataset) -> str:
    counts = published_counts(settings.data)
    if counts is None:
        return "The paper has no figures for this data."
    ours = (data.n_users, data.n_items, len(data.interactions))
    theirs = (counts["users"], counts["items"], counts["interactions"])
    if ours == theirs:
        return "The data is the paper's, by its counts of users, items and interactions."
    words = ("{:,} users, {:,} items, {:,} interactions".format(*c) for c in (ours, theirs))
    here, there = words
    return (
        f"Not the paper's data: here {here}; its {DATASETS[settings.data]} has {there}. "
        "Differences to it are differences of data first."
    )


def how_to_read(settings: ReproductionSettings) -> tuple[str, ...]:
    """What ± and Δ are, and what a protocol's figures mean."""
    clusters = "targets" if settings.seeds == 1 else "targets and seeds (two ways of clustering)"
    out = [
        f"± is half a 95% interval over {clusters}, by Student's t; the paper prints none.",
    ]
    if published_counts(settings.data):
        out.append("Δ is ours less the published figure.")
    if "released-code" in settings.protocols:
        out.append(
            "Under released-code, HR@P is the whole run's click rate over the first P targets, "
            "as that code has it, and interest and rank are read before round P's click."
        )
    unpaired = [name for name in ("paper", "released-code") if name in settings.protocols]
    if unpaired:
        out.append(
            f"Under {' and '.join(unpaired)}, only ITMPRec gets prematched targets, and only its "
            "users move by TIAC."
        )
    return tuple(out)
