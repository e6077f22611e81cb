"""What an evaluation found: variants held against the same logged exposures, and what each cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from evals.labelled import LabelledExposures
from evals.measures import LOWER_IS_BETTER
from simulator.domain import Clicks
from simulator.lab.variants import Variant

MEASURES = ("auc", "log_loss", "calibration_error", "click_rate_ratio", "brier")
"""What the lab reports of a prompt, the first two with differences to the incumbent."""

COMPARED = ("auc", "log_loss")

MOST_FAILURES = 0.05
"""Share of failed decisions past which a variant is judged apart from the others, since all that
are judged together are measured on the rows that every one of them answered; and past which it is
ranked below all others, whatever it made of the rest."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Variants on the same exposures, all paired.

    Attributes:
        data: The data set's name.
        model: What the model goes by.
        split: "development" or "test".
        seed: Of the sample of exposures.
        variants: By name, in the order in which they were asked.
        incumbent: The one that differences are taken to, by name.
        log: What they were held against.
        answers: Each variant's answers, row for row with the log.
        measures: Columns variant, measure, value, low, high, exposures, users; the measures of
            `MEASURES`. 95% intervals resample users.
        differences: Columns variant, measure, difference (to the incumbent), low, high, p,
            p_corrected (Holm's, over all variants and measures of this evaluation).
        costs: A row a variant, indexed by name: tokens (a prompt, as the model receives it),
            new_tokens (of these, computed and not spared by a prefix cache), seconds (a decision);
            the last two over what the engine was `asked`, NaN where it was asked nothing; asked
            and from_cache (prompts), prompt_tokens and computed_tokens (in all), failures (rows)
            and failure (why, the commonest first).
        refused: Why a variant could not be asked or judged, by name.
        cautions: What a reader must know, in sentences.
        looks: How often these users have been looked at, this time included; None where nobody
            counts.
    """

    data: str
    model: str
    split: str
    seed: int
    variants: Mapping[str, Variant]
    incumbent: str
    log: LabelledExposures
    answers: Mapping[str, Clicks]
    measures: pd.DataFrame
    differences: pd.DataFrame
    costs: pd.DataFrame
    refused: Mapping[str, str]
    cautions: tuple[str, ...] = ()
    looks: int | None = None

    def value(self, variant: str, measure: str) -> float:
        """A measure of a variant; NaN where it could not be judged."""
        rows = self.measures
        found = rows.loc[(rows["variant"] == variant) & (rows["measure"] == measure), "value"]
        return float(found.iloc[0]) if len(found) else float("nan")

    def judged(self, variant: str) -> bool:
        """Whether a variant could be asked and judged."""
        return bool((self.measures["variant"] == variant).any())

    def ranking(self, measure: str = "log_loss") -> list[str]:
        """The judged variants, best first, equal ones as given; those that fail too often last."""
        names = [name for name in self.variants if self.judged(name)]
        sign = 1 if measure in LOWER_IS_BETTER else -1
        most = MOST_FAILURES * len(self.log)
        return sorted(
            names,
            key=lambda name: (
                float(self.costs["failures"][name]) > most,
                sign * self.value(name, measure),
            ),
        )

    def board(self) -> pd.DataFrame:
        """A row a variant, indexed by name, best log-loss first, as `ranking` has it.

        Columns: for each of `MEASURES` its value, `..._low` and `..._high`; for those compared
        `..._difference`, `..._difference_low`, `..._difference_high` and `..._p`; and the costs.
        """
        level = _wide(self.measures, {"value": "", "low": "_low", "high": "_high"})
        gap = _wide(
            self.differences,
            {
                "difference": "_difference",
                "low": "_difference_low",
                "high": "_difference_high",
                "p_corrected": "_p",
            },
        )
        out = pd.concat([level, gap], axis=1).join(self.costs, how="outer")
        ranked = self.ranking()
        return out.loc[[*ranked, *(name for name in out.index if name not in ranked)]]


def _wide(long: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """A row a variant, a column a measure and figure."""
    if long.empty:
        return pd.DataFrame()
    wide = long.pivot(index="variant", columns="measure", values=list(names))
    figures, measures = (wide.columns.get_level_values(level) for level in (0, 1))
    wide.columns = pd.Index([f"{m}{names[f]}" for f, m in zip(figures, measures, strict=True)])
    return wide.astype(float)
