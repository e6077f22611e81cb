"""What the bias probes found, as a table."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Probes:
    """An agent asked again with something changed that should not matter, on the same exposures.

    Attributes:
        agent: The agent's name.
        table: A row a variant; columns probe ("label swap", "example order", "example balance",
            "wording", "neutral titles", "positivity", "popularity", "position", "years"),
            variant (in words), exposures, users, shift (mean P(variant) - P(as is)), shift_low,
            shift_high, p_corrected (of the shift, Holm over all rows), moved (mean |P - P'|),
            flipped (share of decisions that change at the common draws), auc (of the variant),
            auc_difference, auc_low, auc_high, failures, note. A probe that compares with the log
            and not with a variant (positivity, popularity, position, years) says in `note` what
            its shift is, and has NaN where a column has no meaning; so does a variant that is held
            against another variant.
        worst: The decisions that moved most, the first of each variant before the second of any;
            columns probe, variant, row (of the labelled exposures), probability,
            probability_variant.
        cautions: What a reader must know, in sentences.
    """

    agent: str
    table: pd.DataFrame
    worst: pd.DataFrame
    cautions: tuple[str, ...]
