"""The sequence click model: what an encoder makes of a history, through a logistic curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from scipy.special import expit

from simulator.clicks.click_rate import check_answers, check_log
from simulator.describe import describe
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray, Ragged
from simulator.scores import paired

_AT_A_TIME = 2**15
"""Rows whose windows and vectors are held at once, some 500 bytes each."""


class HistoryEncoder(Protocol):
    """A trained sequence model, such as `recommender.sequence.SequenceModel`.

    Attributes:
        items: e_i, float32, shape (n_items, d).
    """

    items: FloatArray

    def encode(self, histories: Ragged) -> FloatArray:
        """f_u of each history, oldest first, perhaps empty; float32, shape (n, d).

        A history's vector must not depend on the others.
        """
        ...


@dataclass(frozen=True, eq=False)
class SequenceClicks:
    """P(click) = sigmoid(w f_u . e_i + b), where f_u is made of the exposure's own history.

    The score is the one by which a sequential recommender (SASRec: Kang and McAuley,
    "Self-attentive sequential recommendation", ICDM 2018) ranks the next item. It was learnt from
    what was taken, and what is taken next is not always what is liked: where histories hold every
    rating, good and bad, it tells little of the two apart. The curve makes a probability of it.

    Attributes:
        encoder: Trained, and not on what is asked about.
        w: Slope.
        b: Log-odds of a click at score 0.
        source: What its decisions are signed with.
    """

    encoder: HistoryEncoder
    w: float
    b: float
    source: str = "sequence model"

    @classmethod
    def fit(
        cls,
        encoder: HistoryEncoder,
        shown: Exposures,
        clicked: BoolArray,
        *,
        source: str = "sequence model",
    ) -> Self:
        """Estimate w and b by maximum likelihood on logged exposures with real no-clicks.

        Args:
            encoder: Trained on what came before these exposures: of clicks that it has learnt by
                heart it would be too sure, and w too steep for all others.
            shown: n logged exposures, each with the history of its moment.
            clicked: What the users did, shape (n,).
            source: What its decisions are signed with.

        Raises:
            DataError: If the log is empty, or of one answer.
            ConfigError: If lengths differ.
        """
        from sklearn.linear_model import LogisticRegression

        check_log(shown, clicked)
        check_answers(clicked)
        scores = sequence_scores(encoder, shown).astype(np.float64)
        model = LogisticRegression(C=np.inf, tol=1e-6).fit(scores[:, None], clicked)
        return cls(encoder, float(model.coef_[0, 0]), float(model.intercept_[0]), source)

    def probability(self, shown: Exposures) -> FloatArray:
        """P(click) of each row, float64, shape (n,)."""
        scores = sequence_scores(self.encoder, shown).astype(np.float64)
        return np.asarray(expit(self.w * scores + self.b))

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row; never fails."""
        return Clicks.from_probability(self.probability(shown), shown.draw, source=self.source)

    def describe(self) -> str:
        """The curve, and what it reads."""
        return f"{self.source}(w={self.w:.4g}, b={self.b:.4g}, {describe(self.encoder)})"


def sequence_scores(encoder: HistoryEncoder, shown: Exposures) -> FloatArray:
    """f_u . e_i of each row, f_u of the history of the row's moment.

    Args:
        encoder: Trained.
        shown: n exposures in any order; rows of one history are encoded together.

    Returns:
        float32, shape (n,).
    """
    # A user's history only grows, so that equal ones come to stand side by side.
    order = np.lexsort((shown.history.lengths, shown.user))
    scores = np.empty(len(shown), dtype=np.float32)
    for start in range(0, len(shown), _AT_A_TIME):
        part = order[start : start + _AT_A_TIME]
        users = encoder.encode(shown.history.take(part))
        scores[part] = paired(users, encoder.items[shown.item[part]])
    return scores
