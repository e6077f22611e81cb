"""What a report is made of; whatever is absent is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evals.compare import Comparison
from evals.conclusions import Conclusions
from evals.headlines import HeadlineJudgement
from evals.judgement import Judgement
from evals.probes import Probes
from evals.report.decisions import Decisions
from evals.testers import RecommenderRanking
from simulator.domain import Catalogue, Vectors


@dataclass(frozen=True, eq=False)
class Contents:
    """The parts of a report.

    Attributes:
        data: Name of the data that all parts are about.
        judgement: Axis one: click models against logged users.
        baselines: Models of the judgement that anything better must beat.
        ranking: Axis two: recommenders ranked by the log and by each click model.
        conclusions: Axis two: nudging methods before each click model.
        probes: Bias probes, an agent each.
        headlines: Whether models order headlines as people did.
        runs: Runs side by side.
        titles: Titles by catalogue row; those of the runs where none are given.
        catalogue: Titles and categories; needed for the categories of nudging paths.
        vectors: What the runs were played with; needed to follow users' vectors.
        decisions: What the table of decisions shows; the runs' own where none are given.
        cost: A row a model, indexed by its name: whatever was counted, such as decisions, seconds
            and tokens.
        manifests: By name what was compared and how, beside the runs' own.
        cautions: What a reader must know, in sentences, beside the parts' own.
    """

    data: str = ""
    judgement: Judgement | None = None
    baselines: tuple[str, ...] = ()
    ranking: RecommenderRanking | None = None
    conclusions: Conclusions | None = None
    probes: tuple[Probes, ...] = ()
    headlines: HeadlineJudgement | None = None
    runs: Comparison | None = None
    titles: Sequence[str] | None = None
    catalogue: Catalogue | None = None
    vectors: Vectors | None = None
    decisions: Decisions | None = None
    cost: pd.DataFrame | None = None
    manifests: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    cautions: tuple[str, ...] = ()

    @property
    def names(self) -> Sequence[str] | None:
        """Titles by catalogue row; None where nobody knows them."""
        if self.catalogue is not None:
            return self.catalogue.titles
        if self.titles is None and self.runs is not None:
            return self.runs.runs[0].titles or None
        return self.titles
