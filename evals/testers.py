"""Axis two: does a click model rank recommenders as the log does?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class RecommenderRanking:
    """Recommenders ranked by the log, and by each click model in its place.

    A recommender picks its best `k` of every logged slate; its value is the click rate of what it
    picked: by the log's own answers, or by a click model's probabilities.

    Attributes:
        recommenders: Names.
        models: Names of the click models; "log" is not among them.
        k: Items picked a slate.
        slates: Slates with something to choose (more than k rows).
        users: Users behind them.
        values: Columns model ("log" for the log itself), recommender, value, low, high.
        agreement: Columns model, tau (Kendall's tau-b to the log's ranking), low, high,
            same_best (share of the bootstrap resamples in which the model's best is the log's).
        cautions: What a reader must know, in sentences.
    """

    recommenders: tuple[str, ...]
    models: tuple[str, ...]
    k: int
    slates: int
    users: int
    values: pd.DataFrame
    agreement: pd.DataFrame
    cautions: tuple[str, ...]
