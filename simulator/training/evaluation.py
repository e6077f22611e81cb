"""How good an agent in training is on users that it has never seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from sklearn.metrics import log_loss, roc_auc_score

from prompts import Personas
from simulator.domain import BoolArray, Dataset, FloatArray, IntArray, middle_times
from simulator.errors import DataError
from simulator.training.branches import without_beginning
from simulator.training.lessons import Lesson, lessons
from simulator.training.reading import Reader
from simulator.training.wording import Wording, in_parts

_LESSONS_AT_ONCE = 64
_BINS = 10


@dataclass(frozen=True)
class Quality:
    """Predicted click probabilities against real clicks.

    Attributes:
        decisions: How many.
        auc: Area under the ROC curve.
        log_loss: Mean negative log-likelihood, in nats.
        mean_probability: Mean P(click).
        click_rate: Share of real clicks.
        calibration_error: Expected calibration error over ten bins of equal width.
    """

    decisions: int
    auc: float
    log_loss: float
    mean_probability: float
    click_rate: float
    calibration_error: float

    @classmethod
    def of(cls, probability: FloatArray, clicked: BoolArray) -> Quality:
        """Both shape (n,); clicks and no-clicks must both occur."""
        return cls(
            decisions=len(clicked),
            auc=float(roc_auc_score(clicked, probability)),
            log_loss=float(log_loss(clicked, probability)),
            mean_probability=float(probability.mean()),
            click_rate=float(clicked.mean()),
            calibration_error=_calibration_error(probability, clicked),
        )


def share_of_the_way(auc: float, best: float) -> float:
    """How far an AUC gets from chance (0.5) to the best possible one: 0 to 1."""
    return (auc - 0.5) / (best - 0.5)


def predict(
    reader: Reader,
    wording: Wording,
    dataset: Dataset,
    users: IntArray,
    *,
    personas: Personas | None = None,
    late: bool = False,
    static: str | None = None,
    batch_tokens: int = 16_384,
    most: int | None = None,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """P(click) for logged exposures of the users, each with the history of its moment.

    Args:
        reader: Reads the network.
        wording: Asks.
        dataset: With logged exposures.
        users: User rows.
        personas: What prompts say of the users, by what was known before the first exposure asked
            about; None for nothing.
        late: Whether to ask about each user's later half alone, as every evaluation does.
        static: The static part; the template's own without examples by default.
        batch_tokens: Tokens at a time.
        most: Exposures after which no more lessons are begun; all by default.

    Returns:
        P(click), the labels' mass, and the log rows they belong to, each shape (n,); exposures
        whose prompts do not fit into the model's window are left out.

    Raises:
        DataError: If none fits.
    """
    window = wording.template.history
    text = wording.static() if static is None else static
    assert dataset.log is not None
    middles = middle_times(dataset.log.user, dataset.log.time, dataset.n_users)
    first = middles if late else np.zeros_like(middles)
    remaining: Iterator[Lesson] = lessons(
        dataset, users, window=(window.window, window.drop), since=first if late else None
    )
    if personas is not None:
        remaining = (
            replace(one, persona=personas.before(one.user, int(first[one.user])))
            for one in remaining
        )
    yes_ids, no_ids = (list(ids) for ids in wording.labels.spellings)
    probability: list[FloatArray] = []
    mass: list[FloatArray] = []
    rows: list[IntArray] = []
    with torch.inference_mode():
        while lot := list(islice(remaining, _LESSONS_AT_ONCE)):
            worded = [wording.word(one, text) for one in lot]
            for part in in_parts([one for one in worded if one is not None], batch_tokens):
                beginning, trees = without_beginning([one.tree for one in part])
                logs = torch.log_softmax(reader.next_token_scores(beginning, trees), dim=-1)
                yes, no = torch.logsumexp(logs[:, yes_ids], 1), torch.logsumexp(logs[:, no_ids], 1)
                probability.append(torch.sigmoid(yes - no).cpu().numpy())
                mass.append(torch.logaddexp(yes, no).exp().cpu().numpy())
                rows.extend(one.rows for one in part)
            if most is not None and sum(map(len, rows)) >= most:
                break
    if not rows:
        raise DataError(
            f"None of the prompts about these {len(users)} users fits into the model's window of "
            f"{wording.encoder.window} tokens."
        )
    return np.concatenate(probability), np.concatenate(mass), np.concatenate(rows)


def _calibration_error(probability: FloatArray, clicked: BoolArray) -> float:
    """Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Eq. 3."""
    bins = np.minimum((probability * _BINS).astype(np.int64), _BINS - 1)
    predicted = np.bincount(bins, weights=probability, minlength=_BINS)
    actual = np.bincount(bins, weights=clicked, minlength=_BINS)
    return float(np.abs(predicted - actual).sum() / len(clicked))
