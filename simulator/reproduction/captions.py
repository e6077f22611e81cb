"""How an exhibit was made and how to read it, in sentences."""

from __future__ import annotations

from simulator.domain import Dataset
from simulator.reproduction.published import DATASETS, published_counts
from simulator.reproduction.settings import ReproductionSettings


def how_it_was_made(
    settings: ReproductionSettings, data: Dataset, *, clicks: str = ""
) -> tuple[str, ...]:
    """Data, size and click model.

    Args:
        settings: Of the exhibit.
        data: What they name.
        clicks: Who decides, where it is not the distribution model alone.
    """
    users = settings.users or data.n_users
    pool = settings.pool or "the whole catalogue"
    seeds = "seed 0" if settings.seeds == 1 else f"seeds 0 to {settings.seeds - 1}"
    clicks = clicks or f"the distribution model ({settings.distribution}) under every protocol"
    return (
        f"{users:,} of {data.n_users:,} users, {settings.targets} targets out of {pool}, "
        f"{settings.rounds} rounds, {seeds}; clicks by {clicks}.",
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


def how_to_read(settings: ReproductionSettings, *, printed: bool = True) -> tuple[str, ...]:
    """What ± and Δ are, and what a protocol's figures mean.

    Args:
        settings: Of the exhibit.
        printed: Whether it holds figures of the paper.
    """
    clusters = "targets" if settings.seeds == 1 else "targets and seeds (two ways of clustering)"
    out = [f"± is half a 95% interval over {clusters}, by Student's t."]
    if printed and published_counts(settings.data):
        out.append("Δ is ours less the published figure, which has no interval.")
    if "released-code" in settings.protocols:
        out.append(
            "Under released-code, HR@P is the whole run's click rate over the first P targets, "
            "as that code has it, and interest and rank are read before round P's click."
        )
    whole = [name for name in ("fair", "paper") if name in settings.protocols]
    if whole and printed and published_counts(settings.data):
        out.append(
            f"Under {' and '.join(whole)}, IoR counts every rank; the published IoR looks like the "
            "released code's, where a rank is at most 199, so Δ IoR says little there."
        )
    own = [name for name in ("paper", "released-code") if name in settings.protocols]
    if own:
        out.append(
            f"Under {' and '.join(own)}, only ITMPRec gets prematched targets, and only its "
            "users move by TIAC."
        )
    return tuple(out)
