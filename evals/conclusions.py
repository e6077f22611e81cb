"""Axis two: do the conclusions about nudging methods survive another click model?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Conclusions:
    """The same nudging methods played before each click model, with the same draws.

    Attributes:
        methods: Names of the recommenders.
        models: Names of the click models, "agent", "distribution (w 5, b 0.2)", ...
        base: The click model whose conclusions the others' are held against.
        users: Users in each run.
        values: Columns model, method, metric ("HR@20", "IoI@20", "IoR@20"), value, low, high.
        winners: Columns model, metric, winner, runner_up, margin, low, high, p_corrected, decided
            (whether the margin's corrected p is below 0.05).
        agreement: Columns model, metric, tau (of the methods' ranking to the base model's), low,
            high.
        pairs: Columns metric, method, other, base_difference, holds, reversed, undecided (numbers
            of the other click models in which `method` less `other` keeps its sign, turns it, or
            cannot be told from zero); a row for each pair that the base model decides.
        cautions: What a reader must know, in sentences.
    """

    methods: tuple[str, ...]
    models: tuple[str, ...]
    base: str
    users: int
    values: pd.DataFrame
    winners: pd.DataFrame
    agreement: pd.DataFrame
    pairs: pd.DataFrame
    cautions: tuple[str, ...]
