"""The measures of an evaluation's variants, and their differences to the incumbent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evals.bootstrap import Bootstrap, holm
from evals.judging import judge_answers
from evals.labelled import LabelledExposures
from simulator.domain import Clicks
from simulator.errors import ConfigError, DataError
from simulator.lab.asking import failure_reasons
from simulator.lab.evaluation import COMPARED, MEASURES, MOST_FAILURES


@dataclass(frozen=True, eq=False)
class Judged:
    """Measures, differences and cautions as of `Evaluation`.

    Attributes:
        measures: See there.
        differences: See there.
        unjudged: Why a variant could not be judged, by name.
        cautions: See there.
    """

    measures: pd.DataFrame
    differences: pd.DataFrame
    unjudged: Mapping[str, str]
    cautions: tuple[str, ...]


def judge_variants(
    answers: Mapping[str, Clicks],
    log: LabelledExposures,
    incumbent: str,
    bootstrap: Bootstrap | None = None,
) -> Judged:
    """Measures and differences of variants by name.

    Args:
        answers: Row for row with the log.
        log: What the users did.
        incumbent: The variant that differences are taken to.
        bootstrap: Of users.

    Raises:
        ConfigError: If the incumbent cannot be judged.
        DataError: If the incumbent answered only clicks or only no-clicks.
    """
    failing = {name for name, given in answers.items() if _failed(given) > MOST_FAILURES}
    together = [name for name in answers if name == incumbent or name not in failing]
    groups = [together, *([incumbent, name] for name in failing if name != incumbent)]
    measures, differences = [], []
    unjudged: dict[str, str] = {}
    cautions: dict[str, None] = {}
    log = replace(log, segments={})  # only overall figures are wanted here
    for group in groups:
        try:
            found = judge_answers(
                {name: answers[name] for name in group}, log, base=incumbent, bootstrap=bootstrap
            )
        except (ConfigError, DataError) as error:
            if group is together:
                why = next(filter(None, map(_why, (answers[name] for name in group))), "")
                raise type(error)(f"{why}. {error}" if why else str(error)) from error
            unjudged[group[1]] = _why(answers[group[1]]) or str(error)
            continue
        new = group if group is together else group[1:]
        measures.append(found.measures[found.measures["model"].isin(new)])
        differences.append(found.differences[found.differences["model"].isin(new)])
        cautions.update(dict.fromkeys(found.cautions))
    gap = _chosen(pd.concat(differences), COMPARED).drop(columns="base")
    gap["p_corrected"] = holm(gap["p"].to_numpy(dtype=np.float64))
    return Judged(_chosen(pd.concat(measures), MEASURES), gap, unjudged, tuple(cautions))


def _chosen(table: pd.DataFrame, measures: tuple[str, ...]) -> pd.DataFrame:
    rows = table[table["measure"].isin(measures)]
    return rows.rename(columns={"model": "variant"}).reset_index(drop=True)


def _failed(given: Clicks) -> float:
    return float(np.mean(given.undecided)) if len(given) else 0.0


def _why(given: Clicks) -> str:
    """Why most decisions of a variant failed."""
    reason = next(iter(failure_reasons(given)), "")
    count = int(given.undecided.sum())
    return f"{count:,} of {len(given):,} decisions failed: {reason}" if count else ""
